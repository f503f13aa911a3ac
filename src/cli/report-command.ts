/** `svr report` as the command line knows it. */

import { type Command, Option } from "commander";
import { stdout } from "node:process";
import { REPORT_FORMATS, type ReportFormat } from "../report/report-formats.ts";
import { screenOn } from "./terminal/screen.ts";

/** Adds the command. @param write takes what belongs on stdout */
export function addReportCommand(program: Command, write: (text: string) => void): void {
  program.command("report")
    .description(
      "what a run found: findings with what chance gives and the queries that reproduce them, tables",
    )
    .argument("[run]", "output folder of the run", "svr-out")
    .option("--model <id>", "only of this model")
    .addOption(
      new Option("--format <name>", "Markdown, a page of HTML, JSON, or text for the terminal").choices(
        REPORT_FORMATS,
      )
        .default("md"),
    )
    .action(async (folder: string, options: { format: ReportFormat; model?: string }) => {
      const { reportOf } = await import("../report/report-rendering.ts");
      write(await reportOf(folder, options, screenOn(stdout, Infinity)));
    });
}
