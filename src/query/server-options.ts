/** The graph server on the command line, and from a config to the settings of its sink and its reader. */

import type { Command } from "commander";
import { ConfigError } from "../../config/document.ts";
import type { RunConfig } from "../../config/schema.ts";
import {
  type Neo4jChoices,
  type Neo4jSettings,
  neo4jSettings,
} from "../../connectors/sinks/neo4j/neo4j-settings.ts";
import { messageOf } from "../model/errors.ts";

/** What the options hold, by commander's names. There is none for a password: a command line is seen by all. */
export interface ServerOptions {
  readonly neo4jUri?: string;
  readonly neo4jDatabase?: string;
  readonly neo4jCredentials?: string;
  readonly neo4jLabelPrefix?: string;
}

/** Adds `--neo4j-…` to a command. */
export function addServerOptions(command: Command): void {
  command
    .option("--neo4j-uri <uri>", "graph server, such as neo4j://localhost:7687 (default: NEO4J_URI)")
    .option("--neo4j-database <name>", "its database (default: NEO4J_DATABASE, else neo4j)")
    .option(
      "--neo4j-credentials <file>",
      "file with NEO4J_USERNAME=… and NEO4J_PASSWORD=… (default: the environment)",
    )
    .option("--neo4j-label-prefix <text>", "stands before every label");
}

/** Options with the server's gathered under `neo4j`, as in a config file; absent where there are none. */
export function withServer<T extends ServerOptions>(
  options: T,
): Omit<T, keyof ServerOptions> & { readonly neo4j?: Neo4jChoices } {
  const { neo4jUri, neo4jDatabase, neo4jCredentials, neo4jLabelPrefix, ...others } = options;
  const neo4j = {
    ...neo4jUri === undefined ? {} : { uri: neo4jUri },
    ...neo4jDatabase === undefined ? {} : { database: neo4jDatabase },
    ...neo4jCredentials === undefined ? {} : { credentials: neo4jCredentials },
    ...neo4jLabelPrefix === undefined ? {} : { labelPrefix: neo4jLabelPrefix },
  };
  return { ...others, ...Object.keys(neo4j).length === 0 ? {} : { neo4j } };
}

/**
 * The server's settings, from a config or from options.
 *
 * @throws {ConfigError} when there is no address, it holds a password, or another setting is out of range
 */
export function serverChoices(choices: RunConfig["neo4j"] | Neo4jChoices): Neo4jSettings {
  const given = Object.entries(choices ?? {}).filter(([, value]) => value !== undefined);
  try {
    return neo4jSettings(Object.fromEntries(given));
  } catch (cause) {
    throw new ConfigError(messageOf(cause), { cause });
  }
}
