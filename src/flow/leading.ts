/** Of which layers only leading neurons are wanted. */

import type { SvdOptions } from "../kernels/kernel.ts";
import { type Layer, type LayerGraph, unfoldedShape, type Unfolding } from "../model/layer.ts";
import { layerFlops } from "../stages/flops.ts";

/** `rank` of a config: so many of each matrix, all of them, or what matters of matrices that are too large for all. */
export type RankChoice = number | "all" | "auto";

/** Neurons of a matrix that `auto` keeps at most. */
export const MOST_LEADING = 256;

/** Matrices with both sides over this are too large for all neurons, whatever the model. */
export const LARGE_SIDE = 4096;

/** The same where the whole model is. */
export const LARGE_MODEL_SIDE = 1024;

/** Operations of a model's decompositions that are too many: about ten minutes of two cores. */
export const LARGE_MODEL_FLOPS = 1e13;

/** Which neurons of a layer are wanted; empty for all. */
export type LeadingOptions = Pick<SvdOptions, "rank" | "noise">;

/** What `rank` means for each layer of a model. Circuits have few neurons, and all of them are wanted. */
export function leadingOf(
  { layers }: Pick<LayerGraph, "layers">,
  unfolding: Unfolding,
  choice: RankChoice = "all",
): (layer: Layer) => LeadingOptions {
  if (choice === "all") return () => ({});
  if (choice !== "auto") return ({ circuit }) => circuit === undefined ? { rank: choice } : {};
  const others = layers.filter(({ circuit }) => circuit === undefined);
  const flops = others.reduce((sum, layer) => sum + layerFlops(layer, unfolding), 0);
  const side = flops > LARGE_MODEL_FLOPS ? LARGE_MODEL_SIDE : LARGE_SIDE;
  return (layer) => {
    const { rows, cols } = unfoldedShape(layer, unfolding);
    return layer.circuit === undefined && Math.min(rows, cols) > side
      ? { rank: MOST_LEADING, noise: true }
      : {};
  };
}

/** How many neurons of each group of a layer there are at most; Infinity for all. */
export function mostNeurons(...asked: Parameters<typeof leadingOf>): (layer: Layer) => number {
  const leading = leadingOf(...asked);
  return (layer) => leading(layer).rank ?? Infinity;
}
