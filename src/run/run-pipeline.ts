/** A whole run: every model of a config through the pipeline, into the sinks, and the record of it. */

import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type LoadedConfig, runConfigOf } from "../../config/load.ts";
import type { RunConfig, RunConfigInput } from "../../config/schema.ts";
import { naturalOrder } from "../model/natural-order.ts";
import { VERSION } from "../version.ts";
import { chosenPairs } from "./comparisons/chosen-pairs.ts";
import { ComparisonRecords } from "./comparisons/comparison-records.ts";
import { runComparisons } from "./comparisons/run-comparisons.ts";
import { CompletedModels, STATE_FOLDER } from "./records/completed-models.ts";
import { removeHalfTexts } from "../../connectors/lake/folder.ts";
import { writeWhole } from "../../connectors/whole-files.ts";
import { queryTargets } from "../query/query-targets.ts";
import { refuseIdConflicts } from "./collection/id-conflicts.ts";
import type { PassedFile } from "../../connectors/sources/passed-files.ts";
import { planModels, type PlannedModel } from "./collection/models.ts";
import { OpenSinks } from "./open-sinks.ts";
import { type LoadedPlugins, loadPlugins } from "./plugins.ts";
import { openFolder } from "./output-folder.ts";
import type { Plugin, PluginFormat, PluginSink } from "../model/plugin.ts";
import type { Progress } from "./progress/progress.ts";
import { writeReadmes } from "./records/readme.ts";
import { type RunRecord, writeRecords } from "./records/records.ts";
import { writeComparison } from "../report/comparison-files.ts";
import { picturesOf } from "../report/pictures.ts";
import { reportHtml } from "../report/report-html.ts";
import {
  answerableReport,
  type ModelReports,
  reportedSeries,
  type ReportFrame,
  reportFrame,
  type RunReport,
  wholeReport,
} from "../report/run-report.ts";
import type { DoneModel } from "./records/done-model.ts";
import { newRunId, runEngine } from "./engine/run-engine.ts";
import type { ModelRun } from "./run-model.ts";
import { runModels } from "./run-models.ts";
import { goneWarning, recordedModels, standingModels } from "./records/standing-models.ts";
import { runRecord } from "./records/run-record.ts";
import { serverChoices } from "../query/server-options.ts";
import { modelsAtATime, testReport, weightOf } from "./settings.ts";

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
  readonly report: ReportFrame;
  /** What was found in each model that stands in the folder. */
  readonly models: ModelReports;
  /** What stands out in those of this run. */
  readonly told: readonly DoneModel["told"][];
}

/**
 * Runs a config.
 *
 * A model that fails is named in the outcome and leaves nothing; the others go on. Where all fail, nothing is left at all.
 *
 * @param plugin formats and sinks of the caller, beside those of the plugins that the config names
 * @throws {ConfigError} when the config asks for what there is not, or for an id under which a model from elsewhere stands
 * @throws {ModelsFailed} when every model failed; an `AggregateError`, its `errors` are theirs
 * @throws when the output folder cannot be written to, a sink fails at its end, or the signal is aborted
 * @example
 * import { loadRunConfig, runPipeline } from "svrflow/run";
 *
 * const controller = new AbortController();
 * const { record, models } = await runPipeline(await loadRunConfig("my-run.yaml"), {
 *   signal: controller.signal,
 *   progress: (event) => event.event === "model-done" && console.log(event.model, event.seconds),
 * });
 * for await (const { id, findings } of models()) console.log(id, findings.length);
 * console.log(record.counts);
 */
export async function runPipeline(
  loaded: LoadedConfig,
  options: RunOptions = {},
  plugin: Plugin = {},
): Promise<RunOutcome> {
  return await runPlan(loaded.config, await runPlanOf(loaded, options.signal, plugin), options);
}

/** What a run is to do. */
export interface RunPlan {
  readonly planned: readonly PlannedModel[];
  /** Files beside the models that hold one and cannot be read. */
  readonly notTaken: readonly PassedFile[];
  readonly plugins: LoadedPlugins;
  /** Does a model. Default: computes what is not done. */
  readonly one?: (planned: PlannedModel, run: ModelRun) => Promise<DoneModel>;
}

/**
 * The plan of a config: everything that can be wrong with it shows before a file is made.
 *
 * @throws {ConfigError} when it asks for what there is not
 */
export async function runPlanOf(
  { config, baseDir }: LoadedConfig,
  signal?: AbortSignal,
  plugin: Plugin = {},
): Promise<RunPlan> {
  await weightOf(config);
  if (config.graph === "neo4j") serverChoices(config.neo4j);
  const plugins = await loadPlugins({ config, baseDir }, plugin);
  const notTaken: PassedFile[] = [];
  const planned = await planModels(
    config,
    baseDir,
    signal,
    (file) => notTaken.push(file),
    plugins.formats,
  );
  if (config.compare !== undefined) chosenPairs(config.compare, planned);
  return { planned, notTaken, plugins };
}

