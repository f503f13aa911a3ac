/** Stage 3: the spectrum of a layer. */

import type { Kernel, SvdOptions } from "../kernels/kernel.ts";
import { type Layer, unfoldedShape, type Unfolding } from "../model/layer.ts";
import type { Spectrum, Svd } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { factoredSvd } from "./circuits/factored-svd.ts";
import { canonical, contentSeed, directions, type GroupNeuron, neuronOrder } from "./directions.ts";
import { isSparse } from "./sparse-layers.ts";

/**
 * Decomposes a layer's unfolded weight. A grouped layer is decomposed block by block; the spectra are merged, sorted by
 * singular value (ties up to rounding by group, null neurons last), and each neuron remembers its group. Vectors that are
 * arbitrary are made canonical (`directions.ts`). Of a circuit the product of its factors is decomposed, with all of its neurons.
 *
 * @param blocks as `unfold` returns them, or a circuit's factors; may be overwritten, and their memory given away
 * @param options `rank`: only so many leading triplets of each block
 * @throws {RangeError} when a weight is NaN or infinite
 */
export async function spectrum(
  layer: Layer,
  blocks: readonly Matrix[],
  unfolding: Unfolding,
  kernel: Kernel,
  { signal, rank, noise, tolerance, subject }: SvdOptions = {},
): Promise<Spectrum> {
  const options = {
    ...signal === undefined ? {} : { signal },
    ...rank === undefined ? {} : { rank },
    ...noise === undefined ? {} : { noise },
    ...tolerance === undefined ? {} : { tolerance },
    ...subject === undefined ? {} : { subject },
  };
  // The blocks are gone afterwards. Where all singular values come, they say the norm too.
  const seeds = blocks.map(contentSeed);
  const sparse = isSparse(layer, blocks, unfolding);
  const shape = unfoldedShape(layer, unfolding);
  const norms = rank === undefined ? [] : blocks.map(({ data }) => frobeniusNorm(data));
  const signalled = signal === undefined ? {} : { signal };
  const parts: Svd[] = [];
  if (layer.circuit !== undefined) {
    const [a, b] = blocks as [Matrix, Matrix];
    const found = await factoredSvd(a, b, kernel, signalled);
    parts.push(await canonical(found, shape, Math.imul(seeds[0]!, 31) ^ seeds[1]!, kernel, signalled));
  } else {
    for (const [at, block] of blocks.entries()) {
      const found = await kernel.svd(block, options);
      parts.push(await canonical(found, shape, seeds[at]!, kernel, signalled));
    }
  }
  const { precision } = kernel.info;
  const all = parts.length === 1
    ? alone(parts[0]!)
    : merged(parts, neuronOrder(parts.map(({ singularValues }) => singularValues), shape, precision));
  const norm = frobeniusNorm(rank === undefined ? all.singularValues : Float64Array.from(norms));
  const residual = parts.length === 1 ? {} : residualOf(parts, norms, norm);
  return { layer, unfolding, norm, ...all, ...residual, ...directions(all, shape, precision), sparse };
}

function alone(only: Svd): Svd & Pick<Spectrum, "group"> {
  return { ...only, group: new Int32Array(only.singularValues.length) };
}

/** The root of a sum of squares, without overflow. */
function frobeniusNorm(values: Float64Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let sum = 0;
  for (const value of values) sum += (value / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** The residual of all blocks from that of each. */
function residualOf(parts: readonly Svd[], norms: readonly number[], norm: number): { residual?: number } {
  if (!parts.some(({ residual }) => residual !== undefined) || norm === 0) return {};
  return { residual: Math.hypot(...parts.map(({ residual = 0 }, at) => residual * norms[at]! / norm)) };
}

function merged(parts: readonly Svd[], order: readonly GroupNeuron[]): Svd & Pick<Spectrum, "group"> {
  const gather = (side: "left" | "right") => {
    const cols = parts[0]![side].cols;
    const out = matrix(order.length, cols);
    order.forEach(({ at, group }, j) => {
      out.data.set(parts[group]![side].data.subarray(at * cols, (at + 1) * cols), j * cols);
    });
    return out;
  };
  return {
    left: gather("left"),
    singularValues: Float64Array.from(order, ({ at, group }) => parts[group]!.singularValues[at]!),
    right: gather("right"),
    group: Int32Array.from(order, ({ group }) => group),
    // Of blocks of one shape all are leading triplets, or none.
    ...parts.every(({ residuals, converged }) => residuals !== undefined && converged !== undefined)
      ? {
        residuals: Float64Array.from(order, ({ at, group }) => parts[group]!.residuals![at]!),
        converged: Uint8Array.from(order, ({ at, group }) => parts[group]!.converged![at]!),
      }
      : {},
  };
}
