/** One model of a run: opened, digested, and done as far as it is not done already. */

import { extname, resolve } from "node:path";
import { firstValueFrom } from "rxjs";
import type { RunConfig } from "../../config/schema.ts";
import { folderLake } from "../../connectors/lake/folder.ts";
import { samePlace } from "../../connectors/places/identity.ts";
import { encodeModelId, filesStand } from "../../connectors/sinks/staging.ts";
import type { ComparedModel } from "../analysis/findings/comparison.ts";
import { measureModel } from "../analysis/model-measures.ts";
import { type ModelFindings, type ModelReport, modelReport } from "../analysis/report.ts";
import type { OverlapCache } from "../flow/spectra/overlap-cache.ts";
import { covers, RECORDED_LEVEL } from "../flow/spectra/overlap-record.ts";
import { isRecordOf } from "../flow/spectra/record-check.ts";
import { type PipelineSettings, retestedGraph, spectralGraph } from "../flow/pipeline.ts";
import type { EdgeSettings } from "../flow/operators/test.ts";
import type { ModelResult } from "../flow/operators/sinks.ts";
import type { SpectrumEvent } from "../flow/engine.ts";
import type { KernelInfo } from "../kernels/kernel.ts";
import type { LayerGraph } from "../model/layer.ts";
import type { InputFile, Model, ModelHeader, Sink, WrittenFile } from "../model/ports.ts";
import { connectionFlops, graphFlops, layerFlops } from "../stages/flops.ts";
import { epsilonWarnings, isEpsilonWarning } from "./assumed-epsilon.ts";
import { haveSameWeights, inferredLayers, preliminaryLayers, tensorsWanted } from "./inferred-layers.ts";
import { mostNeurons } from "../flow/leading.ts";
import type { EdgeWeight } from "../stages/weight.ts";
import { bothTargets, queryTargets } from "../query/query-targets.ts";
import { layerSettings } from "./layer-settings.ts";
import { FileDigests } from "./records/file-digests.ts";
import { type CompletedModel, type CompletedModels, recentRuns } from "./records/completed-models.ts";
import type { PlannedModel } from "./collection/models.ts";
import type { Progress } from "./progress/progress.ts";
import { type QuantizedWeights, quantizedWeights } from "./records/quantized-weights.ts";
import type { RunRecord } from "./records/records.ts";
import { findingSummaries, type FindingSummary } from "../report/report-text.ts";
import {
  controlSeeds,
  keyOf,
  lakeOf,
  overlapKeyOf,
  rankChoice,
  testReport,
  testSettings,
} from "./settings.ts";
import type { OpenEngine } from "./open-engine.ts";

