/**
 * Numbers per channel of a port: what its weights, its bias and its batch norm say of how large, how active, how alike to others a channel is.
 * They are compared by normal scores of their ranks, so that no channel outweighs the others.
 */

import type { Matrix } from "../../../model/tensor.ts";
import { logSurvivalOfSigma, sigmaOfLogP } from "../../../stats/normal.ts";
import { EPSILON } from "../weights.ts";
import type { ChannelWeights } from "./channel-weights.ts";
import { ridge } from "./ridge.ts";

/** Vectors that belong to a layer's out channels, each absent where the file has none. */
export interface LayerVectors {
  readonly bias?: Float64Array;
  /** Of the batch norm behind the layer. */
  readonly gamma?: Float64Array;
  readonly beta?: Float64Array;
  readonly mean?: Float64Array;
  readonly variance?: Float64Array;
}

/** What a number per channel says. `drive` is what a bias says of the mean of what is read or written. */
export type VectorName = "norm" | "structure" | "smooth" | "active" | "level" | "spread" | "drive";

/** Normal scores by name, each with sum 0 and length 1. */
export type ChannelVectors = Partial<Record<VectorName, Float64Array>>;

/** Values whose spread is less than this share of the largest are all alike. */
const ALIKE = 1e-4;

/** Cosines of channels that are orthogonal but for rounding. */
const ROUNDING = 1e-5;

/** Normal scores, centred, of length 1; null where all values are equal but for rounding, or one is not finite. */
export function normalScores(values: ArrayLike<number>): Float64Array | null {
  const n = values.length;
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const [least, most] = [values[order[0]!]!, values[order[n - 1]!]!];
  if (!order.every((i) => Number.isFinite(values[i]))) return null;
  if (!(most - least > ALIKE * Math.max(Math.abs(least), Math.abs(most)))) return null;
  const scores = new Float64Array(n);
  for (let from = 0, to = 0; from < n; from = to) {
    while (to < n && values[order[to]!] === values[order[from]!]) to++;
    // The mean rank of those that tie, from 1.
    const rank = (from + 1 + to) / 2;
    const score = -sigmaOfLogP(Math.log((rank - 0.5) / n));
    for (let at = from; at < to; at++) scores[order[at]!] = score;
  }
  const mean = scores.reduce((sum, score) => sum + score / n, 0);
  const length = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0));
  return scores.map((score) => (score - mean) / length);
}

/** What weights alone say: how large they are, how much a channel resembles any other, how smooth its kernels are. */
function described(weights: ChannelWeights, cosines: Matrix): Map<VectorName, ArrayLike<number>> {
  const { channels: n, others, positions: z, data } = weights;
  const [norm, smooth] = [new Float64Array(n), new Float64Array(n)];
  const width = others * z;
  for (let c = 0; c < n; c++) {
    for (let o = 0; o < others; o++) {
      let sum = 0;
      for (let k = 0; k < z; k++) {
        const value = data[c * width + o * z + k]!;
        sum += value;
        norm[c]! += value * value;
      }
      smooth[c]! += sum * sum;
    }
  }
  const [most, energy] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      const cosine = Math.abs(cosines.data[i * n + j]!);
      most[i] = Math.max(most[i]!, cosine);
      energy[i]! += cosine * cosine;
    }
  }
  const median = norm.toSorted()[Math.floor(n / 2)]!;
  const found = new Map<VectorName, ArrayLike<number>>([
    ["norm", norm.map((square) => Math.max(square, 1e-12 * median))],
  ]);
  const [byMost, byEnergy] = [normalScores(most), normalScores(energy)];
  const largest = most.reduce((a, b) => Math.max(a, b), 0);
  if (largest > ROUNDING && byMost !== null && byEnergy !== null) {
    found.set("structure", byMost.map((score, c) => score + byEnergy[c]!));
  }
  if (z > 1) found.set("smooth", smooth.map((square, c) => square / Math.max(norm[c]!, 1e-300)));
  return found;
}

/** The numbers of the channels that are looked at. */
const sampled = (values: Float64Array, at: readonly number[]) => Float64Array.from(at, (c) => values[c]!);

function scored(found: ReadonlyMap<VectorName, ArrayLike<number>>): ChannelVectors {
  const vectors: ChannelVectors = {};
  for (const [name, values] of found) {
    const scores = normalScores(values);
    if (scores !== null) vectors[name] = scores;
  }
  return vectors;
}

/** The signs that a batch norm gives to what leaves a layer; null where there is none. @param at the channels that are looked at */
export function signsOf({ gamma, variance }: LayerVectors, at: readonly number[]): Float64Array | null {
  if (variance === undefined || gamma === undefined) return null;
  return Float64Array.from(at, (c) => gamma[c]! < 0 ? -1 : 1);
}

/**
 * Of the channels that a layer writes. A batch norm alone says what leaves it: behind it channel `c` is normal with mean `beta_c` and deviation
 * `|gamma_c|`, and a ReLU makes mean and variance of that.
 *
 * @param at the channels that are looked at
 */
