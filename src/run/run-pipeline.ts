/** A whole run: every model of a config through the pipeline, into the sinks, and the record of it. */

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type LoadedConfig, runConfigOf } from "../../config/load.ts";
import type { RunConfigInput } from "../../config/schema.ts";
import { openOverlapCache } from "../flow/spectra/overlap-cache.ts";
import type { SpectrumEvent } from "../flow/engine.ts";
import { naturalOrder } from "../model/natural-order.ts";
import { VERSION } from "../version.ts";
import { LazyEngine } from "./lazy-engine.ts";
import { chosenPairs } from "./comparisons/chosen-pairs.ts";
import { ComparisonRecords } from "./comparisons/comparison-records.ts";
import { runComparisons } from "./comparisons/run-comparisons.ts";
import { CompletedModels } from "./records/completed-models.ts";
import { writeWhole } from "../../connectors/whole-files.ts";
import { queryTargets } from "../query/query-targets.ts";
import { refuseIdConflicts } from "./collection/id-conflicts.ts";
import type { PassedFile } from "../../connectors/sources/passed-files.ts";
import { planModels } from "./collection/models.ts";
import { OpenSinks } from "./open-sinks.ts";
import { loadPlugins } from "./plugins.ts";
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
import type { DoneModel } from "./run-model.ts";
import { runModels } from "./run-models.ts";
import { goneWarning, recordedModels, standingModels } from "./records/standing-models.ts";
import { runRecord } from "./records/run-record.ts";
import { RunWork } from "./progress/run-work.ts";
import { serverChoices } from "../query/server-options.ts";
import { cacheOf, memoryOf, modelsAtATime, rankChoice, testReport, weightOf } from "./settings.ts";

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
  { config, baseDir }: LoadedConfig,
  { progress: heard = () => undefined, signal }: RunOptions = {},
  plugin: Plugin = {},
): Promise<RunOutcome> {
  // Everything that can be wrong with the config shows before a file is made.
  const weight = await weightOf(config);
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
  const out = resolve(config.out);
  const cache = cacheOf(config, out);
  const folder = await openFolder(out);
  const started = new Date();
  const runId = `${started.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
  const work: RunWork = new RunWork(heard, memoryOf(config), () => engine.held);
  const progress = work.tell;
  const sinks = new OpenSinks({ runId, version: VERSION, out, replace: config.replace, progress });
  const spectra = { computed: 0, reused: 0 };
  const spectrumDone = (spectrum: SpectrumEvent) => {
    spectra[spectrum.from === "kernel" ? "computed" : "reused"]++;
    progress({ event: "spectrum", ...spectrum, ...work.decomposed(spectrum) });
  };
  const engine = new LazyEngine({
    kernel: config.kernel,
    precision: config.precision,
    ...config.threads === undefined ? {} : { threads: config.threads },
    rank: rankChoice(config),
    tolerance: config.tolerance,
    memory: memoryOf(config),
    spill: join(out, `.staging-${runId}`, "spectra"),
    ...cache === null ? {} : {
      cache: {
        ...cache.spectra,
        alone: cache.alone,
        full: (reason: string) => progress({ event: "cache-off", reason }),
      },
    },
    spectrumDone,
    watch: work,
    ...signal === undefined ? {} : { signal },
  }, (kernel) => progress({ event: "kernel", ...kernel }));
  progress({ event: "run", run_id: runId, models: planned.length, out });
  for (const file of notTaken) progress({ event: "not-taken", ...file });
  try {
    const marks = new CompletedModels(out);
    await marks.tidy();
    const overlaps = cache === null
      ? null
      : await openOverlapCache({ ...cache.overlaps, alone: cache.alone });
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
      overlaps,
      spectrumDone,
      progress,
      signal,
      engine: () => engine.open(),
      hopeless: () => engine.failure,
    });
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
