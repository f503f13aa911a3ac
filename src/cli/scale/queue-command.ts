/** `svr worker`. */

import { stderr } from "node:process";
import { type Command, Option } from "commander";
import { flagOf, type Overrides } from "../../../config/load.ts";
import { counted } from "../../model/counted.ts";
import { numberOf, queueOf } from "../argument-values.ts";
import type { Setting } from "../run-settings.ts";
import type { MergeOutput } from "./merge-command.ts";

/** The settings of a run that may differ from worker to worker. */
const OWN: ReadonlySet<string> = new Set(["out", "kernel", "threads", "memory", "cache"]);

/** Adds the command. @param settings those of a run that are options */
export function addWorkerCommand(
  program: Command,
  settings: readonly Setting[],
  { write, leave, signal }: MergeOutput,
): void {
  const worker = program.command("worker")
    .description("do models of the runs in a queue (svr run --queue), one after another, until it is stopped")
    .requiredOption("--queue <address>", "redis://host:port/0", queueOf)
    .option("--idle <seconds>", "end after so many seconds with nothing to do", numberOf)
    .option(
      "--plugins",
      "load the modules that a run names as plugins: whoever writes to the lake chooses them",
    )
    .option("--json", "progress as JSON lines on stderr")
    .option("--quiet", "errors only");
  for (const [key, argument, description, parse] of settings) {
    if (!OWN.has(key)) continue;
    const said = key === "out"
      ? "where its own files go, if the lake is a bucket (default: svr-out)"
      : description;
    const option = new Option(`--${flagOf(key)} ${argument}`.trimEnd(), said);
    worker.addOption(parse === undefined ? option : option.argParser(parse));
  }
  worker.action(async (
    { queue, idle = Infinity, plugins = false, json = false, quiet = false, ...overrides }: Overrides & {
      queue: string;
      idle?: number;
      plugins?: boolean;
      json?: boolean;
      quiet?: boolean;
    },
  ) => {
    const { workAtQueue } = await import("../../run/workers/work-at-queue.ts");
    const { startReports } = await import("../terminal/heartbeat.ts");
    const { progress, stop } = startReports(stderr, { json, quiet, verbose: true });
    const settings = { overrides, plugins, progress, signal, idle: idle * 1000 };
    const done = await workAtQueue(queue, settings).finally(stop);
    if (!quiet && !json) write(`${counted(done, "model")} done\n`);
    await leave(0);
  });
}