export function outVectors(
  weights: ChannelWeights,
  cosines: Matrix,
  vectors: LayerVectors,
  at: readonly number[],
): ChannelVectors {
  const found = described(weights, cosines);
  if (vectors.variance !== undefined) {
    const g = at.map((c) => Math.abs(vectors.gamma?.[c] ?? 1) + 1e-12);
    const b = at.map((c) => vectors.beta?.[c] ?? 0);
    const active = b.map((level, i) => {
      const ratio = level / g[i]!;
      return level * cdf(ratio) + g[i]! * Math.exp(-ratio * ratio / 2) / Math.sqrt(2 * Math.PI);
    });
    found.set("norm", b.map((level, i) => g[i]! ** 2 + level ** 2));
    found.set("level", b);
    found.set("active", active);
    found.set(
      "spread",
      b.map((level, i) => {
        const ratio = level / g[i]!;
        const density = Math.exp(-ratio * ratio / 2) / Math.sqrt(2 * Math.PI);
        return (level ** 2 + g[i]! ** 2) * cdf(ratio) + level * g[i]! * density - active[i]! ** 2;
      }),
    );
  } else if (vectors.bias !== undefined) {
    const bias = sampled(vectors.bias, at);
    const norm = found.get("norm")!;
    found.set("norm", bias.map((value, c) => norm[c]! + value * value));
    found.set("level", bias);
    found.set("drive", bias);
  }
  return scored(found);
}

const cdf = (x: number) => Math.exp(logSurvivalOfSigma(-x));

/**
 * Of the channels that a layer reads, with what it knows of their means: its batch norm's running mean is its weights' sum over them, its bias answers
 * them.
 */
export function inVectors(weights: ChannelWeights, cosines: Matrix, vectors: LayerVectors): ChannelVectors {
  const found = described(weights, cosines);
  const { channels: n, others, step, positions: z, data } = weights;
  const { bias, mean, variance } = vectors;
  if (bias === undefined && (mean === undefined || variance === undefined)) return scored(found);
  const sums = new Float64Array(others * n);
  const lengths = new Float64Array(others);
  for (let c = 0; c < n; c++) {
    for (let o = 0; o < others; o++) {
      for (let k = 0; k < z; k++) {
        const value = data[(c * others + o) * z + k]!;
        sums[o * n + c]! += value;
        lengths[o]! += value * value;
      }
    }
  }
  const scaled = (scale: (o: number) => number, target: (o: number) => number, penalty: number) => {
    const rows = new Float64Array(sums.length);
    for (let o = 0; o < others; o++) {
      const length = scale(o);
      for (let at = o * n; at < (o + 1) * n; at++) rows[at] = sums[at]! / length;
    }
    return ridge(rows, Float64Array.from({ length: others }, (_, o) => target(o) / scale(o)), n, penalty);
  };
  if (mean !== undefined && variance !== undefined) {
    const deviation = (o: number) => Math.sqrt(Math.max(0, variance[o * step]!) + EPSILON);
    const level = scaled(deviation, (o) => mean[o * step]! - (bias?.[o * step] ?? 0), 0.1);
    if (level !== null) {
      found.set("active", level);
      found.set("level", level);
    }
  } else if (bias !== undefined) {
    const length = (o: number) => Math.sqrt(lengths[o]! + 1e-24);
    const drive = scaled(length, (o) => bias[o * step]!, 1);
    if (drive !== null) found.set("drive", drive.map((value) => -value));
  }
  return scored(found);
}

/** Of the channels that a depthwise layer reads: each has its own sum of weights. @param at the channels that are looked at */
export function depthwiseVectors(
  weights: ChannelWeights,
  cosines: Matrix,
  { bias, mean, variance }: LayerVectors,
  at: readonly number[],
): ChannelVectors {
  const found = described(weights, cosines);
  const { channels: n, positions: z, data } = weights;
  const sums = new Float64Array(n);
  const squares = new Float64Array(n);
  for (let c = 0; c < n; c++) {
    for (let k = 0; k < z; k++) {
      sums[c]! += data[c * z + k]!;
      squares[c]! += data[c * z + k]! ** 2;
    }
  }
  const meanSquare = sums.reduce((total, sum) => total + sum * sum / n, 0);
  const inverse = (share: number) => sums.map((sum) => sum / (sum * sum + share * meanSquare + 1e-300));
  if (mean !== undefined && variance !== undefined) {
    const level = inverse(0.03).map((value, i) => value * (mean[at[i]!]! - (bias?.[at[i]!] ?? 0)));
    found.set("active", level);
    found.set("level", level);
    found.set(
      "spread",
      sums.map((sum, i) => variance[at[i]!]! / (0.7 * squares[i]! + 0.3 * sum * sum + 1e-12)),
    );
  } else if (bias !== undefined) {
    found.set("drive", inverse(1).map((value, i) => -value * bias[at[i]!]!));
  }
  return scored(found);
}
