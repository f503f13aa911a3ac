/** Which graph server, and as whom. Passwords come from the environment or a file and are kept nowhere. */

import { readFile } from "node:fs/promises";
import { env } from "node:process";
import { messageOf, show } from "../../../src/model/errors.ts";

/** Where the graph goes. Nothing in here is secret. */
export interface Neo4jSettings {
  /** `neo4j://host:7687`, also `neo4j+s`, `neo4j+ssc`, `bolt`, `bolt+s`, `bolt+ssc`; holds no user name or password. */
  readonly uri: string;
  readonly database: string;
  /** A file of lines `NEO4J_USERNAME=…` and `NEO4J_PASSWORD=…`; without it they come from the environment. */
  readonly credentials?: string;
  /** Stands before every label. */
  readonly labelPrefix: string;
  /** Seconds for which a server may be away, or refuse for a passing reason, before a run gives up. */
  readonly patience: number;
}

/** What a user may leave out. */
export type Neo4jChoices = Partial<Neo4jSettings>;

/** As whom to speak to the server. Never printed, never written. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const SCHEMES = ["neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"];

/** So that a label stays readable and needs no thought about quoting. */
const PREFIX = /^(?:[A-Za-z_][A-Za-z0-9_]{0,63})?$/;

/**
 * Fills in what was left out: the address from `NEO4J_URI`, the database from `NEO4J_DATABASE`, else `neo4j`.
 *
 * @throws {RangeError} when there is no address, it is none of a graph server or holds a user name or password (the message
 * does not repeat it), or another setting is out of range
 */
export function neo4jSettings(choices: Neo4jChoices = {}): Neo4jSettings {
  const uri = checkUri(choices.uri ?? env["NEO4J_URI"]);
  const labelPrefix = choices.labelPrefix ?? "";
  if (!PREFIX.test(labelPrefix)) {
    throw new RangeError(
      `label prefix ${show(labelPrefix)}: required up to 64 letters, digits and underscores, no digit first`,
    );
  }
  const patience = choices.patience ?? 60;
  // An hour: longer than any restart or change of leader, short enough that a wrong address shows the same day.
  if (!(patience >= 0 && patience <= 3600)) {
    throw new RangeError(
      `patience with the graph server: found ${show(patience)}, required 0 to 3600 seconds`,
    );
  }
  return {
    uri,
    database: choices.database ?? env["NEO4J_DATABASE"] ?? "neo4j",
    ...choices.credentials === undefined ? {} : { credentials: choices.credentials },
    labelPrefix,
    patience,
  };
}

function checkUri(uri: string | undefined): string {
  if (uri === undefined || uri === "") {
    throw new RangeError(
      "graph server: found no address, required neo4j.uri in the config, --neo4j-uri or NEO4J_URI",
    );
  }
  const required = `required one such as neo4j://localhost:7687 (${SCHEMES.join(", ")})`;
  // Judged without being repeated until it is known to hold no password.
  const [, scheme = "", authority = ""] = /^([a-z0-9+]+):\/\/([^/?#]*)/i.exec(uri) ?? [];
  if (uri.includes("@")) {
    throw new RangeError(
      `graph server: found an address with a user name or password (not shown), ${required}; ` +
        "those belong into NEO4J_USERNAME and NEO4J_PASSWORD or a credentials file",
    );
  }
  if (!SCHEMES.includes(scheme.toLowerCase()) || authority === "") {
    throw new RangeError(`graph server: found address ${show(uri)}, ${required}`);
  }
  return uri;
}

/**
 * Finds user name and password: in the credentials file, else in `NEO4J_USERNAME` and `NEO4J_PASSWORD`, else in
 * `NEO4J_AUTH` (`user/password`, as the server's container image has it). The user name defaults to `neo4j`.
 *
 * @throws {RangeError} when there is no password, or the file has none; the message repeats nothing of it
 */
export async function findCredentials({ credentials }: Neo4jSettings): Promise<Credentials> {
  const from = credentials === undefined ? env : await readVariables(credentials);
  const [, user, secret] = /^([^/]+)\/(.+)$/s.exec(from["NEO4J_AUTH"] ?? "") ?? [];
  const password = from["NEO4J_PASSWORD"] ?? secret;
  if (password === undefined || password === "") {
    const place = credentials === undefined ? "the environment" : `credentials file ${show(credentials)}`;
    throw new RangeError(`graph server: found no password in ${place}, required NEO4J_PASSWORD there`);
  }
  return { username: from["NEO4J_USERNAME"] ?? user ?? "neo4j", password };
}

/** A credentials file has a few lines; whoever names a larger file means another. */
const LONGEST_FILE = 65_536;

/** Lines `NAME=value`, as cloud consoles hand them out; others are passed over. Quotes around a value are left out. */
async function readVariables(path: string): Promise<Record<string, string | undefined>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new RangeError(
      `credentials file ${show(path)}: found ${messageOf(cause)}, required a readable file`,
      {
        cause,
      },
    );
  }
  if (text.length > LONGEST_FILE) {
    throw new RangeError(
      `credentials file ${show(path)}: found ${text.length} characters, required at most ${LONGEST_FILE}`,
    );
  }
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, value = ""] = /^\s*(?:export\s+)?(NEO4J_[A-Z]+)\s*=(.*)$/.exec(line) ?? [];
    if (name !== undefined) found.set(name, value.trim().replace(/^(["'])(.*)\1$/, "$2"));
  }
  return Object.fromEntries(found);
}
