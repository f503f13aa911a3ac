/** Checkpoints of a series, in order, and their neurons followed from step to step. */

import {
  type LayerStep,
  type SeriesModel,
  type SeriesReport,
  seriesReport,
} from "../compare/series-report.ts";
import {
  type ComparedNeurons,
  type ComparedSide,
  layerMatches,
  type ModelComparison,
} from "../flow/compare-models.ts";
import type { Engine } from "../flow/engine.ts";
import { naturalOrder } from "../model/natural-order.ts";
import type { PlannedModel } from "./collection/models.ts";

/**
 * Models in the order of their steps, as the config or their names say them. Where one has no step, or two have the same, in the natural order
 * of their ids.
 */
export function inSteps(models: readonly PlannedModel[]): PlannedModel[] {
  const byId = [...models].sort((a, b) => naturalOrder(a.id, b.id));
  return areSteps(models) ? byId.sort((a, b) => a.step! - b.step!) : byId;
}

const areSteps = (models: readonly PlannedModel[]) =>
  models.every(({ step }) => step !== undefined) &&
  new Set(models.map(({ step }) => step)).size === models.length;

/** A step of a series compared with the next. */
export type ComparedStep = readonly (Omit<LayerStep, "from" | "to" | "neurons"> & {
  readonly neurons: { readonly base: ComparedNeurons; readonly other: ComparedNeurons };
})[];

/** What is kept of a comparison for the tracks. */
export function comparedStep(
  base: ComparedSide,
  other: ComparedSide,
  { layers }: ModelComparison,
): ComparedStep {
  return layers.map((pair) => ({
    base: base.graph.layers[pair.base]!.name,
    other: other.graph.layers[pair.other]!.name,
    neurons: pair.neurons,
    matches: pair.change.matches,
  }));
}

/**
 * The tracks of a series.
 *
 * @param steps each model compared with the next, in order
 * @param both opens two models by their places
 * @param logAlpha matches up to this corrected `ln p` are one neuron
 */
export async function seriesOf(
  planned: readonly PlannedModel[],
  steps: readonly ComparedStep[],
  both: <T>(
    pair: readonly [number, number],
    work: (base: ComparedSide, other: ComparedSide) => Promise<T>,
  ) => Promise<T>,
  engine: Engine,
  logAlpha: number,
): Promise<SeriesReport> {
  const pairs: LayerStep[] = steps.flatMap((layers, from) =>
    layers.map((layer) => ({ ...layer, from, to: from + 1 }))
  );
  // Neurons that share a singular value at a step have no vectors of their own there: they are looked for in the step after.
  for (const [at, later] of steps.entries()) {
    const shared = later.filter(({ neurons }) => neurons.base.clusters).flatMap((after) => {
      const before = steps[at - 1]?.find(({ other }) => other === after.base);
      return before === undefined ? [] : [{ before, after }];
    });
    if (shared.length === 0) continue;
    pairs.push(
      ...await both([at - 1, at + 1], async (base, other) => {
        const index = ({ graph }: ComparedSide, name: string) =>
          graph.layers.findIndex((layer) => layer.name === name);
        const found: LayerStep[] = [];
        for (const { before, after } of shared) {
          found.push({
            from: at - 1,
            to: at + 1,
            base: before.base,
            other: after.other,
            neurons: { base: before.neurons.base, other: after.neurons.other },
            matches: await layerMatches(
              base,
              other,
              { base: index(base, before.base), other: index(other, after.other) },
              engine,
            ),
          });
        }
        return found;
      }),
    );
  }
  const { name, models } = seriesModels(planned);
  return seriesReport(name, models, pairs, logAlpha);
}

/** What a series is called, and its checkpoints with their steps: their places, where one has none or two have the same. */
export function seriesModels(
  planned: readonly PlannedModel[],
): { readonly name: string; readonly models: readonly SeriesModel[] } {
  const [first] = planned;
  const inOne = first?.series !== undefined && planned.every(({ series }) => series === first.series);
  const stepped = areSteps(planned);
  return {
    name: inOne ? first.series : first?.id ?? "",
    models: planned.map(({ id, step }, at) => ({ id, step: stepped ? step! : at })),
  };
}
