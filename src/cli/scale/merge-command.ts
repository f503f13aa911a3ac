/** `svr merge`. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stderr, stdout } from "node:process";
import type { Command } from "commander";
import type { Overrides } from "../../../config/load.ts";
import { addServerOptions, withServer } from "../../query/server-options.ts";
import { addSettings } from "../run-settings.ts";
import { screenOn } from "../terminal/screen.ts";

/** The settings of a run that a merge may replace: the tables are there already. */
const REPLACED = {
  out: "output folder (default: that of the workers)",
  graph: undefined,
  sinks: undefined,
  compare: undefined,
  replace: undefined,
  strict: undefined,
  kernel: undefined,
  threads: undefined,
  memory: undefined,
  cache: undefined,
};

/** Columns of what it prints where there is no terminal. */
const SCREEN = 100;

/** How the command ends, and where it speaks. */
export interface MergeOutput {
  /** Takes what belongs on stdout. */
  readonly write: (text: string) => void;
  /** Ends the process with a code. */
  readonly leave: (code: number) => Promise<never>;
  readonly signal: AbortSignal;
}

/** Adds the command. */
export function addMergeCommand(program: Command, { write, leave, signal }: MergeOutput): void {
  const merge = program.command("merge")
    .description(
      "make of what workers have done (svr run --share) the reports, the graph and the comparisons that one run of all models leaves",
    )
    .argument(
      "<lake>",
      "the workers' lake: a folder or s3://bucket/prefix; their output folder where they had no lake",
    )
    .option("--json", "progress as JSON lines on stderr, the report as JSON on stdout")
    .option("--quiet", "no progress, no tables; errors only")
    .option("--verbose", "all tables of each model");
  addSettings(merge, REPLACED);
  addServerOptions(merge);
  merge.action(async (
    lake: string,
    { json = false, quiet = false, verbose = false, ...options }: Overrides & {
      json?: boolean;
      quiet?: boolean;
      verbose?: boolean;
    },
  ) => {
    const { mergeRun, sharedConfig } = await import("../../run/workers/merge.ts");
    const loaded = await sharedConfig(lake, withServer(options));
    const { startReports } = await import("../terminal/heartbeat.ts");
    const { progress, stop } = startReports(stderr, { json, quiet, verbose });
    const { runCommand } = await import("../run-command.ts");
    const print = json || quiet ? null : write;
    const output = { print, progress, screen: screenOn(stdout, SCREEN), verbose };
    const code = await runCommand(loaded, output, signal, mergeRun).finally(stop);
    if (json) write(await readFile(join(loaded.config.out, "report.json"), "utf8"));
    await leave(code);
  });
}
