/** `svr doctor`: what works here, what does not, and what would be faster. */

import type { Command } from "commander";
import { plainTable } from "../../report/plain-table.ts";
import { printable } from "../../report/text.ts";

/** Messages say what was tried; most lines are much shorter. */
const LONGEST = 400;

/** Adds the command. @param leave ends the process with a code: 1 where something is broken that runs need */
export function addDoctorCommand(
  program: Command,
  write: (text: string) => void,
  leave: (code: number) => Promise<never>,
): void {
  program.command("doctor")
    .description("what works on this machine, what does not, and what would make runs faster")
    .option("--json", "as JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const { checkups } = await import("./doctor.ts");
      const found = await checkups();
      if (json === true) write(`${JSON.stringify(found, null, 2)}\n`);
      else {
        const rows = found.map(({ part, state, what }) => [part, state, what]);
        const table = { header: ["part", "state", "what"], numeric: [false, false, false], rows };
        write(`${plainTable(table, { widest: LONGEST })}\n`);
        const advice = found.flatMap((each) =>
          each.advice === null ? [] : [`  ${each.part}: ${each.advice}`]
        );
        if (advice.length > 0) write(`\nWhat would help:\n${advice.map(printable).join("\n")}\n`);
      }
      await leave(found.some(({ state }) => state === "broken") ? 1 : 0);
    });
}
