/** `svr run --lease`: workers on one lake take models, one after another, until all are done. */

import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError } from "../../../config/document.ts";
import type { LoadedConfig } from "../../../config/load.ts";
import { type LakeModel, readManifest } from "../../../connectors/lake/manifest.ts";
import { messageOf } from "../../model/errors.ts";
import type { Plugin } from "../../model/plugin.ts";
import type { FailedModel } from "../../report/run-report.ts";
import type { PlannedModel } from "../collection/models.ts";
import type { DoneModel } from "../records/done-model.ts";
import type { RunOptions } from "../run-pipeline.ts";
import { modelsAtATime } from "../settings.ts";
import { LakeWorker } from "./lake-worker.ts";
import { Leases } from "./leases.ts";
import { workerEnd, type WorkerOutcome } from "./run-share.ts";
import { largestFirst } from "./share.ts";

/** Milliseconds between two looks at models that others have: at most, and as a part of the patience. */
const LONGEST_PAUSE = 5000, PART = 1 / 10;

/**
 * Does models of a run into the lake that nobody else does, until all are done or have failed, whoever did them. The largest begin.
 *
 * @param patience seconds after which a worker that has not been heard of is dead, and its model is another's; at least 1
 * @throws {ConfigError} as `runShare` does, and where the lake is a bucket that does not tell two writers apart
 * @example
 * import { loadRunConfig, runLeased } from "svrflow/run";
 *
 * const loaded = await loadRunConfig("my-run.yaml", { lake: "lake" });
 * const { done, failed } = await runLeased(loaded, 60);
 * console.log(done, failed);
 */
export async function runLeased(
  loaded: LoadedConfig,
  patience: number,
  options: RunOptions = {},
  plugin: Plugin = {},
): Promise<WorkerOutcome> {
  const began = Date.now();
  const worker = await LakeWorker.open(loaded, options, plugin);
  try {
    const { lake, run, shared, planned } = worker;
    if (!await lake.isExclusive()) {
      throw new ConfigError(
        `--lease: found that ${lake.name} replaces a text whatever the request requires of it (If-None-Match, If-Match), ` +
          "required a store that refuses with 412; --share needs none",
      );
    }
    run.progress({ event: "run", run_id: run.runId, models: planned.length, out: lake.name });
    const byId = new Map(planned.map((model) => [model.id, model]));
    const leases = new Leases(lake, run.runId, 1000 * patience);
    const session = await Session.begin(worker);
    const open = largestFirst(shared.models).map(({ id }) => byId.get(id)!);
    const taken = new Set<PlannedModel>();
    const done: DoneModel[] = [];
    const failed: FailedModel[] = [];
    const over = () => options.signal?.aborted === true || run.hopeless() !== null;
    const remove = (model: PlannedModel) => void open.splice(open.indexOf(model), 1);
    /** One model after another; a pass that has found none for it waits for those that others have. */
    const work = async () => {
      while (open.length > 0 && !over()) {
        let found = false;
        for (const model of [...open]) {
          if (over() || taken.has(model) || !open.includes(model)) continue;
          taken.add(model);
          try {
            if (!await leases.take(model.id)) continue;
            found = true;
            // Who had the lease before may have done it.
            if (!await session.isOver(model)) {
              run.progress({
                event: "model",
                model: model.id,
                index: planned.length - open.length + 1,
                of: planned.length,
              });
              await worker.do(model).then((each) => done.push(each), (error: unknown) => {
                if (over()) return;
                const said = messageOf(error);
                failed.push({ id: model.id, uri: model.uri, error: said });
                run.progress({ event: "model-failed", model: model.id, file: model.uri, error: said });
              });
            }
            if (!over()) remove(model);
          } finally {
            await leases.release(model.id);
            taken.delete(model);
          }
        }
        if (!found && open.length > 0 && !over()) {
          const pause = Math.min(LONGEST_PAUSE, 1000 * patience * PART);
          await sleep(pause, undefined, options.signal === undefined ? {} : { signal: options.signal })
            .catch(() => undefined);
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(modelsAtATime(loaded.config), planned.length) }, work));
    } finally {
      await leases.close();
    }
    options.signal?.throwIfAborted();
    const reason = run.hopeless();
    if (reason !== null) throw reason;
    return workerEnd(worker, { done, failed }, began);
  } finally {
    await worker.close();
  }
}

/** What stood in the lake when a worker began: what is there beside it was done meanwhile. */
class Session {
  readonly #worker: LakeWorker;
  readonly #models: ReadonlyMap<string, LakeModel>;
  readonly #failures: ReadonlyMap<string, string>;

  private constructor(
    worker: LakeWorker,
    models: ReadonlyMap<string, LakeModel>,
    failures: ReadonlyMap<string, string>,
  ) {
    this.#worker = worker;
    this.#models = models;
    this.#failures = failures;
  }

  static async begin(worker: LakeWorker): Promise<Session> {
    const models = (await readManifest(worker.lake))?.models ?? [];
    const failures = await worker.failures.all();
    return new Session(
      worker,
      new Map(models.map((model) => [model.id, model])),
      new Map(failures.map(({ id, run_id }) => [id, run_id])),
    );
  }

  /** Whether another worker has done a model since, or found that it cannot be done. */
  async isOver({ id }: PlannedModel): Promise<boolean> {
    const { lake, failures, run } = this.#worker;
    const failure = await failures.find(id);
    if (failure !== null && failure.run_id !== this.#failures.get(id)) return true;
    const now = (await readManifest(lake))?.models.find((model) => model.id === id);
    const before = this.#models.get(id);
    if (now === undefined || now.run_id === before?.run_id && now.key === before.key) return false;
    // A worker that died may have put the tables there and no more.
    return (await run.marks.find(id))?.key === now.key;
  }
}
