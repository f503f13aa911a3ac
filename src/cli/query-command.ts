/** `svr query` as the command line knows it; stores and formats are loaded when it is asked. */

import { stdout } from "node:process";
import { type Command, InvalidArgumentError, Option } from "commander";
import { ANSWER_FORMATS } from "../query/answer-formats.ts";
import type { QueryOptions } from "../query/query.ts";
import { addServerOptions } from "../query/server-options.ts";
import { screenOn } from "./terminal/screen.ts";

/** Adds the command. @param write takes what belongs on stdout */
export function addQueryCommand(program: Command, write: (text: string | Uint8Array) => void): void {
  const command = program.command("query")
    .description("ask the graph of a run, in Cypher that only reads")
    .argument("[cypher]", "one statement, or @name of a query of the library")
    .option("--list", "list the library's queries and what they take; with @name, show one with its Cypher")
    .option("--file <path>", "read the statement from a file")
    .option("--out <dir>", "output folder of the run", "svr-out")
    .addOption(
      new Option("--graph <store>", "where the graph is").choices(["embedded", "neo4j"]).default("embedded"),
    )
    .option(
      "--param <name=value>",
      "a parameter ($name); in a statement of your own, numbers, true, false and null as in JSON, else text; repeatable",
      parameterOf,
      {},
    )
    .addOption(
      new Option("--format <name>", "how the answer is written").choices(ANSWER_FORMATS).default("table"),
    )
    .option("-o, --output <file>", "write the answer to a file, whole or not at all; needed for parquet")
    .addHelpText(
      "after",
      "\nExamples:\n  svr query --list\n  svr query @hubs --param model=vgg16s-wd --param limit=5 --format csv\n" +
        "  svr query @connections --format parquet -o connections.parquet\n" +
        '  svr query "MATCH (m:Model) RETURN m.id"',
    )
    .action(async (cypher: string | undefined, options: QueryOptions) => {
      const { answerOf } = await import("../query/query.ts");
      write(await answerOf(cypher, { ...options, width: screenOn(stdout, Infinity).width }));
    });
  addServerOptions(command);
}

function parameterOf(text: string, before: QueryOptions["param"]): QueryOptions["param"] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Required name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
