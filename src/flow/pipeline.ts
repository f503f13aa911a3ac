/** The whole pipeline: source -> layers -> unfold -> svd -> overlap -> significance -> weight -> sinks. */

import { defer, finalize, identity, type Observable, of } from "rxjs";
import type { Unfolding } from "../model/layer.ts";
import type { MeasureModel, Model } from "../model/ports.ts";
import { layerGraph, type LayerSettings } from "../stages/layers.ts";
import type { EdgeVariables } from "../stages/weight.ts";
import { nullControl } from "./control-operator.ts";
import { significance, type SignificanceSettings, weight } from "./edge-operators.ts";
import { overlap } from "./overlap-operator.ts";
import { type ModelResult, sinks, type SinkSettings } from "./sinks.ts";
import { layers, svd, unfold } from "./spectrum-operators.ts";
import type { Workshop } from "./workshop.ts";

/** Everything that a model's way through the pipeline depends on. */
export interface PipelineSettings extends SinkSettings {
  readonly layers?: LayerSettings;
  readonly unfolding: Unfolding;
  readonly test: SignificanceSettings;
  readonly weight: (edge: EdgeVariables) => number;
  /** Figures of the whole model. */
  readonly measureModel: MeasureModel;
  /** How many of the strongest disjoint chains are wanted, at least 1. */
  readonly dominant: number;
  /** The seed of a null control, which is computed beside the model; null for none. */
  readonly nullControl?: number | null;
  readonly workshop: Workshop;
}

/**
 * The spectral graph of one model, from its weights to its tables.
 *
 * @returns emits one result when every table of the model is committed; errors, with nothing left behind, when it cannot be
 */
export function spectralGraph(model: Model, settings: PipelineSettings): Observable<ModelResult> {
  const { unfolding, test, workshop, nullControl: seed = null } = settings;
  const described = { ...settings.layers, unfolding };
  return defer(() => {
    const graph = layerGraph(model, described);
    const shape = { graph, logAlpha: test.logAlpha, floor: settings.nearKernel, chains: settings.dominant };
    const measurer = settings.measureModel(shape);
    const control = seed === null ? undefined : settings.measureModel(shape);
    return of(model).pipe(
      layers(described), // which linear maps there are, who feeds whom
      unfold(unfolding, workshop.signal), // each weight as a matrix, not read yet
      svd(workshop, unfolding), // read, decomposed; the weight is let go
      seed === null ? identity : nullControl(workshop, unfolding, seed), // beside it, random vectors
      overlap(workshop), // connections, as soon as both ends are there
      significance(workshop, test, measurer, control), // overlaps, and which of them are more than chance
      weight(settings.weight), // what each edge is worth
      sinks(model, graph, settings, measurer, control), // tables, whole or not at all
      finalize(() => workshop.store.forget(model)), // whatever an error left in memory
    );
  });
}
