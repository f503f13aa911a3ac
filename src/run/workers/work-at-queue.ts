/** `svr worker`: does models, and layers of large ones, of whatever runs are in a queue, one after another, until it is stopped. */

import { memoryUsage } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Overrides } from "../../../config/load.ts";
import { JobGivenBack, JobWorker, LastingFailure } from "../../../connectors/queue/job-queue.ts";
import { messageOf } from "../../model/errors.ts";
import type { Progress } from "../progress/progress.ts";
import { BEGINNING } from "../progress/progress-line.ts";
import { MODEL_QUEUE, type ModelJob } from "./model-jobs.ts";
import { HopelessWorker, ModelProcess } from "./model-process.ts";

const WAITING = "waiting for models";

/** So many layers are named. */
const MOST_NAMED = 3;

const layersText = (names: readonly string[]) =>
  names.length <= MOST_NAMED ? names.join(", ") : `${names[0]} and ${names.length - 1} more layers`;

/** How a worker may be watched, stopped and told what is its own. */
export interface QueueWorkerOptions {
  /** Settings that may differ from worker to worker: `memory`, `threads`, `kernel`, `out` and others of machines. */
  readonly overrides?: Overrides;
  /** Whether it loads modules that a run names (`plugins`). Default: no, since whoever can write to the lake would choose what it executes. */
  readonly plugins?: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Ends when it has had nothing to do for so many milliseconds. Default: never. */
  readonly idle?: number;
}

/**
 * Works at a queue. A model is done in a process of its own: where that ends, by an abort or for lack of memory, the worker goes on, and the model
 * is tried once more, by whoever takes it. When the worker is stopped, the model at hand goes back.
 *
 * @param address of a Redis: `redis://host:port/0`
 * @returns how many models it has done; layers of others are not counted
 * @throws {RangeError} when the address is none, or the server may lose jobs
 * @throws {Error} when the server cannot be reached, or the worker can do no model, for want of a kernel: the model at hand goes back
 * @example
 * import { workAtQueue } from "svrflow/run";
 *
 * const controller = new AbortController();
 * process.once("SIGTERM", () => controller.abort());
 * const done = await workAtQueue("redis://queue.example.org:6379", {
 *   overrides: { threads: 4, memory: "8GiB" },
 *   signal: controller.signal,
 * });
 * console.log(done);
 */
export async function workAtQueue(
  address: string,
  { overrides = {}, plugins = false, progress = () => undefined, signal, idle = Infinity }:
    QueueWorkerOptions = {},
): Promise<number> {
  const tell = (waiting: string | null, what = "") =>
    progress({
      ...BEGINNING,
      phase: "models",
      seconds: (performance.now() - began) / 1000,
      rss_bytes: memoryUsage.rss(),
      models_done: done,
      models: done + (waiting === null ? 1 : 0),
      waiting,
      what,
    });
  const began = performance.now();
  let done = 0;
  let last = Date.now();
  let isBusy = false;
  let hopeless: HopelessWorker | null = null;
  const models = new ModelProcess({ overrides, plugins, progress });
  const worker = await JobWorker.open<ModelJob>(address, MODEL_QUEUE, {
    away: (reason) => progress({ event: "queue-away", reason }),
    async work({ data }, [ended]) {
      const { model, layers } = data;
      isBusy = true;
      tell(null, layers === undefined ? model : `${model}: ${layersText(layers)}`);
      try {
        signal?.throwIfAborted();
        // Its layers have ended processes enough.
        if (ended !== undefined) throw new LastingFailure(ended);
        const failure = await models.do(data, signal);
        if (failure !== null) throw new LastingFailure(failure);
        if (layers === undefined) done++;
        else progress({ event: "layers-done", model, layers, failure: null });
      } catch (failure) {
        // Another worker may have what this one lacks.
        if (failure instanceof HopelessWorker) hopeless = failure;
        if (signal?.aborted === true || hopeless !== null) throw new JobGivenBack();
        if (layers === undefined || failure instanceof LastingFailure) throw failure;
        throw new Error(`${layersText(layers)}: ${messageOf(failure)}`, { cause: failure });
      } finally {
        isBusy = false;
        last = Date.now();
        tell(WAITING);
      }
    },
  });
  models.start();
  tell(WAITING);
  try {
    while (signal?.aborted !== true && hopeless === null && (isBusy || Date.now() - last < idle)) {
      await sleep(100, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  } finally {
    await worker.close();
    await models.close();
  }
  if (hopeless !== null) throw hopeless as HopelessWorker;
  return done;
}
