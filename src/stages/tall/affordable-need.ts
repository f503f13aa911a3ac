/** How a layer is decomposed within a byte budget. */

import type { KernelInfo } from "../../kernels/kernel.ts";
import { type Layer, unfoldedShape, type Unfolding } from "../../model/layer.ts";
import { type LayerNeed, layerNeed, type Workspace } from "../memory-needs.ts";
import { type TallMatrix, tallMatrix } from "./tall-matrix.ts";
import { tallBytes } from "./tall-spectrum.ts";

/** A layer's decomposition within a budget. */
export interface AffordableNeed extends LayerNeed {
  /** How its weight is read; null for whole. */
  readonly tall: TallMatrix | null;
}

/**
 * What a layer needs within a budget: as `layerNeed` says, or, where that is too much and leading neurons of a long matrix are wanted, read by
 * rows.
 */
export function affordableNeed(
  layer: Layer,
  unfolding: Unfolding,
  rank: number,
  { workspace, info }: { readonly workspace: Workspace; readonly info: Pick<KernelInfo, "precision"> },
  { model, budget }: { readonly model: Parameters<typeof tallMatrix>[0]; readonly budget: number },
): AffordableNeed {
  const whole = layerNeed(layer, unfolding, rank, workspace);
  const { rows, cols } = unfoldedShape(layer, unfolding);
  // In single precision the squares of a matrix would say nothing of its smaller neurons.
  if (whole.bytes <= budget || !(rank < Math.min(rows, cols)) || info.precision !== "f64") {
    return { ...whole, tall: null };
  }
  const tall = tallMatrix(model, layer, unfolding);
  if (tall === null) return { ...whole, tall };
  const bytes = tallBytes(tall.rows, tall.cols, rank, workspace);
  return bytes < whole.bytes ? { ...whole, bytes, tall } : { ...whole, tall: null };
}
