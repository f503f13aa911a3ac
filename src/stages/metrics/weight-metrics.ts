/** Figures that need the weight beside its spectrum: of its positions apart, and of its entries permuted. */

import type { CallOptions, Kernel } from "../../kernels/kernel.ts";
import type { LayerMetrics, SpectralMetrics } from "../../model/layer-metrics.ts";
import { type Layer, unfoldedShape, type Unfolding } from "../../model/layer.ts";
import { random, shuffle } from "../../model/random.ts";
import type { Spectrum } from "../../model/spectrum.ts";
import { type Matrix, matrix } from "../../model/tensor.ts";
import { bulkDistance } from "../../stats/marchenko-pastur.ts";
import { noiseBelow, spikeLogP } from "./bulk-metrics.ts";
import { matricesOf, metricsOf } from "./layer-metrics.ts";
import { eigenvaluesOf, type SingularValues } from "./spectral-metrics.ts";

/** WeightWatcher multiplies the matrices of a convolution by this. */
const CONVOLUTION_SCALE = Math.sqrt(0.5);

/** A weight, and how it is unfolded. */
export interface UnfoldedWeight {
  readonly layer: Layer;
  readonly unfolding: Unfolding;
  /** As `unfold` returns them. */
  readonly blocks: readonly Matrix[];
}

/** Whether WeightWatcher takes a layer's positions for matrices of their own. */
const isConvolution = ({ kind }: Layer): boolean => kind === "conv" || kind === "conv-transpose";

/** Whether WeightWatcher's matrices of a layer are the unfolded ones, so that its figures are those of the spectrum. */
export function isPooledAsUnfolded(layer: Layer, unfolding: Unfolding): boolean {
  return !isConvolution(layer) && (unfolding === "svr" || layer.positions === 1);
}

/** Whether figures that are wanted need the weight beside its spectrum. */
export function needsWeight(
  layer: Layer,
  unfolding: Unfolding,
  { pooled, permuted }: { readonly pooled: boolean; readonly permuted: boolean },
): boolean {
  return permuted || pooled && !isPooledAsUnfolded(layer, unfolding);
}

/** Rows and columns of WeightWatcher's matrices of a layer. */
export function pooledShape(layer: Layer): { readonly rows: number; readonly cols: number } {
  const { outChannels, inChannels, positions, groups } = layer;
  return { rows: outChannels / groups, cols: inChannels / groups * (isConvolution(layer) ? 1 : positions) };
}

/**
 * WeightWatcher's matrices of a weight: of a convolution one for each position (and group), out channels by in channels, times `sqrt(1/2)`; of every
 * other layer one with all in channels and positions in a row.
 */
export function pooledMatrices({ layer, unfolding, blocks }: UnfoldedWeight): readonly Matrix[] {
  const { positions: z } = layer;
  const { rows: outs, cols } = pooledShape(layer);
  const [count, perRow, scale] = isConvolution(layer) ? [z, 1, CONVOLUTION_SCALE] : [1, z, 1];
  const ins = cols / perRow;
  const placeOf = (out: number, input: number, position: number) =>
    unfolding === "svr" ? (out * ins + input) * z + position : (out * z + position) * ins + input;
  return blocks.flatMap(({ data }) =>
    Array.from({ length: count }, (_, first) => {
      const found = matrix(outs, cols);
      for (let out = 0, at = 0; out < outs; out++) {
        for (let input = 0; input < ins; input++) {
          for (let k = 0; k < perRow; k++) found.data[at++] = scale * data[placeOf(out, input, first + k)]!;
        }
      }
      return found;
    })
  );
}

/** The figures of WeightWatcher's matrices, their eigenvalues pooled. */
export async function pooledMetrics(
  weight: UnfoldedWeight,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<SpectralMetrics> {
  const found: SingularValues[] = [];
  for (const each of pooledMatrices(weight)) {
    const side = Math.max(each.rows, each.cols);
    found.push({ values: (await kernel.svd(each, options)).singularValues, side });
  }
  return metricsOf(found, kernel.info.precision);
}

/**
 * The figures of a weight whose entries have been permuted within each group: its null control. The entries are permuted where they are.
 *
 * @param spectrum of the weight, with all neurons
 * @param seed with the layer's name it names the random numbers
 */
export async function permutedMetrics(
  { layer, unfolding, blocks }: UnfoldedWeight,
  spectrum: Pick<Spectrum, "singularValues" | "group">,
  seed: number,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<NonNullable<LayerMetrics["permuted"]>> {
  const shape = unfoldedShape(layer, unfolding);
  const [short, long] = [Math.min(shape.rows, shape.cols), Math.max(shape.rows, shape.cols)];
  const values = new Float64Array(short * blocks.length);
  for (const [at, { data }] of blocks.entries()) {
    shuffle(data, 0, data.length, random(seed, `permuted/${layer.name}/${at}`));
    // Permuted entries may as well lie the other way.
    values.set(await singularValues(matrix(short, long, data), kernel, options), at * short);
  }
  const permuted = {
    singularValues: values,
    group: Int32Array.from(values, (_, at) => Math.floor(at / short)),
  };
  const matrices = matricesOf(permuted, shape);
  const { alpha, D } = metricsOf(matrices, kernel.info.precision);
  const [own, other] = [eigenvaluesOf(matricesOf(spectrum, shape)), eigenvaluesOf(matrices)];
  const noise = layer.groups === 1 ? noiseBelow(other, 0, shape) : null;
  const [largest, largestOther] = [own.at(-1)!, other.at(-1)!];
  return {
    rand_alpha: alpha,
    rand_D: D,
    rand_mp_distance: noise === null ? null : bulkDistance(other, noise),
    max_rand_eval: largestOther,
    rand_distance: divergence(own, other),
    ww_softrank: largest > 0 ? largestOther / largest : null,
    spikeLogP: spikeLogP(permuted, layer.groups, shape),
  };
}

/** Singular values, descending. The matrix may be overwritten. */
async function singularValues(input: Matrix, kernel: Kernel, options: CallOptions): Promise<Float64Array> {
  // A kernel whose SVD takes less than a copy of the matrix has it in blocks; a product copies the matrix.
  if (kernel.workspace(input.rows, input.cols) < input.data.byteLength) {
    return (await kernel.svd(input, options)).singularValues;
  }
  const gram = await kernel.multiply(input, input, { transposeB: true, ...options });
  const squares = await kernel.eigenvalues(gram, options);
  return squares.map((square) => Math.sqrt(Math.max(0, square))).reverse();
}

/**
 * The root of the divergence of Jensen and Shannon between two lists of as many values, each taken for probabilities in their order, as
 * WeightWatcher has it.
 *
 * @returns in [0, sqrt(ln 2)]; null where one is all 0
 */
function divergence(a: Float64Array, b: Float64Array): number | null {
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
  const [all, other] = [total(a), total(b)];
  if (!(all > 0 && other > 0)) return null;
  const towards = (share: number, mean: number) => share > 0 ? share * Math.log(share / mean) : 0;
  const sum = a.reduce((so, value, at) => {
    const [p, q] = [value / all, b[at]! / other];
    return so + towards(p, (p + q) / 2) + towards(q, (p + q) / 2);
  }, 0);
  return Math.sqrt(Math.max(0, sum / 2));
}
