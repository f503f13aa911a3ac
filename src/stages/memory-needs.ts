/** Bytes that the jobs of a run need at a time, of its byte budget. */

import { factorBytes } from "./circuits/factors.ts";
import { type Layer, rankOf, unfoldedShape, type Unfolding } from "../model/layer.ts";
import { isPooledAsUnfolded, needsWeight, pooledShape } from "./metrics/weight-metrics.ts";
import { turnedEnd } from "./overlap-geometry.ts";
import { isLarge, isPermuted, isWholeTensor } from "./unfold.ts";

/** Overlap blocks are this large at most: enough rows for the kernel to be efficient. */
export const BLOCK_BYTES = 32 * 2 ** 20;

/** See `Kernel.workspace`. */
export type Workspace = (rows: number, cols: number, rank?: number) => number;

/** Types of which a file's bytes are at most half of what float64 takes, and nothing else is made of them. */
const PLAIN = /^(F32|F16|BF16)$/;

/** Types that are read as codes of few bits and scales: beside the weight these are five eighths of it at most, as float64. */
const DEQUANTIZED = /^(I?Q\d|TQ\d|MXFP4|NVFP4|NF4|FP4|F8_|GPTQ|AWQ|MLX|INT[124]$)/;

/** A layer's decomposition. */
export interface LayerNeed {
  /** While it is decomposed. */
  readonly bytes: number;
  /** Of its spectrum, as long as a connection needs it. */
  readonly spectrum: number;
}

/**
 * What a layer needs: the weight as read and as unfolded, which may be one and the same, the kernel's own memory, and the result.
 *
 * @param rank as for `Kernel.svd`
 * @param workspace see `Kernel.workspace`
 */
export function layerNeed(
  layer: Layer,
  unfolding: Unfolding,
  rank: number,
  workspace: Workspace,
): LayerNeed {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const weight = 8 * layer.groups * rows * cols;
  const spectrum = Math.min(rankOf(layer, unfolding), rank * layer.groups) * (8 * (rows + cols) + 12);
  if (layer.circuit !== undefined) {
    const { circuit, circuit: { width } } = layer;
    // Both factors, their bases and the core lie side by side.
    const factors = factorBytes(circuit);
    const computing = workspace(width, Math.max(width, rows, cols)) + 32 * width ** 2;
    return { bytes: factors + 8 * width * (rows + cols) + computing + spectrum, spectrum };
  }
  const computing = workspace(rows, cols, rank) + spectrum;
  const isInPlace = isWholeTensor(layer, unfolding) ||
    isPermuted(layer, unfolding) && isLarge({ length: rows * cols });
  const isDequantized = DEQUANTIZED.test(layer.dtype);
  if (!isInPlace || !(isDequantized || PLAIN.test(layer.dtype))) {
    return { bytes: 2 * weight + computing, spectrum };
  }
  if (isDequantized) return { bytes: Math.max(1.625 * weight, weight + computing), spectrum };
  // What was read becomes the matrix; the file's own bytes, or its numbers in single precision, are half of it at most.
  return { bytes: Math.max(1.5 * weight, weight + computing), spectrum };
}

/**
 * What figures of a layer take beside `layerNeed`: the weight once more while its spectrum is there, and what the kernel needs for
 * WeightWatcher's matrices beyond what it has for ours.
 *
 * @param rank as for `Kernel.svd`; of leading neurons no such figures are made
 */
export function figuresBytes(
  layer: Layer,
  unfolding: Unfolding,
  rank: number,
  workspace: Workspace,
  wanted: { readonly pooled: boolean; readonly permuted: boolean },
): number {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  if (layer.circuit !== undefined || rank < Math.min(rows, cols) || !needsWeight(layer, unfolding, wanted)) {
    return 0;
  }
  const { rows: m, cols: n } = pooledShape(layer);
  const pooled = wanted.pooled && !isPooledAsUnfolded(layer, unfolding)
    ? workspace(m, n) + 8 * Math.min(m, n) * (m + n)
    : 0;
  return 8 * layer.groups * rows * cols + Math.max(0, pooled - workspace(rows, cols, rank));
}

/** What a connection needs beside both spectra: one block of inner products with its operands and results, and the candidates of a whole matrix at the worst. */
export function connectionWorkspace(sources: number, targets: number, positions: number): number {
  return Math.min(3 * BLOCK_BYTES, 64 * sources * targets * positions) + 2 ** 20;
}

/**
 * What a null control of a connection needs beside that: a rotation with the Gaussian matrix that it is made of, the vectors of the end that is
 * turned by channel, and the turned ones twice.
 *
 * @param sources neurons of each end
 */
export function turningBytes(
  source: Layer,
  target: Layer,
  unfolding: Unfolding,
  sources: number,
  targets: number,
): number {
  const isSource = turnedEnd(source, target, unfolding) === "source";
  const layer = isSource ? source : target;
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const channels = (isSource ? layer.outChannels : layer.inChannels) / layer.groups;
  return 8 * (4 * channels * channels + 3 * (isSource ? sources * rows : targets * cols));
}
