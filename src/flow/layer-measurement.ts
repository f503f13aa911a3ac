/**
 * The figures of a layer that has just been decomposed. Those that take another decomposition or many fits are made in a kernel's thread, where it
 * has one, and only where somebody asks for them.
 */

import type { CallOptions, Handed, Kernel } from "../kernels/kernel.ts";
import type { LayerMetrics } from "../model/layer-metrics.ts";
import { unfoldedShape } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, ownMatrix } from "../model/tensor.ts";
import { isWhole, layerMetrics, matricesOf, powerLawEvidence } from "../stages/metrics/layer-metrics.ts";
import { isPooledAsUnfolded, permutedMetrics, pooledMetrics } from "../stages/metrics/weight-metrics.ts";

/** Which figures of layers are wanted beside those that cost little. */
export interface WantedMetrics {
  /** Those of each position of a convolution apart, pooled, as WeightWatcher has them: a decomposition more of a convolution. */
  readonly pooled: boolean;
  /** Those of the weight with its entries permuted: the eigenvalues of another matrix of its size. */
  readonly permuted: boolean;
  /** So many bootstrap samples for the interval of alpha, and as many for the goodness of fit; 0 for none. */
  readonly bootstrap: number;
  /** Of permutations and samples. */
  readonly seed: number;
}

/** None of those that cost more. */
export const PLAIN_METRICS: WantedMetrics = { pooled: false, permuted: false, bootstrap: 0, seed: 0 };

/** What is made in a kernel's thread. */
type Extra = Pick<LayerMetrics, "evidence" | "permuted" | "pooled">;

interface Question extends Pick<Spectrum, "layer" | "unfolding" | "singularValues" | "group"> {
  readonly blocks: readonly Matrix[];
  readonly wanted: WantedMetrics;
}

/**
 * Measures a layer.
 *
 * @param read reads its unfolded weight once more; asked where the weight is needed
 */
export async function measured(
  spectrum: Spectrum,
  read: () => Promise<readonly Matrix[]>,
  wanted: WantedMetrics,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<LayerMetrics> {
  const { layer, unfolding, singularValues, group } = spectrum;
  const plain = layerMetrics(spectrum, kernel.info.precision);
  if (!isWhole(spectrum)) return plain;
  const isKnown = wanted.pooled && isPooledAsUnfolded(layer, unfolding);
  const known = isKnown ? { ...plain, pooled: plain.spectrum } : plain;
  const unknown = { ...wanted, pooled: wanted.pooled && !isKnown };
  const { pooled, permuted, bootstrap } = unknown;
  if (!(pooled || permuted || bootstrap > 0)) return known;
  const question = async (): Promise<Handed<Question>> => {
    const blocks = pooled || permuted ? (await read()).map(ownMatrix) : [];
    const value = { layer, unfolding, singularValues, group, blocks, wanted: unknown };
    return { value, given: blocks.map(({ data }) => data.buffer) };
  };
  const extra = kernel.within === undefined
    ? (await answer((await question()).value, kernel, options)).value
    : await kernel.within<Question, Extra>(import.meta.url, question, { ...options, urgent: false });
  return { ...known, ...extra, pooled: extra.pooled ?? known.pooled };
}

/** Answers where the kernel computes: the work that its `within` is asked to do. */
export default async function answer(
  question: Question,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Handed<Extra>> {
  const { layer, unfolding, wanted } = question;
  const { seed, bootstrap } = wanted;
  const matrices = matricesOf(question, unfoldedShape(layer, unfolding));
  const evidence = bootstrap > 0 ? powerLawEvidence(matrices, layer, bootstrap, seed) : null;
  const pooled = wanted.pooled ? await pooledMetrics(question, kernel, options) : null;
  // At last: the weight is permuted in its own memory.
  const permuted = wanted.permuted ? await permutedMetrics(question, question, seed, kernel, options) : null;
  const value: Extra = { evidence, permuted, pooled };
  return { value, given: [] };
}
