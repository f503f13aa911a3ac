/** `svr worker`. */

import { stderr } from "node:process";
import type { Command } from "commander";
import type { Overrides } from "../../../config/load.ts";
import { counted } from "../../model/counted.ts";
import { numberOf, queueOf } from "../argument-values.ts";
import { addSettings } from "../run-settings.ts";
import type { MergeOutput } from "./merge-command.ts";

/** The settings of a run that may differ from worker to worker. */
const OWN = {
  out: "where its own files go, if the lake is a bucket (default: svr-out)",
  kernel: undefined,
  threads: undefined,
  memory: undefined,
  cache: undefined,
};

/** Adds the command. */
export function addWorkerCommand(program: Command, { write, leave, signal }: MergeOutput): void {
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
  addSettings(worker, OWN);
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
