/** `svr export`: what of a run is written for other programs. */

import { counted } from "../model/counted.ts";
import { type Command, Option } from "commander";
import { ConfigError } from "../../config/document.ts";
import { printable } from "../report/text.ts";
import type { ExportOptions } from "../run/export.ts";

/** Adds the command. @param write takes what belongs on stdout */
export function addExportCommand(program: Command, write: (text: string) => void, signal: AbortSignal): void {
  program.command("export")
    .description("write the tables of a run, comparisons too, as files that another program loads")
    .argument("<run>", "output folder of the run")
    .addOption(
      new Option("--for <program>", "who is to load them").choices(["neo4j-admin"]).makeOptionMandatory(),
    )
    .option(
      "--lake <place>",
      "where its tables lie, if not in the folder: another one, or s3://bucket/prefix",
    )
    .option("--to <dir>", "folder to make (default: neo4j-admin in the run's folder)")
    .option("--database <name>", "the database to import into", "neo4j")
    .option("--label-prefix <text>", "stands before every label", "")
    .action(async (run: string, options: ExportOptions) => {
      const { exportForNeo4jAdmin } = await import("../run/export.ts");
      const { folder, rows, left, arguments: args } = await exportForNeo4jAdmin(run, { ...options, signal })
        .catch(
          (failure: unknown) => {
            throw failure instanceof RangeError
              ? new ConfigError(failure.message, { cause: failure })
              : failure;
          },
        );
      for (const [name, count] of Object.entries(rows)) write(`${name}.csv: ${counted(count, "row")}\n`);
      for (const { base, other } of left) {
        write(
          printable(`left out: the comparison of ${other} with ${base}, since not both have tables there`) +
            "\n",
        );
      }
      write(
        "The server must be stopped, and the database must not exist or be given up (--overwrite-destination):\n" +
          `  cd ${quoted(folder)} && neo4j-admin ${args.join(" ")}\n`,
      );
    });
}

/** A path as one word of a shell. */
function quoted(path: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
