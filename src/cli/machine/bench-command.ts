/** `svr bench`. */

import { stderr } from "node:process";
import type { Command } from "commander";
import { plainTable } from "../../report/plain-table.ts";
import { printable } from "../../report/text.ts";

/** Adds the command. @param write takes what belongs on stdout */
export function addBenchCommand(program: Command, write: (text: string) => void): void {
  program.command("bench")
    .description("speed of each kernel here, against the fastest matrix product; about two minutes")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const say = (what: string) => void (json !== true && stderr.write(`${what}\n`));
      const { benchTables, measureKernels } = await import("./bench.ts");
      const { measurements, scalings, missing } = await measureKernels(say);
      for (const each of missing) stderr.write(`not here: ${printable(each)}\n`);
      if (json === true) return write(`${JSON.stringify({ measurements, scalings, missing }, null, 2)}\n`);
      for (const table of benchTables(measurements, scalings)) {
        write(`\n${table.title}\n${plainTable(table)}\n`);
      }
    });
}
