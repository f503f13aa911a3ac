/** `svr run --queue`: a run whose models are done by whoever works at a queue. */

import { resolve } from "node:path";
import { memoryUsage } from "node:process";
import type { LoadedConfig } from "../../../config/load.ts";
import { isBucket, openLake } from "../../../connectors/lake/open.ts";
import { JobQueue, type QueuedJob } from "../../../connectors/queue/job-queue.ts";
import type { Plugin } from "../../model/plugin.ts";
import type { RunOptions, RunOutcome } from "../run-pipeline.ts";
import { BEGINNING, type RunStatus } from "../progress/progress-line.ts";
import { LakeWorker } from "./lake-worker.ts";
import { DIVIDED_ABOVE, layerGroups, sharedCache } from "./layer-jobs.ts";
import { mergeRun } from "./merge.ts";
import { removeSpectra } from "./lake-spectra.ts";
import { ModelFailures } from "./model-failures.ts";
import { MODEL_QUEUE, type ModelJob, modelJob, sharedRunKey } from "./model-jobs.ts";
import { largestFirst } from "./share.ts";

const WAITING = "workers do them (svr worker)";

/** How a run in a queue may be watched, stopped and divided. */
export interface QueueOptions extends RunOptions {
  /**
   * Floating-point operations. Of a model whose layers take more, these are jobs of their own, unless nothing is cached. Default
   * 1e12, about a minute of one core; Infinity: each model is one job.
   */
  readonly divide?: number;
}

/**
 * Puts the models of a run into a queue as jobs, waits until workers (`workAtQueue`) have done them into the lake, and makes of them what
 * `runPipeline` leaves. Stopped meanwhile, it leaves the jobs to the workers; asked for again, it waits for the same ones.
 *
 * @param address of a Redis: `redis://host:port/0`
 * @throws {RangeError} when the address is none, or the server may lose jobs
 * @throws {Error} when the server cannot be reached
 * @throws {ConfigError} as `runPipeline` does, and where the config asks for no Parquet tables
 * @example
 * import { loadRunConfig, runQueue } from "svrflow/run";
 *
 * const loaded = await loadRunConfig("my-run.yaml", { lake: "s3://bucket/lake" });
 * const { report } = await runQueue(loaded, "redis://queue.example.org:6379");
 * console.log(report.failed);
 */
export async function runQueue(
  loaded: LoadedConfig,
  address: string,
  options: QueueOptions = {},
  plugin: Plugin = {},
): Promise<RunOutcome> {
  const { progress = () => undefined, signal } = options;
  const away = (reason: string) => progress({ event: "queue-away", reason });
  const queue = await JobQueue.open<ModelJob>(address, MODEL_QUEUE, away);
  try {
    const { lake, place, jobs, failures, uris } = await agreed(loaded, options, plugin);
    await queue.add(jobs);
    const groups = jobs.flatMap(({ parts = [] }) => parts);
    progress({ event: "queued", models: jobs.length, groups: groups.length, lake });
    const known = new Map([...jobs, ...groups].map(({ id, data }) => [id, data]));
    const count = new WorkCount(jobs);
    const began = performance.now();
    const tell = () =>
      progress({
        ...BEGINNING,
        phase: "models",
        seconds: (performance.now() - began) / 1000,
        rss_bytes: memoryUsage.rss(),
        ...count.figures,
        what: WAITING,
      });
    tell();
    for await (const { id, failure } of queue.ends(jobs, signal)) {
      const { model, layers } = known.get(id)!;
      count.end(id);
      if (layers !== undefined) progress({ event: "layers-done", model, layers, failure });
      else {
        const index = count.figures.models_done;
        progress({ event: "job-done", model, index, of: jobs.length, failure });
        // Where its process ended, or its workers, nobody could say so in the lake; an earlier run may have said something else.
        if (failure !== null && (await failures.find(model))?.error !== failure) {
          await failures.put({ id: model, uri: uris.get(model)!, error: failure, run_id: MODEL_QUEUE });
        }
      }
      tell();
    }
    if (jobs.some(({ data }) => data.spectra?.inLake === true)) await removeSpectra(place);
  } finally {
    await queue.close();
  }
  return await mergeRun(loaded, options, plugin);
}

/** How many of the jobs have ended, as the status of a run says it. */
class WorkCount {
  readonly #jobs: readonly QueuedJob<ModelJob>[];
  readonly #ended = new Set<string>();

  constructor(jobs: readonly QueuedJob<ModelJob>[]) {
    this.#jobs = jobs;
  }

  end(id: string): void {
    this.#ended.add(id);
  }

  get figures(): Pick<RunStatus, "models" | "models_done" | "layers" | "layers_done"> {
    const figures = { models: this.#jobs.length, models_done: 0, layers: 0, layers_done: 0 };
    for (const { id, parts = [] } of this.#jobs) {
      const isDone = this.#ended.has(id);
      if (isDone) figures.models_done++;
      for (const { id: part, data: { layers = [] } } of parts) {
        figures.layers += layers.length;
        // While the server was away nobody told of groups of layers; where the model has ended, they have.
        if (isDone || this.#ended.has(part)) figures.layers_done += layers.length;
      }
    }
    return figures;
  }
}

/** Agrees with the workers of the lake on the run, and on its jobs: the largest first. */
async function agreed(
  loaded: LoadedConfig,
  { divide = DIVIDED_ABOVE, progress = () => undefined, signal }: QueueOptions,
  plugin: Plugin,
) {
  const worker = await LakeWorker.open(loaded, signal === undefined ? {} : { signal }, plugin);
  try {
    const { config, planned, shared } = worker;
    const address = config.lake ?? config.out;
    const lake = isBucket(address) ? address : resolve(address);
    const place = await openLake(lake);
    const run = (await sharedRunKey(place))!;
    const cache = sharedCache(loaded.config);
    const jobs: QueuedJob<ModelJob>[] = [];
    for (const { id: model, flops } of largestFirst(shared.models)) {
      const found = (flops ?? 0) <= divide ? null : await layerGroups(
        planned.find(({ id }) => id === model)!,
        config,
        worker.run.marks,
        divide,
        signal,
      ).catch(() => null); // who does the model says what is wrong
      signal?.throwIfAborted();
      if (typeof found?.reason === "string") progress({ event: "warning", model, warning: found.reason });
      jobs.push(modelJob({ lake, run, model }, found?.groups ?? [], cache));
    }
    const uris = new Map(shared.models.map(({ id, uri }) => [id, uri]));
    return { lake, place, jobs, failures: new ModelFailures(place), uris };
  } finally {
    await worker.close();
  }
}