/** What every model of a run is done with. */
export interface ModelRun {
  readonly runId: string;
  readonly out: string;
  readonly config: RunConfig;
  readonly weight: EdgeWeight;
  /** Opened when the first model needs it: where all is done, no kernel is loaded. */
  readonly engine: () => Promise<OpenEngine>;
  /** Why no model can be computed; null as long as that is not so. */
  readonly hopeless: () => Error | null;
  readonly sinks: readonly Sink[];
  readonly marks: CompletedModels;
  /** What overlaps of earlier runs have shown; null where nothing is kept. */
  readonly overlaps: OverlapCache | null;
  /** Told of each spectrum of a model whose overlaps are known; of the others the engine tells. */
  readonly spectrumDone: (spectrum: SpectrumEvent) => void;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** A model that is done, for the record. */
export interface DoneModel {
  readonly entry: RunRecord["models"][number];
  /** Of its report, which stands in its mark. */
  readonly told: ComparedModel & Pick<ModelReport, "series" | "test" | "rows" | "warnings"> & {
    readonly findings: readonly FindingSummary[];
  };
  /** What this run had to do for it: everything, or only to take its tables to a sink that lacked them, or nothing. */
  readonly work: "computed" | "copied" | "none";
}

/**
 * Runs one model.
 *
 * @throws whatever is wrong with it; nothing of it is left then
 */
export async function runModel(planned: PlannedModel, run: ModelRun): Promise<DoneModel> {
  const { progress } = run;
  const before = Date.now();
  const mark = await run.marks.find(planned.id);
  const done = await opened(planned, mark, run);
  const { told, work } = done;
  for (const warning of told.warnings) progress({ event: "warning", model: told.id, warning });
  const seconds = (Date.now() - before) / 1000;
  progress({ event: "model-done", model: told.id, edges: told.rows.edges, work, seconds });
  return done;
}

/** A model whose files are known. */
interface KnownModel {
  readonly header: ModelHeader;
  readonly inputs: readonly InputFile[];
  readonly topology: PlannedModel["topology"];
  readonly plugin: Model["plugin"];
  readonly quantized: readonly QuantizedWeights[];
  readonly mark: CompletedModel | null;
  readonly audit: (graph: LayerGraph) => Promise<ModelFindings["audit"]>;
  /** What the next run need not find out again. */
  readonly remembered: Pick<CompletedModel, "digests">;
  /** Whether the mark lacks some of it. */
  readonly news: boolean;
}

async function opened(planned: PlannedModel, mark: CompletedModel | null, run: ModelRun): Promise<DoneModel> {
  const { config, signal } = run;
  const model = await planned.open(signal);
  try {
    const { topology } = planned;
    const settings = { ...layerSettings(config), topology };
    const { graph, isInferred } = preliminaryLayers(model, settings, config.infer);
    const digests = new FileDigests(mark?.digests);
    const inputs = await model.inputs(signal, tensorsWanted(model, graph), digests);
    const known: KnownModel = {
      header: headerOf(model, planned, inputs, config),
      inputs,
      topology,
      plugin: model.plugin,
      quantized: quantizedWeights(model.tensors),
      mark,
      async audit(of) {
        if (!config.audit) return undefined;
        const { audited } = await import("./audit-report.ts");
        return await audited(model, of, await run.engine(), signal);
      },
      remembered: { digests: digests.record() },
      news: digests.changed,
    };
    const laidOut = async () =>
      isInferred ? await inferredLayers(model, settings, await run.engine(), signal) : graph;
    // What an earlier run has guessed may be refused now.
    const early = config.guess ? null : await laidOut();
    const finished = await withoutComputing(known, run);
    if (finished !== null) return finished;
    const done = await again(known, graph, isInferred, run);
    if (done !== null) return done;
    const laid = early ?? await laidOut();
    const warnings = [...laid.warnings, ...await epsilonWarnings(model, laid.layers, signal)];
    return await compute(known, model, { ...laid, warnings }, run);
  } finally {
    await model.close();
  }
}

function headerOf(
  { id, uri, format, plugin }: Pick<Model, "id" | "uri" | "format" | "plugin">,
  { topology, series, step }: PlannedModel,
  inputs: readonly InputFile[],
  config: RunConfig,
): ModelHeader {
  const place = { ...series === undefined ? {} : { series }, ...step === undefined ? {} : { step } };
  return { id, uri, format, key: keyOf(inputs, topology, config, place, plugin), ...place };
}

/** What an earlier run has done, taken to the sinks that lack it; null where it has to be computed. */
async function withoutComputing(
  { header, inputs, mark, remembered, news }: KnownModel,
  { marks, sinks, out, config, runId, signal }: ModelRun,
): Promise<DoneModel | null> {
  // Tables name where their model was read from.
  if (mark?.key !== header.key || !samePlace(mark.entry.uri, header.uri)) return null;
  const { id, files } = mark.entry;
  const { uri } = header;
  const lake = lakeOf(config) ?? (config.sinks.includes("parquet") ? null : mark.lake);
  const lacking: Sink[] = [];
  for (const sink of sinks) {
    if (await sink.holds?.({ id, runIds: mark.runIds, files }) !== true) lacking.push(sink);
  }
  if (lacking.length === 0) {
    if (news || lake !== mark.lake) {
      await marks.put({ ...mark, lake, entry: { ...mark.entry, uri, inputs }, ...remembered });
    }
    return doneOf(mark, { uri, inputs }, "none");
  }
  const tables = files.filter((file) => kindOf(file) === ".parquet");
  // Of a lake in a bucket nothing is copied: the model is computed again, from the spectra that are kept.
  const folder = config.lake === undefined ? out : resolve(config.lake);
  if (!await filesStand(folder, tables)) return null;
  const { copyModel } = await import("../../connectors/sinks/copy-model.ts");
  try {
    const copied = await copyModel(folderLake(folder), header, lacking, signal);
    const kinds = new Set(copied.map(kindOf));
    const entry = {
      ...mark.entry,
      uri,
      inputs,
      files: [...files.filter((file) => !kinds.has(kindOf(file))), ...copied],
    };
    const runIds = recentRuns(mark.runIds, runId);
    const targets = bothTargets(queryTargets(config), mark.targets);
    const next = await marks.put({ ...mark, runIds, entry, lake, targets, ...remembered });
    return doneOf(next, { uri, inputs }, "copied");
  } catch {
    signal?.throwIfAborted();
    // Its tables cannot be read: it is computed again, which says what is wrong if anything else is.
    return null;
  }
}

/** What tells the files of one sink from another's. */
const kindOf = ({ path, sink }: WrittenFile) => sink ?? extname(path);

/** Tests again what an earlier run has kept of a model's overlaps; null where that does not say enough. */
async function again(
  known: KnownModel,
  graph: LayerGraph,
  isInferred: boolean,
  run: ModelRun,
): Promise<DoneModel | null> {
  const { header, inputs, topology, plugin } = known;
  const key = overlapKeyOf(inputs, topology, run.config, plugin);
  // What weights have shown is not asked of them again: the record's own graph is one of these layers.
  const expected = (found: LayerGraph) =>
    isInferred && haveSameWeights(found, graph)
      ? found
      : { ...graph, warnings: [...graph.warnings, ...found.warnings.filter(isEpsilonWarning)] };
  const record = await run.overlaps?.find(key, (found) => isRecordOf(found, expected(found.graph))) ?? null;
  const test = testOf(run);
  if (record === null || !covers(record, test)) return null;
  const settings = settingsOf(known, record.graph, run);
  const result = await firstValueFrom(retestedGraph(record, header, { ...settings, test }));
  for (const { name } of record.graph.layers) {
    run.spectrumDone({ model: header.id, layer: name, key: null, from: "cache" });
  }
  return await committed(known, result, record.kernel, run);
}

async function compute(
  known: KnownModel,
  model: Model,
  graph: LayerGraph,
  run: ModelRun,
): Promise<DoneModel> {
  const { inputs, topology, plugin } = known;
  const { overlaps, config } = run;
  const settings = settingsOf(known, graph, run);
  const engine = await run.engine();
  const key = overlapKeyOf(inputs, topology, config, plugin);
  const result = await firstValueFrom(spectralGraph(model, {
    ...settings,
    graph,
    test: testOf(run),
    engine,
    ...overlaps === null
      ? {}
      : { record: async (record) => record === null ? undefined : await overlaps.put(key, record) },
  }));
  return await committed(known, result, engine.kernel.info, run);
}

function testOf({ config, overlaps }: ModelRun): EdgeSettings {
  return { ...testSettings(config), ...overlaps === null ? {} : { keep: RECORDED_LEVEL } };
}

/** How a model goes through the pipeline; says what work that is. */
function settingsOf(
  { header, mark }: KnownModel,
  graph: LayerGraph,
  { config, weight, sinks, progress }: ModelRun,
): Omit<PipelineSettings, "engine" | "graph" | "test"> {
  const rank = mostNeurons(graph, config.unfolding, rankChoice(config));
  const flops = graphFlops(graph, config.unfolding, rank);
  // Each null control has overlaps of its own.
  const rounds = 1 + controlSeeds(config).length;
  progress({
    event: "planned",
    model: header.id,
    layers: graph.layers.length,
    connections: graph.connections.length,
    flops: flops.spectra + rounds * flops.overlaps,
  });
  return {
    unfolding: config.unfolding,
    weight,
    measureModel,
    dominant: config.dominant,
    controlSeeds: controlSeeds(config),
    sinks,
    header,
    before: mark?.entry.files ?? [],
    nearKernel: config.nearKernel.relative,
    layerMetrics: config.layerMetrics,
    metrics: { unfolding: config.unfolding, logAlpha: Math.log(config.layerMetrics.alpha) },
    progress({ ends: [first, second], ...step }) {
      const [kind, flops] = second === undefined
        ? ["layer" as const, layerFlops(first, config.unfolding, rank)]
        : ["connection" as const, rounds * connectionFlops(first, second, config.unfolding, rank)];
      progress({ event: "step", ...step, kind, flops });
    },
  };
}

/** Marks a model as done. */
async function committed(
  { header, inputs, quantized, remembered, audit }: KnownModel,
  result: ModelResult,
  kernel: KernelInfo,
  { runId, config, marks }: ModelRun,
): Promise<DoneModel> {
  const { id, uri, key } = header;
  const { files, skipped } = result;
  const found = { ...result, audit: await audit(result.graph) };
  const mark = await marks.put({
    key,
    runIds: [runId],
    entry: { id, uri, key, run_id: runId, kernel, inputs, quantized, files, skipped },
    lake: lakeOf(config),
    targets: queryTargets(config),
    report: modelReport({ ...header, runId }, found, testReport(config), encodeModelId(id)),
    ...remembered,
  });
  return doneOf(mark, { uri, inputs }, "computed");
}

/** Where a model lies now is said anew: its path may be spelled in another way. */
function doneOf(
  { entry, report }: CompletedModel,
  now: { readonly uri: string; readonly inputs: readonly InputFile[] },
  work: DoneModel["work"],
): DoneModel {
  return { entry: { ...entry, ...now }, told: reportSummary(report), work };
}

/** What of a model's report is kept in memory for the run's. */
export function reportSummary(
  report: ModelReport,
): DoneModel["told"] {
  const { id, series, test, rows, figures, null_controls, null_control, null_control_spread, warnings } =
    report;
  return {
    id,
    series,
    test,
    rows,
    figures,
    null_controls,
    null_control,
    null_control_spread,
    warnings,
    findings: findingSummaries(report.findings),
  };
}
