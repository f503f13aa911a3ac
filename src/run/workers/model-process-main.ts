/** The process in which a worker's models are done; see `model-process.ts`. */

import process from "node:process";
import type { Overrides } from "../../../config/load.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { messageOf } from "../../model/errors.ts";
import type { ProgressEvent } from "../progress/progress.ts";
import { LakeWorker } from "./lake-worker.ts";
import type { JobCache } from "./layer-jobs.ts";
import { keepSpectra } from "./layer-spectra.ts";
import { sharedConfig } from "./merge.ts";
import { type ModelJob, sharedRunKey } from "./model-jobs.ts";
import type { ModelOrder, ModelWord } from "./model-process.ts";

const stopped = new AbortController();
// Without the worker nobody would hear of it; what is half written is removed by the next.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
// Ctrl-C reaches every process of a terminal: the worker ends this one in its own time.
process.on("SIGINT", () => undefined);

const say = (word: ModelWord) =>
  new Promise<void>((resolve) => process.send?.(word, undefined, undefined, () => resolve()));

/** The run that is worked at: models of one run come one behind the other, and share an engine. */
let open: { readonly key: string; readonly worker: LakeWorker } | null = null;

/** What the terminal is shown of a model; the rest stays here. */
const TOLD: ReadonlySet<ProgressEvent["event"]> = new Set([
  "kernel",
  "spectrum",
  "warning",
  "model-done",
  "cache-off",
  "not-taken",
]);

async function workerFor(job: ModelJob, own: Overrides, plugins: boolean): Promise<LakeWorker> {
  const key = JSON.stringify([job.lake, job.run, job.spectra]);
  if (open?.key === key) return open.worker;
  await open?.worker.close();
  open = null;
  const place = await openLake(job.lake);
  if (await sharedRunKey(place) !== job.run) {
    throw new Error(`${place.name}: found another run, required the one that this model was queued for`);
  }
  const loaded = await sharedConfig(job.lake, settingsFor(job, own));
  const modules = loaded.config.plugins ?? [];
  if (modules.length > 0 && !plugins) {
    throw new Error(
      `plugins: found ${modules.join(", ")}, required a worker that may load them (svr worker --plugins)`,
    );
  }
  const progress = (event: ProgressEvent) => void (TOLD.has(event.event) && say({ says: "event", event }));
  const worker = await LakeWorker.open(loaded, {
    progress,
    signal: stopped.signal,
    lakeSpectra: job.spectra?.inLake === true,
  });
  open = { key, worker };
  return worker;
}

/** Where the spectra of layers meet no worker decides; how many of them it keeps is its own. */
function settingsFor({ spectra }: ModelJob, own: Overrides): Overrides {
  if (spectra === undefined) return own;
  const { cache } = spectra;
  const limit = typeof own["cache"] === "object"
    ? (own["cache"] as Partial<JobCache["cache"]>).limit
    : undefined;
  return { ...own, cache: { ...cache, limit: limit ?? cache.limit } };
}

async function done(job: ModelJob, overrides: Overrides, plugins: boolean): Promise<ModelWord> {
  try {
    const worker = await workerFor(job, overrides, plugins);
    const planned = worker.planned.find(({ id }) => id === job.model);
    if (planned === undefined) throw new Error(`${job.model}: found no such model, required one of the run`);
    if (job.layers === undefined) await worker.do(planned);
    else await keepSpectra(planned, job.layers, worker.run);
    return { says: "done" };
  } catch (failure) {
    const hopeless = open?.worker.run.hopeless() ?? null;
    if (hopeless !== null) return { says: "hopeless", message: messageOf(hopeless) };
    // Who does the model meets the same, and says so.
    if (job.layers !== undefined) return { says: "done" };
    return { says: "failed", message: messageOf(failure) };
  }
}

process.on("message", (order: ModelOrder) => {
  if ("stop" in order) {
    stopped.abort(new Error("the worker was stopped"));
    void Promise.resolve(open?.worker.close()).catch(() => undefined).then(() => process.exit(0));
    return;
  }
  void done(order.do, order.overrides, order.plugins).then(async (word) => {
    // Who was stopped has no answer: the model goes back.
    if (!stopped.signal.aborted) await say(word);
  });
});
