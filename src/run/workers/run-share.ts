/** `svr run --share`: one share of a run's models, done into the lake. */

import type { LoadedConfig } from "../../../config/load.ts";
import type { Plugin } from "../../model/plugin.ts";
import type { FailedModel } from "../../report/run-report.ts";
import { ModelsFailed } from "../models-failed.ts";
import { runModels } from "../run-models.ts";
import type { RunOptions } from "../run-pipeline.ts";
import { modelsAtATime } from "../settings.ts";
import { LakeWorker } from "./lake-worker.ts";
import { divided, type Share } from "./share.ts";

/** What a worker has done. */
export interface WorkerOutcome {
  readonly lake: string;
  /** Models of the whole run. */
  readonly models: number;
  readonly done: readonly string[];
  /** Those of them that stood already. */
  readonly up_to_date: number;
  readonly failed: readonly FailedModel[];
}

/**
 * Does a share of a run's models into the lake, which is the config's or else the output folder. Which they are depends on all models of
 * the run and on nothing that differs from machine to machine.
 *
 * @throws {ConfigError} as `runPipeline` does, and where the config asks for no Parquet tables
 * @example
 * import { loadRunConfig, mergeRun, runShare, sharedConfig } from "svrflow/run";
 *
 * const loaded = await loadRunConfig("my-run.yaml", { lake: "lake" });
 * for (const at of [1, 2]) await runShare(loaded, { at, of: 2 });
 * const { report } = await mergeRun(await sharedConfig("lake", { out: "merged" }));
 * console.log(report.failed);
 */
export async function runShare(
  loaded: LoadedConfig,
  { at, of }: Share,
  options: RunOptions = {},
  plugin: Plugin = {},
): Promise<WorkerOutcome> {
  const began = Date.now();
  const worker = await LakeWorker.open(loaded, options, plugin);
  try {
    const { run, planned, shared } = worker;
    const ids = divided(shared.models, of)[at - 1]!;
    const models = ids.map((id) => planned.find((model) => model.id === id)!);
    run.progress({ event: "run", run_id: run.runId, models: models.length, out: worker.lake.name });
    const { done, failed } = models.length === 0
      ? { done: [], failed: [] }
      : await runModels(models, modelsAtATime(loaded.config), run, worker.do).catch((failure: unknown) => {
        // That all models of a share fail is no failure of the share.
        if (!(failure instanceof ModelsFailed)) throw failure;
        if (models.length === 1) {
          for (const { id: model, uri: file, error } of failure.failed) {
            run.progress({ event: "model-failed", model, file, error });
          }
        }
        return { done: [], failed: failure.failed };
      });
    const outcome = {
      lake: worker.lake.name,
      models: planned.length,
      done: done.map(({ told }) => told.id),
      up_to_date: done.filter(({ work }) => work === "none").length,
      failed,
    };
    const { spectra, work } = worker.counts;
    const seconds = (Date.now() - began) / 1000;
    const { up_to_date } = outcome;
    run.progress({
      event: "done",
      done: done.length,
      failed: failed.length,
      up_to_date,
      ...spectra,
      seconds,
      work,
    });
    return outcome;
  } finally {
    await worker.close();
  }
}
