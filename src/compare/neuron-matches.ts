/** Which spectral neuron of a layer has become which of another model's: cosines of singular vectors, and what chance gives. */

import type { Kernel } from "../kernels/kernel.ts";
import type { Spectrum } from "../model/spectrum.ts";
import type { Matrix } from "../model/tensor.ts";
import { type NullDistribution, nullDistribution } from "../stats/null-distribution.ts";

/** Two neurons that are each other's best match. */
export interface NeuronMatch {
  /** Of the earlier model's layer. */
  readonly base: number;
  /** Of the later one's. */
  readonly other: number;
  /** `u . u'`, in [-1, 1]. */
  readonly leftCosine: number;
  /** `v . v'`, in [-1, 1]. */
  readonly rightCosine: number;
  /** Their product: the inner product of the rank-one maps `u v'`, on which signs have no say. In [-1, 1]. */
  readonly similarity: number;
  /** `ln p` of cosines as large of random directions, joined by Fisher, before any correction; null where neither side can be tested. */
  readonly logP: number | null;
  /** The same after Bonferroni's correction over all pairs of the two layers. */
  readonly logPCorrected: number | null;
}

/** All cosines of two layers' neurons, rows the earlier model's. */
export interface NeuronCosines {
  readonly left: Matrix;
  readonly right: Matrix;
}

/** Cosines of neurons in different groups are 0: they have no channel in common. */
export async function neuronCosines(base: Spectrum, other: Spectrum, kernel: Kernel): Promise<NeuronCosines> {
  const cosines = async (side: "left" | "right") => {
    const product = await kernel.multiply(base[side], other[side], { transposeB: true });
    if (base.layer.groups > 1) keepGroups(product, base.group, other.group);
    return product;
  };
  return { left: await cosines("left"), right: await cosines("right") };
}

function keepGroups({ rows, cols, data }: Matrix, own: Int32Array, others: Int32Array): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) if (own[i] !== others[j]) data[i * cols + j] = 0;
  }
}

/** Whether a neuron has a direction of its own: a null neuron has none, and one of a cluster shares a subspace with others. */
export function hasDirection({ nullNeurons, clustered, converged }: Spectrum, neuron: number): boolean {
  return nullNeurons[neuron] === 0 && clustered[neuron] === 0 && converged?.[neuron] !== 0;
}

/**
 * Pairs of neurons that are each other's most similar, by `|similarity|`, and the p of their cosines:
 * `cos^2 ~ Beta(1/2, (d-1)/2)` for a random direction in `d` dimensions. A side that carries kernel positions is smooth and no random
 * direction: it has no p.
 *
 * @returns in the order of the earlier model's neurons; neurons without a direction of their own are in none
 */
export function neuronMatches(base: Spectrum, other: Spectrum, cosines: NeuronCosines): NeuronMatch[] {
  const { left, right } = cosines;
  const { rows, cols } = left;
  const bestOther = new Int32Array(rows).fill(-1);
  const bestBase = new Int32Array(cols).fill(-1);
  const [mostOfBase, mostOfOther] = [new Float64Array(rows).fill(-1), new Float64Array(cols).fill(-1)];
  const known = { base: directed(base), other: directed(other) };
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      if (known.base[i] === 0 || known.other[j] === 0) continue;
      const similarity = Math.abs(left.data[i * cols + j]! * right.data[i * cols + j]!);
      if (similarity > mostOfBase[i]!) [mostOfBase[i], bestOther[i]] = [similarity, j];
      if (similarity > mostOfOther[j]!) [mostOfOther[j], bestBase[j]] = [similarity, i];
    }
  }
  const nulls = sideNulls(base);
  const logPairs = Math.log(Math.max(1, count(known.base) * count(known.other)));
  const matches: NeuronMatch[] = [];
  for (let i = 0; i < rows; i++) {
    const j = bestOther[i]!;
    if (j < 0 || bestBase[j] !== i) continue;
    const [leftCosine, rightCosine] = [left.data[i * cols + j]!, right.data[i * cols + j]!];
    const logP = joinedLogP(nulls, leftCosine, rightCosine);
    matches.push({
      base: i,
      other: j,
      leftCosine,
      rightCosine,
      similarity: leftCosine * rightCosine,
      logP,
      logPCorrected: logP === null ? null : Math.min(0, logP + logPairs),
    });
  }
  return matches;
}

/** By neuron, 1 where it has a direction of its own. */
export function directed(spectrum: Spectrum): Uint8Array {
  return Uint8Array.from(spectrum.singularValues, (_, neuron) => hasDirection(spectrum, neuron) ? 1 : 0);
}

const count = (marks: Uint8Array) => marks.reduce((sum, mark) => sum + mark, 0);

/** The null distributions of the squared cosines of both sides; null for a side that carries positions, or has one dimension. */
export interface SideNulls {
  readonly left: NullDistribution | null;
  readonly right: NullDistribution | null;
}

/** What chance gives for the cosines of a layer's neurons. */
export function sideNulls({ layer, unfolding, left, right }: Spectrum): SideNulls {
  const carrier = layer.positions === 1 ? null : unfolding === "svr" ? "right" : "left";
  const nullOf = (side: "left" | "right", dimensions: number) =>
    side === carrier || dimensions < 2
      ? null
      : nullDistribution("beta", { positions: 1, testedChannels: dimensions, otherChannels: dimensions });
  return { left: nullOf("left", left.cols), right: nullOf("right", right.cols) };
}

/** `ln p` of both cosines by Fisher: `q (1 - ln q)` of the product `q`; of one alone where the other has none. */
function joinedLogP({ left, right }: SideNulls, leftCosine: number, rightCosine: number): number | null {
  const logs: number[] = [];
  if (left !== null) logs.push(left.logSurvival(squared(leftCosine)));
  if (right !== null) logs.push(right.logSurvival(squared(rightCosine)));
  const [first, second] = logs;
  if (first === undefined) return null;
  if (second === undefined) return first;
  const log = first + second;
  return log + Math.log1p(-log);
}

/** A cosine is known to an ulp of 1 at best: no log p is infinite. */
const MOST = 1 - 2 ** -53;

const squared = (cosine: number) => Math.min(MOST, cosine * cosine);
