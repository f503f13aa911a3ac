/** The whole pipeline: source -> layers -> unfold -> svd -> overlap -> test -> weight -> sinks. */

import { concatMap, defer, finalize, from, identity, type Observable, of } from "rxjs";
import type { LayerGraph, Unfolding } from "../model/layer.ts";
import type { MeasureModel, Model } from "../model/ports.ts";
import { layerGraph, type LayerSettings } from "../stages/layers.ts";
import type { EdgeWeight } from "../stages/weight.ts";
import { layers } from "./operators/layers.ts";
import { measuredBy, overlap } from "./operators/overlap.ts";
import { type ModelResult, sinks, type SinkSettings } from "./operators/sinks.ts";
import { svd } from "./operators/svd.ts";
import { type EdgeSettings, test } from "./operators/test.ts";
import { unfold } from "./operators/unfold.ts";
import { weight } from "./operators/weight.ts";
import { type OverlapRecord, OverlapRecorder, recordedItems } from "./spectra/overlap-record.ts";
import type { Engine } from "./engine.ts";
import { PLAIN_METRICS, type WantedMetrics } from "./layer-measurement.ts";

/** Everything that a model's way through the pipeline depends on. */
export interface PipelineSettings extends SinkSettings {
  readonly layers?: LayerSettings;
  /** The model's layer graph by these settings, where it is known already: tracing a large model takes time. */
  readonly graph?: LayerGraph;
  readonly unfolding: Unfolding;
  readonly test: EdgeSettings;
  readonly weight: EdgeWeight;
  /** Figures of the whole model. */
  readonly measureModel: MeasureModel;
  /** Figures of layers that cost more than others. Default: none of them. */
  readonly layerMetrics?: WantedMetrics;
  /** How many of the strongest disjoint chains are wanted, at least 1. */
  readonly dominant: number;
  /** The seeds of null controls, which are computed beside the model. Default: none. */
  readonly controlSeeds?: readonly number[];
  readonly engine: Engine;
  /** Told what the overlaps have shown, once the model is committed; null where that is too much to keep. */
  readonly record?: (record: OverlapRecord | null) => Promise<void>;
}

/**
 * The spectral graph of one model, from its weights to its tables.
 *
 * @returns emits one result when every table of the model is committed; errors, with nothing left behind, when it cannot be
 * @example
 * import { lastValueFrom } from "rxjs";
 * import { type Model, type PipelineSettings, spectralGraph } from "svrflow";
 *
 * export const resultOf = (model: Model, settings: PipelineSettings) => lastValueFrom(spectralGraph(model, settings));
 */
export function spectralGraph(model: Model, settings: PipelineSettings): Observable<ModelResult> {
  const { unfolding, engine, controlSeeds = [] } = settings;
  return defer(() => {
    const graph = graphOf(model, settings);
    const { logAlpha } = settings.test;
    const shape = { graph, logAlpha, floor: settings.nearKernel, chains: settings.dominant };
    const measurer = settings.measureModel(shape);
    const controls = controlSeeds.map(() => settings.measureModel(shape));
    const edges = measuredBy({ ...settings.test, controlSeeds }, measurer, controls);
    const recorder = settings.record === undefined ? null : new OverlapRecorder(graph, edges);
    return of(model).pipe(
      layers({ graph }), // which linear maps there are, who feeds whom
      unfold(unfolding, engine.signal), // each weight as a matrix, not read yet
      svd(engine, unfolding, settings.layerMetrics ?? PLAIN_METRICS), // read, decomposed; the weight is let go
      overlap(engine, edges), // connections, and beside each its null controls; overlaps, and what they sum up to
      recorder?.record() ?? identity, // what a later run need not compute
      test(edges), // which of them are more than chance
      weight(settings.weight), // what each edge is worth
      sinks(model, graph, settings, measurer, controls), // tables, whole or not at all
    ).pipe(
      concatMap((result) => recorded(result, recorder, settings)),
      finalize(() => engine.store.forget(model)), // whatever an error left in memory
    );
  });
}

function graphOf(
  model: Model,
  { graph, layers, unfolding }: Pick<PipelineSettings, "graph" | "layers" | "unfolding">,
): LayerGraph {
  return graph ?? layerGraph(model, { ...layers, unfolding });
}

async function recorded(
  result: ModelResult,
  recorder: OverlapRecorder | null,
  { record, engine }: PipelineSettings,
): Promise<ModelResult> {
  const { measures, controls } = result;
  const found = recorder?.finish(engine.kernel.info, measures, controls.map((each) => each.measures)) ?? null;
  await record?.(found);
  return result;
}

/**
 * The same for a model whose overlaps an earlier run has recorded: tested, weighed and written anew. Nothing is read but the record.
 *
 * @param record of this model, unfolded and folded alike, that `covers` the test's settings
 */
export function retestedGraph(
  record: OverlapRecord,
  model: Pick<Model, "id">,
  settings: Omit<PipelineSettings, "engine" | "record" | "graph" | "layers">,
): Observable<ModelResult> {
  return defer(() => {
    const { graph } = record;
    const { nearKernel: floor, dominant: chains } = settings;
    const shape = { graph, logAlpha: settings.test.logAlpha, floor, chains };
    const { pathMetric, controlPathMetrics } = record;
    const measurer = settings.measureModel({ ...shape, pathMetric });
    const controls = controlPathMetrics.map((pathMetric) => settings.measureModel({ ...shape, pathMetric }));
    const edges = measuredBy(settings.test, measurer, controls);
    return from(recordedItems(record, edges)).pipe(
      test(edges),
      weight(settings.weight),
      sinks(model, graph, settings, measurer, controls),
    );
  });
}
