/** What `svr run` may be told of the work of others on the same run. */

import { env } from "node:process";
import type { Command } from "commander";
import { ConfigError } from "../../../config/document.ts";
import type { LoadedConfig } from "../../../config/load.ts";
import { show } from "../../model/errors.ts";
import type { RunOptions, RunOutcome } from "../../run/run-pipeline.ts";
import { shareOf } from "../../run/workers/share.ts";
import { operationsOf, queueOf } from "../argument-values.ts";
import type { WorkerOutput } from "./worker-command.ts";

/** The options as commander gives them. */
export interface WorkerOptions {
  readonly share?: string | undefined;
  readonly lease?: string | true | undefined;
  readonly queue?: string | undefined;
  /** Floating-point operations. */
  readonly divide?: number | undefined;
}

/** Does the work of a worker. @returns the exit code: 0, or 3 when some models failed */
export type Worker = (loaded: LoadedConfig, output: WorkerOutput, signal: AbortSignal) => Promise<0 | 3>;

/** Does a run. */
export type QueuedRun = (loaded: LoadedConfig, options: RunOptions) => Promise<RunOutcome>;

/** Adds the options to `svr run`. */
export function addWorkerOptions(run: Command): void {
  run.option(
    "--share <k/n>",
    "do one of n shares of the models, into the lake, and nothing else: svr merge makes reports and graph of all. " +
      "auto takes it from the environment of a job array (Slurm, AWS Batch, Kubernetes)",
  ).option(
    "--lease [seconds]",
    "do models into the lake that no other worker does, until all are done; a worker that is not heard of for so long is dead " +
      "(default: 60); behind the models, or as --lease=60. svr merge makes reports and graph of all",
  ).option(
    "--queue <address>",
    "have the models done by whoever works at a queue (svr worker), redis://host:port/0, and make reports and graph of all",
    queueOf,
  ).option(
    "--divide <operations|off>",
    "with --queue: divide the layers of models that take more floating-point operations among workers (default: 1e12)",
    operationsOf,
  );
}

/** What does a run whose models are in a queue; undefined where they are in none. @throws {ConfigError} when options do not go together */
export function queuedRunOf(
  { share, lease, queue, divide }: WorkerOptions,
  dryRun: boolean,
): QueuedRun | undefined {
  if (queue === undefined) {
    if (divide === undefined) return undefined;
    throw new ConfigError("--divide: found no --queue, required one: only its workers divide a model");
  }
  const other = share !== undefined
    ? "--share"
    : lease !== undefined
    ? "--lease"
    : dryRun
    ? "--dry-run"
    : null;
  if (other !== null) throw new ConfigError(`--queue: found ${other} too, required one of them`);
  return async (loaded, options) => {
    const { runQueue } = await import("../../run/workers/run-queue.ts");
    return await runQueue(loaded, queue, { ...options, ...divide === undefined ? {} : { divide } });
  };
}

/** The worker that options ask for; null where they ask for none. @throws {ConfigError} when they are not valid, or do not go together */
export function workerOf({ share, lease }: WorkerOptions, dryRun: boolean): Worker | null {
  if (share === undefined && lease === undefined) return null;
  const option = share === undefined ? "--lease" : "--share";
  if (dryRun) throw new ConfigError(`--dry-run: found ${option} too, required one of them`);
  if (share === undefined) return leased(lease === true ? PATIENCE : patienceOf(lease!));
  if (lease !== undefined) throw new ConfigError("--share: found --lease too, required one of them");
  const which = shareOf(share, env);
  return async (loaded, output, signal) => {
    const { shareCommand } = await import("./worker-command.ts");
    return await shareCommand(loaded, which, output, signal);
  };
}

/** Seconds. */
const PATIENCE = 60;

function leased(patience: number): Worker {
  return async (loaded, output, signal) => {
    const { leaseCommand } = await import("./worker-command.ts");
    return await leaseCommand(loaded, patience, output, signal);
  };
}

function patienceOf(text: string): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= 86_400) return seconds;
  throw new ConfigError(`--lease: found ${show(text)}, required seconds from 1 to 86400`);
}
