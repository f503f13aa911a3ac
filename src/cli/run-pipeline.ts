/** A whole run: every model of a config through the pipeline, into the sinks, and the record of it. */

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type LoadedConfig, runConfigOf } from "../../config/load.ts";
import type { RunConfigInput } from "../../config/schema.ts";
import { VERSION } from "../version.ts";
import { planModels } from "./models.ts";
import { OpenSinks } from "./open-sinks.ts";
import { makeFolder, removeEmpty } from "./output-folder.ts";
import type { Progress } from "./progress.ts";
import { type RunRecord, type RunReport, runReport, writeRecords } from "./records.ts";
import { runModels } from "./run-models.ts";
import { runRecord } from "./run-record.ts";
import { serverChoices } from "./server-options.ts";
import { memoryOf, testReport, weightOf } from "./settings.ts";
import { openWorkshop } from "./workshop.ts";

/** How a run may be watched and stopped. */
export interface RunOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** What a run left. */
export interface RunOutcome {
  /** Absolute. */
  readonly out: string;
  readonly record: RunRecord;
  readonly report: RunReport;
}

/**
 * Runs a config.
 *
 * A model that fails is named in the outcome and leaves nothing; the others go on. Where all fail, nothing is left at all.
 *
 * @throws {ConfigError} when the config asks for what there is not
 * @throws {AggregateError} when every model failed; its `errors` are theirs
 * @throws when the output folder cannot be written to, a sink fails at its end, or the signal is aborted
 */
export async function runPipeline(
  { config, baseDir }: LoadedConfig,
  { progress = () => undefined, signal }: RunOptions = {},
): Promise<RunOutcome> {
  // Everything that can be wrong with the config shows before a file is made.
  const weight = weightOf(config);
  if (config.graph === "neo4j") serverChoices(config.neo4j);
  const planned = await planModels(config, baseDir);
  const out = resolve(config.out);
  const created = await makeFolder(out);
  const started = new Date();
  const runId = `${started.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
  progress({ event: "run", run_id: runId, models: planned.length, out });
  const sinks = new OpenSinks({ runId, version: VERSION, out });
  try {
    await sinks.open(config);
    const workshop = await openWorkshop({
      kernel: config.kernel,
      precision: config.precision,
      ...config.threads === undefined ? {} : { threads: config.threads },
      ...config.rank === undefined ? {} : { rank: config.rank },
      memory: memoryOf(config),
      spill: join(out, `.staging-${runId}`, "spectra"),
      ...signal === undefined ? {} : { signal },
    });
    const kernel = { ...workshop.kernel.info, threads: workshop.kernel.concurrency };
    // Said once a model can be read: a run that ends before that has only its error to say.
    let said = false;
    const opened = () => {
      if (!said) progress({ event: "kernel", ...kernel, because: workshop.because });
      said = true;
    };
    const run = { config, weight, workshop, sinks: sinks.all, progress, signal, opened };
    const outcome = await runModels(planned, run).finally(() => workshop.dispose());
    progress({ event: "graph", models: outcome.done.length });
    await sinks.finish(signal);
    const reports = outcome.done.map(({ report }) => report);
    const report = runReport(runId, testReport(config), reports, outcome.failed);
    const record = runRecord({ runId, config, kernel, started, outcome });
    await writeRecords(out, record, report);
    const seconds = (Date.parse(record.ended) - started.getTime()) / 1000;
    progress({ event: "done", done: record.counts.done, failed: record.counts.failed, seconds });
    return { out, record, report };
  } catch (failure) {
    await sinks.abort();
    await rm(join(out, `.staging-${runId}`), { recursive: true, force: true });
    // A folder that this run made, and in which it leaves nothing, goes too.
    if (created !== undefined) await removeEmpty(out, created);
    throw failure;
  }
}

/**
 * Runs settings, spelled as in a config file, without one; paths start from the working directory. See `runPipeline`.
 *
 * @throws {ConfigError} when the settings are not valid
 */
export async function run(settings: RunConfigInput, options: RunOptions = {}): Promise<RunOutcome> {
  return await runPipeline(runConfigOf(settings), options);
}
