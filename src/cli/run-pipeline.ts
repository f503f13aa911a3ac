/** A whole run: every model of a config through the pipeline, into the sinks, and the record of it. */

import { randomBytes } from "node:crypto";
import { mkdir, rm, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { firstValueFrom } from "rxjs";
import { type LoadedConfig, runConfigOf } from "../../config/load.ts";
import type { RunConfig, RunConfigInput } from "../../config/schema.ts";
import { type SinkName, SINKS } from "../../connectors/sinks/registry.ts";
import { measureModel } from "../analysis/model-measures.ts";
import { type ModelReport, modelReport } from "../analysis/report.ts";
import { spectralGraph } from "../flow/pipeline.ts";
import type { Workshop } from "../flow/workshop.ts";
import { messageOf } from "../model/errors.ts";
import type { InputFile, RunHeader, Sink } from "../model/ports.ts";
import { foldedTensors } from "../stages/fold.ts";
import { layerGraph } from "../stages/layers.ts";
import { VERSION } from "../version.ts";
import { planModels, type PlannedModel } from "./models.ts";
import type { Progress } from "./progress.ts";
import {
  type FailedModel,
  hostRecord,
  type RunRecord,
  type RunReport,
  runReport,
  totalRows,
  writeRecords,
} from "./records.ts";
import { serverChoices } from "./server-options.ts";
import { openWorkshop } from "./workshop.ts";
import { layerSettings } from "./layer-settings.ts";
import { keyOf, memoryOf, testReport, testSettings, weightOf } from "./settings.ts";

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

/** A model that is done, for the record. */
interface DoneModel {
  readonly entry: RunRecord["models"][number];
  readonly report: ModelReport;
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
  options: RunOptions = {},
): Promise<RunOutcome> {
  // Everything that can be wrong with the config shows before a file is made.
  const weight = weightOf(config);
  if (config.graph === "neo4j") serverChoices(config.neo4j);
  const planned = await planModels(config, baseDir);
  const out = resolve(config.out);
  const created = await makeFolder(out);
  const started = new Date();
  const runId = `${started.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
  options.progress?.({ event: "run", run_id: runId, models: planned.length, out });
  const header: RunHeader = { runId, version: VERSION, out };
  const sinks = new OpenSinks(header);
  try {
    await sinks.open(config);
    const workshop = await openWorkshop({
      kernel: config.kernel,
      precision: config.precision,
      ...config.threads === undefined ? {} : { threads: config.threads },
      ...config.rank === undefined ? {} : { rank: config.rank },
      memory: memoryOf(config),
      spill: join(out, `.staging-${runId}`, "spectra"),
      ...options.signal === undefined ? {} : { signal: options.signal },
    });
    const { kernel, because } = workshop;
    // Said once a model can be read: a run that ends before that has only its error to say.
    let said = false;
    const sayKernel = () => {
      if (!said) {
        options.progress?.({ event: "kernel", ...kernel.info, threads: kernel.concurrency, because });
      }
      said = true;
    };
    const done: DoneModel[] = [];
    const failed: FailedModel[] = [];
    const errors: unknown[] = [];
    try {
      for (const [at, model] of planned.entries()) {
        options.signal?.throwIfAborted();
        options.progress?.({ event: "model", model: model.id, index: at + 1, of: planned.length });
        try {
          done.push(await runModel(model, config, weight, workshop, sinks.all, options, sayKernel));
        } catch (failure) {
          options.signal?.throwIfAborted();
          errors.push(failure);
          failed.push({ id: model.id, uri: model.uri, error: messageOf(failure) });
          if (planned.length > 1) {
            options.progress?.({ event: "model-failed", model: model.id, error: messageOf(failure) });
          }
        }
      }
    } finally {
      await workshop.dispose();
    }
    if (done.length === 0) throw new AggregateError(errors, failed.map(({ error }) => error).join("\n"));
    options.progress?.({ event: "graph", models: done.length });
    await sinks.finish(options.signal);
    const reports = done.map(({ report }) => report);
    const report = runReport(runId, testReport(config), reports, failed);
    const ended = new Date();
    const record: RunRecord = {
      ...hostRecord(),
      run_id: runId,
      kernel: { ...kernel.info, threads: kernel.concurrency },
      seeds: seedsOf(config),
      config,
      started: started.toISOString(),
      ended: ended.toISOString(),
      counts: { done: done.length, failed: failed.length, ...totalRows(reports) },
      models: done.map(({ entry }) => entry),
      failed,
    };
    await writeRecords(out, record, report);
    const seconds = (ended.getTime() - started.getTime()) / 1000;
    options.progress?.({ event: "done", done: done.length, failed: failed.length, seconds });
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

async function runModel(
  planned: PlannedModel,
  config: RunConfig,
  weight: ReturnType<typeof weightOf>,
  workshop: Workshop,
  sinks: readonly Sink[],
  { progress, signal }: RunOptions,
  opened: () => void,
): Promise<DoneModel> {
  const before = Date.now();
  const model = await planned.open(signal);
  opened();
  try {
    const { id, uri, format } = model;
    const layers = { ...layerSettings(config), topology: planned.topology };
    const read = layerGraph(model, layers).layers.flatMap((layer) => [
      layer.weight.tensor,
      ...foldedTensors(layer),
    ]);
    const inputs: readonly InputFile[] = await model.inputs(signal, new Set(read));
    const key = keyOf(inputs, planned.topology, config);
    const result = await firstValueFrom(spectralGraph(model, {
      layers,
      unfolding: config.unfolding,
      test: testSettings(config),
      weight,
      measureModel,
      dominant: config.dominant,
      workshop,
      sinks,
      header: { id, uri, format, key },
      nearKernel: config.nearKernel.relative,
      progress: (step) => progress?.({ event: "step", ...step }),
    }));
    for (const warning of [...result.graph.warnings, ...result.approximations]) {
      progress?.({ event: "warning", model: id, warning });
    }
    const seconds = (Date.now() - before) / 1000;
    progress?.({ event: "model-done", model: id, edges: result.rows.edges, seconds });
    const { files, skipped } = result;
    return {
      entry: { id, uri, key, inputs, files, skipped },
      report: modelReport({ id, uri, format }, result),
    };
  } finally {
    await model.close();
  }
}

/** The sinks of a run, opened one after another and ended together. */
class OpenSinks {
  readonly all: Sink[] = [];
  readonly #run: RunHeader;

  constructor(run: RunHeader) {
    this.#run = run;
  }

  async open(config: RunConfig): Promise<void> {
    const graphs = { embedded: ["ladybug"], neo4j: ["neo4j"], none: [] } as const;
    const names: SinkName[] = [...config.sinks, ...graphs[config.graph]];
    const choices = config.graph === "neo4j" ? { neo4j: serverChoices(config.neo4j) } : {};
    for (const name of new Set(names)) this.all.push(await (await SINKS[name](choices))(this.#run));
  }

  async finish(signal?: AbortSignal): Promise<void> {
    for (const sink of this.all) await sink.finish(signal);
  }

  async abort(): Promise<void> {
    await Promise.allSettled(this.all.map((sink) => sink.abort()));
  }
}

function seedsOf({ models }: RunConfig): Record<string, number> {
  const entries = Array.isArray(models) ? models : [models];
  return Object.fromEntries(
    entries.flatMap((entry) =>
      typeof entry === "object" && "synthetic" in entry ? [[entry.id, entry.synthetic.seed] as const] : []
    ),
  );
}

/** @returns the first folder that had to be made, or undefined when all were there */
async function makeFolder(out: string): Promise<string | undefined> {
  try {
    const created = await mkdir(out, { recursive: true });
    // A folder that exists may still refuse files.
    const probe = join(out, `.probe-${randomBytes(4).toString("hex")}`);
    await mkdir(probe);
    await rmdir(probe);
    return created;
  } catch (cause) {
    throw new Error(
      `output folder ${out}: found ${messageOf(cause)}, required a folder that can be written to`,
      { cause },
    );
  }
}

async function removeEmpty(folder: string, topmost: string): Promise<void> {
  for (let at = folder; at.startsWith(topmost); at = resolve(at, "..")) {
    const removed = await rmdir(at).then(() => true, () => false);
    if (!removed) return;
  }
}
