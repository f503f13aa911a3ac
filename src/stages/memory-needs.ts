/** Bytes that the jobs of a run need at a time, of its byte budget. */

import { type Layer, rankOf, unfoldedShape, type Unfolding } from "../model/layer.ts";

/** Overlap blocks are this large at most: enough rows for the kernel to be efficient. */
export const BLOCK_BYTES = 32 * 2 ** 20;

/** A layer's decomposition. */
export interface LayerNeed {
  /** While it is decomposed. */
  readonly bytes: number;
  /** Of its spectrum, as long as a connection needs it. */
  readonly spectrum: number;
}

/**
 * What a layer needs: the weight as read and as unfolded, the kernel's own memory, and the result.
 *
 * @param rank as for `Kernel.svd`
 * @param workspace see `Kernel.workspace`
 */
export function layerNeed(
  layer: Layer,
  unfolding: Unfolding,
  rank: number,
  workspace: (rows: number, cols: number) => number,
): LayerNeed {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const weight = 8 * layer.groups * rows * cols;
  const spectrum = Math.min(rankOf(layer, unfolding), rank * layer.groups) * (8 * (rows + cols) + 12);
  return { bytes: 2 * weight + workspace(rows, cols) + spectrum, spectrum };
}

/** What turning a spectrum's channels needs beside it: a rotation with the Gaussian matrix that it is made of, the vectors by channel, and the turned ones twice. */
export function turningBytes(layer: Layer, unfolding: Unfolding, neurons: number): number {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const channels = Math.max(layer.outChannels, layer.inChannels) / layer.groups;
  return 8 * (4 * channels * channels + 3 * neurons * Math.max(rows, cols));
}

/** What a connection needs beside both spectra: one block of inner products with its operands and results, and the candidates of a whole matrix at the worst. */
export function connectionWorkspace(sources: number, targets: number, positions: number): number {
  return Math.min(3 * BLOCK_BYTES, 64 * sources * targets * positions) + 2 ** 20;
}
