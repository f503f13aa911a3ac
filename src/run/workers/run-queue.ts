/** `svr run --queue`: a run whose models are done by whoever works at a queue. */

import { resolve } from "node:path";
import type { LoadedConfig } from "../../../config/load.ts";
import { isBucket, openLake } from "../../../connectors/lake/open.ts";
import { JobQueue } from "../../../connectors/queue/job-queue.ts";
import type { Plugin } from "../../model/plugin.ts";
import type { RunOptions, RunOutcome } from "../run-pipeline.ts";
import { BEGINNING } from "../progress/progress-line.ts";
import { LakeWorker } from "./lake-worker.ts";
import { mergeRun } from "./merge.ts";
import { ModelFailures } from "./model-failures.ts";
import { MODEL_QUEUE, type ModelJob, modelJobs, sharedRunKey } from "./model-jobs.ts";

const WAITING = "workers do them (svr worker)";

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
  options: RunOptions = {},
  plugin: Plugin = {},
): Promise<RunOutcome> {
  const { progress = () => undefined, signal } = options;
  const away = (reason: string) => progress({ event: "queue-away", reason });
  const queue = await JobQueue.open<ModelJob>(address, MODEL_QUEUE, away);
  try {
    const { lake, jobs, failures, uris } = await agreed(loaded, options, plugin);
    await queue.add(jobs);
    progress({ event: "queued", models: jobs.length, lake });
    const models = new Map(jobs.map(({ id, data }) => [id, data.model]));
    let index = 0;
    const tell = () =>
      progress({ ...BEGINNING, phase: "models", models_done: index, models: jobs.length, what: WAITING });
    tell();
    for await (const { id, failure } of queue.ends(jobs, signal)) {
      const model = models.get(id)!;
      progress({ event: "job-done", model, index: ++index, of: jobs.length, failure });
      tell();
      // Where its process ended, or its workers, nobody could say so in the lake; an earlier run may have said something else.
      if (failure !== null && (await failures.find(model))?.error !== failure) {
        await failures.put({ id: model, uri: uris.get(model)!, error: failure, run_id: MODEL_QUEUE });
      }
    }
  } finally {
    await queue.close();
  }
  return await mergeRun(loaded, options, plugin);
}

/** Agrees with the workers of the lake on the run. */
async function agreed(loaded: LoadedConfig, { signal }: RunOptions, plugin: Plugin) {
  const worker = await LakeWorker.open(loaded, signal === undefined ? {} : { signal }, plugin);
  try {
    const address = loaded.config.lake ?? loaded.config.out;
    const lake = isBucket(address) ? address : resolve(address);
    const place = await openLake(lake);
    const jobs = modelJobs(lake, (await sharedRunKey(place))!, worker.shared);
    const uris = new Map(worker.shared.models.map(({ id, uri }) => [id, uri]));
    return { lake, jobs, failures: new ModelFailures(place), uris };
  } finally {
    await worker.close();
  }
}