/** Runs a plan as `runPipeline` runs a config. */
export async function runPlan(
  config: RunConfig,
  { planned, notTaken, plugins, one }: RunPlan,
  { progress: heard = () => undefined, signal }: RunOptions = {},
): Promise<RunOutcome> {
  const weight = await weightOf(config);
  const out = resolve(config.out);
  const folder = await openFolder(out);
  const started = new Date();
  const runId = newRunId(started);
  const { work, progress, engine, spectra, spectrumDone, overlaps } = runEngine(config, {
    out,
    spill: join(out, `.staging-${runId}`, "spectra"),
    shared: false,
    heard,
    signal,
  });
  const sinks = new OpenSinks({ runId, version: VERSION, out, replace: config.replace, progress });
  progress({ event: "run", run_id: runId, models: planned.length, out });
  for (const file of notTaken) progress({ event: "not-taken", ...file });
  try {
    const marks = new CompletedModels(out);
    await removeHalfTexts(join(out, STATE_FOLDER));
    await sinks.open(config, plugins.sinks);
    if (!config.replace) {
      await refuseIdConflicts(planned, [recordedModels(marks, out), ...sinks.places(config)]);
    }
    const outcome = await runModels(planned, modelsAtATime(config), {
      runId,
      out,
      config,
      weight,
      sinks: sinks.all,
      marks,
      overlaps: await overlaps(),
      spectrumDone,
      progress,
      signal,
      engine: () => engine.open(),
      hopeless: () => engine.failure,
    }, one);
    const counted = { ...spectra };
    const comparisons = new ComparisonRecords(out);
    const { done } = outcome;
    const compared = await runComparisons({
      out,
      config,
      planned,
      done,
      plugins: plugins.records,
      sinks: sinks.all,
      marks,
      records: comparisons,
      engine: () => engine.open(),
      progress,
      signal,
    });
    // Those of comparisons are the models' own.
    Object.assign(spectra, counted);
    await engine.dispose();
    if (outcome.done.some(({ work }) => work !== "none")) {
      progress({ event: "graph", models: outcome.done.length });
    }
    await sinks.finish(signal);
    const told = outcome.done.map(({ told }) => told);
    const standing = await standingModels(marks, out, new Set(told.map(({ id }) => id)));
    const gone = goneWarning(standing.earlier);
    if (gone !== null) progress({ event: "warning", ...gone });
    const targets = queryTargets(config);
    const all = [...outcome.done.map((done) => ({ ...done, targets })), ...standing.reported]
      .sort((a, b) => naturalOrder(a.told.id, b.told.id));
    const summaries = all.map(({ told }) => told);
    const models = async function* () {
      for (const { entry: { id, uri }, targets } of all) {
        yield answerableReport({ ...await marks.report(id), uri }, targets);
      }
    };
    const report = reportFrame(
      runId,
      testReport(config),
      summaries,
      outcome.failed,
      standing.earlier,
      summaries.some(({ series }) => series !== null) ? await reportedSeries(models) : [],
    );
    const record = runRecord({
      runId,
      config,
      plugins: plugins.records,
      kernel: engine.kernel,
      spectra,
      started,
      outcome,
      standing,
      notTaken,
      work: work.summary(),
    });
    if (compared !== null) await writeComparison(compared, join(out, "comparison"));
    await writeRecords(out, record, report, models);
    // After them, for pictures are drawn from all that stands there.
    const pictures = picturesOf(out, record, { keep: true, signal });
    await writeWhole([join(out, "report.html"), reportHtml(report, models, pictures)]);
    for (const reason of await writeReadmes(out, config, record)) {
      progress({ event: "readme-failed", reason });
    }
    const seconds = (Date.parse(record.ended) - started.getTime()) / 1000;
    const { done: models_done, failed, up_to_date } = record.counts;
    progress({
      event: "done",
      done: models_done,
      failed,
      up_to_date,
      ...spectra,
      seconds,
      work: record.work,
    });
    await folder.release();
    return { out, record, report, models, told };
  } catch (failure) {
    await engine.dispose().catch(() => undefined); // what went wrong before is what is told
    await sinks.abort();
    await rm(join(out, `.staging-${runId}`), { recursive: true, force: true });
    await folder.abandon();
    throw failure;
  } finally {
    work.stop();
  }
}

/** What `run` takes: the settings of a config file, and formats and sinks that the caller has made. */
export type RunSettings = Omit<RunConfigInput, "sinks"> & {
  /** Formats of your own, beside those that svrflow reads by itself. */
  readonly formats?: readonly PluginFormat[];
  /** Names of table files, and sinks of your own. Default: parquet and arrow. */
  readonly sinks?: readonly (NonNullable<RunConfigInput["sinks"]>[number] | PluginSink)[];
};

/**
 * Runs settings, spelled as in a config file, without one; paths start from the working directory. See `runPipeline`.
 *
 * @returns with the reports of all models in memory
 * @throws {ConfigError} when the settings are not valid
 * @example
 * import { run } from "svrflow/run";
 *
 * const { report, out } = await run({ models: "model.safetensors", out: "my-run", nullControl: true });
 * for (const { id, findings } of report.models) console.log(id, findings.map(({ title }) => title));
 * console.log(`tables, graph and report are in ${out}`);
 */
export async function run(
  { formats, sinks, ...settings }: RunSettings,
  options: RunOptions = {},
): Promise<Omit<RunOutcome, "models" | "told"> & { readonly report: RunReport }> {
  const own = sinks?.filter((sink) => typeof sink === "object");
  const named = sinks?.filter((sink) => typeof sink !== "object");
  const plugin = { ...formats === undefined ? {} : { formats }, ...own?.length ? { sinks: own } : {} };
  const loaded = runConfigOf({ ...settings, sinks: named });
  const { out, record, report, models } = await runPipeline(loaded, options, plugin);
  return { out, record, report: await wholeReport(report, models) };
}
