/** One model of a run: opened, digested, and done as far as it is not done already. */

import { firstValueFrom } from "rxjs";
import type { RunConfig } from "../../config/schema.ts";
import { samePlace } from "../../connectors/places/identity.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { measureModel } from "../analysis/model-measures.ts";
import { type ModelFindings, modelReport } from "../analysis/report.ts";
import type { OverlapCache } from "../flow/spectra/overlap-cache.ts";
import { covers, type OverlapRecord, RECORDED_LEVEL } from "../flow/spectra/overlap-record.ts";
import { isRecordOf } from "../flow/spectra/record-check.ts";
import { type PipelineSettings, retestedGraph, spectralGraph } from "../flow/pipeline.ts";
import type { EdgeSettings } from "../flow/operators/test.ts";
import type { ModelResult } from "../flow/operators/sinks.ts";
import type { SpectrumEvent } from "../flow/engine.ts";
import type { KernelInfo } from "../kernels/kernel.ts";
import { type LayerGraph, withoutCircuits } from "../model/layer.ts";
import type { InputFile, Model, ModelHeader, Sink } from "../model/ports.ts";
import { connectionFlops, graphFlops, layerFlops } from "../stages/flops.ts";
import { epsilonWarnings, isEpsilonWarning } from "./assumed-epsilon.ts";
import { haveSameWeights, inferredLayers, preliminaryLayers, tensorsWanted } from "./inferred-layers.ts";
import { mostNeurons } from "../flow/leading.ts";
import type { EdgeWeight } from "../stages/weight.ts";
import { queryTargets } from "../query/query-targets.ts";
import { layerSettings } from "./layer-settings.ts";
import { copiedModel } from "./records/copied-model.ts";
import { type DoneModel, doneOf } from "./records/done-model.ts";
import { FileDigests } from "./records/file-digests.ts";
import type { CompletedModel, CompletedModels } from "./records/completed-models.ts";
import type { PlannedModel } from "./collection/models.ts";
import type { Progress } from "./progress/progress.ts";
import { type QuantizedWeights, quantizedWeights } from "./records/quantized-weights.ts";
import {
  controlSeeds,
  keyOf,
  lacksNeurons,
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

/**
 * Runs one model.
 *
 * @throws whatever is wrong with it; nothing of it is left then
 */
export async function runModel(planned: PlannedModel, run: ModelRun): Promise<DoneModel> {
  return await toldDone(run, async () => await opened(planned, await run.marks.find(planned.id), run));
}

/** Does a model and tells of it. */
export async function toldDone(
  { progress }: Pick<ModelRun, "progress">,
  work: () => Promise<DoneModel>,
): Promise<DoneModel> {
  const before = Date.now();
  const done = await work();
  const { told } = done;
  for (const warning of told.warnings) progress({ event: "warning", model: told.id, warning });
  const seconds = (Date.now() - before) / 1000;
  progress({ event: "model-done", model: told.id, edges: told.rows.edges, work: done.work, seconds });
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
        return await audited(model, withoutCircuits(of), await run.engine(), signal);
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

/** A model as its tables name it. */
export function headerOf(
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
  run: ModelRun,
): Promise<DoneModel | null> {
  // Tables name where their model was read from.
  if (mark?.key !== header.key || !samePlace(mark.entry.uri, header.uri)) return null;
  if (lacksNeurons(run.config, mark.report.layers)) return null;
  // Where its tables cannot be read it is computed again, which says what is wrong if anything else is.
  return await copiedModel({ header, inputs, mark, remembered, news }, run, () => null);
}

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
  // A record of leading neurons is made anew where all are wanted.
  const isWanted = ({ layers }: OverlapRecord) =>
    rankChoice(run.config) !== "all" ||
    layers.every(({ spectrum }) => "skipped" in spectrum || spectrum.residual === undefined);
  const record = await run.overlaps?.find(
    key,
    (found) => isRecordOf(found, expected(found.graph)) && isWanted(found),
  ) ?? null;
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
  { header, inputs, plugin, quantized, remembered, audit }: KnownModel,
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
    plugin,
    targets: queryTargets(config),
    report: modelReport({ ...header, runId }, found, testReport(config), encodeModelId(id)),
    ...remembered,
  });
  return doneOf(mark, { uri, inputs }, "computed");
}
