/** A worker: it does models of a run into a lake, beside others on other machines. Reports, graph and comparisons are made by `svr merge`. */

import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import type { LoadedConfig } from "../../../config/load.ts";
import type { RunConfig } from "../../../config/schema.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { messageOf } from "../../model/errors.ts";
import type { Plugin } from "../../model/plugin.ts";
import { VERSION } from "../../version.ts";
import { refuseIdConflicts } from "../collection/id-conflicts.ts";
import type { PlannedModel } from "../collection/models.ts";
import { OpenSinks } from "../open-sinks.ts";
import { openFolder, type OutputFolder, removeDeadWorkers, WORKER_FOLDER } from "../output-folder.ts";
import { CompletedModels } from "../records/completed-models.ts";
import type { DoneModel } from "../records/done-model.ts";
import { newRunId, type RunEngine, runEngine } from "../engine/run-engine.ts";
import { type ModelRun, runModel } from "../run-model.ts";
import { type RunOptions, type RunPlan, runPlanOf } from "../run-pipeline.ts";
import { weightOf } from "../settings.ts";
import { spectraIn } from "./lake-spectra.ts";
import { ModelFailures } from "./model-failures.ts";
import { agreedRun, type SharedRun } from "./shared-run.ts";

/** How a worker is opened. */
export interface LakeWorkerOptions extends RunOptions {
  /** Whether spectra go into the lake too, for workers that see no common folder. Default: no. */
  readonly lakeSpectra?: boolean;
}

/** A worker that is open. */
export class LakeWorker {
  /** Of the config, all of the run. */
  readonly planned: readonly PlannedModel[];
  /** As all workers have agreed on it. */
  readonly shared: SharedRun;
  readonly lake: LakePlace;
  readonly config: RunConfig;
  /** What models are done with. */
  readonly run: ModelRun;
  readonly failures: ModelFailures;
  readonly #engine: RunEngine;
  readonly #sinks: OpenSinks;
  readonly #folder: OutputFolder;
  readonly #path: string;

  private constructor(
    plan: RunPlan,
    shared: SharedRun,
    lake: LakePlace,
    run: ModelRun,
    parts: {
      readonly engine: RunEngine;
      readonly sinks: OpenSinks;
      readonly folder: OutputFolder;
      readonly path: string;
    },
  ) {
    this.planned = plan.planned;
    this.shared = shared;
    this.lake = lake;
    this.config = run.config;
    this.run = run;
    this.failures = new ModelFailures(lake);
    this.#engine = parts.engine;
    this.#sinks = parts.sinks;
    this.#folder = parts.folder;
    this.#path = parts.path;
  }

  /**
   * Opens a worker. Its lake is the config's, else the output folder; its own files are in a folder of its own within the output folder.
   *
   * @throws {ConfigError} when the config asks for what there is not, for no Parquet tables, or for an id under which a model from
   * elsewhere stands
   */
  static async open(
    loaded: LoadedConfig,
    { progress: heard = () => undefined, signal, lakeSpectra = false }: LakeWorkerOptions = {},
    plugin: Plugin = {},
  ): Promise<LakeWorker> {
    const { config } = loaded;
    if (!config.sinks.includes("parquet")) {
      throw new ConfigError(
        `sinks: found ${
          config.sinks.join(", ") || "none"
        }, required parquet among them: workers meet in its tables`,
      );
    }
    const plan = await runPlanOf(loaded, signal, plugin);
    const { planned, notTaken } = plan;
    const out = resolve(config.out);
    const lake = await openLake(config.lake ?? out);
    await lake.prepare();
    const runId = newRunId(new Date());
    await removeDeadWorkers(out);
    const path = join(out, `${WORKER_FOLDER}${runId}`);
    const folder = await openFolder(path);
    const spill = join(path, "spectra");
    const engine = runEngine(config, {
      out,
      spill,
      shared: true,
      beyond: lakeSpectra ? spectraIn(lake) : undefined,
      heard,
      signal,
    });
    const sinks = new OpenSinks({ runId, version: VERSION, out: path, replace: config.replace });
    try {
      // Graphs, and tables beside the lake, are made when all models are there.
      await sinks.open({ ...config, sinks: ["parquet"], graph: "none", lake: config.lake ?? out }, []);
      if (!config.replace) await refuseIdConflicts(planned, sinks.places(config));
      const shared = await agreedRun(lake, loaded, planned, notTaken, signal);
      const run: ModelRun = {
        runId,
        out,
        config: { ...config, graph: "none" },
        weight: await weightOf(config),
        sinks: sinks.all,
        marks: new CompletedModels(lake),
        overlaps: await engine.overlaps(),
        spectrumDone: engine.spectrumDone,
        progress: engine.progress,
        signal,
        engine: () => engine.engine.open(),
        hopeless: () => engine.engine.failure,
      };
      return new LakeWorker(plan, shared, lake, run, { engine, sinks, folder, path });
    } catch (failure) {
      engine.work.stop();
      await sinks.abort();
      await folder.abandon();
      await rm(path, { recursive: true, force: true });
      throw failure;
    }
  }

  /**
   * Does a model, as far as it is not done already; several may be asked for at a time. Its tables are in the lake then, and what a merge
   * needs to know of it.
   *
   * @throws whatever is wrong with it; the lake says so too, unless the worker was stopped or has no kernel
   */
  readonly do = async (planned: PlannedModel, run: ModelRun = this.run): Promise<DoneModel> => {
    const { id, uri } = planned;
    try {
      const done = await runModel(planned, run);
      await this.failures.remove(id);
      return done;
    } catch (failure) {
      if (run.signal?.aborted !== true && run.hopeless() === null) {
        await this.failures.put({ id, uri, error: messageOf(failure), run_id: run.runId });
      }
      throw failure;
    }
  };

  /** What was computed and reused so far, and what the kernel did. */
  get counts() {
    return { spectra: this.#engine.spectra, work: this.#engine.work.summary() };
  }

  /** Frees the kernel and removes the worker's own files. May be called again. */
  async close(): Promise<void> {
    this.#engine.work.stop();
    await this.#engine.engine.dispose();
    await this.#sinks.abort();
    await this.#folder.release();
    await rm(this.#path, { recursive: true, force: true });
    await removeDeadWorkers(this.run.out);
  }
}
