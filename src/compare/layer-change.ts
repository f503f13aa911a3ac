/** What has become of a layer between two models: how much of the weight changed, of its spectrum, of its leading subspaces, and what is new. */

import type { Kernel } from "../kernels/kernel.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { logSurvivalOfSigma } from "../stats/normal.ts";
import { subspaceNull } from "../stats/subspace-null.ts";
import {
  hasDirection,
  type NeuronCosines,
  neuronCosines,
  type NeuronMatch,
  neuronMatches,
  sideNulls,
} from "./neuron-matches.ts";

/** What counts as new, and as kept. */
export interface ChangeSettings {
  /** How many leading neurons of the later model may be intruders, at least 1. */
  readonly leading: number;
  /** Below this `|left cosine|` with every neuron of the earlier model, in [0, 1]. */
  readonly intruderCosine: number;
  /** Matches up to this corrected `ln p` are kept neurons. */
  readonly logAlpha: number;
}

/** As Shuttleworth, Andreas, Torralba and Sharma 2024 (arXiv 2410.21228) define intruders; alpha as a run's default, 3 sigma. */
export const CHANGE_SETTINGS: ChangeSettings = {
  leading: 10,
  intruderCosine: 0.5,
  logAlpha: logSurvivalOfSigma(3),
};

/** How much two leading subspaces of `k` dimensions have in common: the mean squared cosine of their principal angles. */
export interface SubspaceSimilarity {
  readonly dimensions: number;
  readonly left: number;
  readonly right: number;
  /** What chance gives: `k / d`. */
  readonly leftChance: number;
  readonly rightChance: number;
  /** `ln p` of so much or more; null for a side that carries kernel positions, or fills its space. */
  readonly leftLogP: number | null;
  readonly rightLogP: number | null;
}

/** A leading neuron of the later model that resembles none of the earlier one's. */
export interface Intruder {
  readonly neuron: number;
  readonly singularValue: number;
  /** Largest `|left cosine|` with a neuron of the earlier model; with a cluster's subspace where there is one. */
  readonly cosine: number;
}

/** What changed in a layer. */
export interface LayerChange {
  /** `|W' - W| / |W|` (Frobenius); null where `W` is zero. */
  readonly relativeChange: number | null;
  /** `|W' - W|_F^2 / s_1(W' - W)^2`, at least 1; null where nothing changed. */
  readonly changeStableRank: number | null;
  /** Singular values of `W' - W` above the rounding of the weights' types; 0 where the change is no more than rounding; null where there are more than were computed, and of quantized weights. */
  readonly changeRank: number | null;
  /** Wasserstein-1 distance of the spectra, each in units of its largest singular value, in [0, 1]. */
  readonly spectrumDistance: number;
  readonly subspaces: readonly SubspaceSimilarity[];
  readonly intruders: readonly Intruder[];
  /** Of how many neurons intruders were looked for. */
  readonly leading: number;
  /**
   * Neurons with a match that is more than chance; those of the earlier and of the later model without one. Null where no match has a p,
   * as of depthwise layers.
   */
  readonly kept: number | null;
  readonly lost: number | null;
  readonly gained: number | null;
  readonly matches: readonly NeuronMatch[];
}

/** Leading subspaces that are compared. */
const DIMENSIONS = [1, 4, 16, 64] as const;

/** So many leading singular values of the change are computed. */
export const MOST_CHANGE_RANK = 64;

/** No vectors are taken from it: a singular value is known to this share of the largest, and mostly to its square. */
const CHANGE_TOLERANCE = 1e-4;

/**
 * Compares two layers of one shape.
 *
 * @param base of the earlier model
 * @param other of the later one
 * @param weights unfolded, a matrix per group, each model's
 */
export async function layerChange(
  base: Spectrum,
  other: Spectrum,
  weights: { readonly base: readonly Matrix[]; readonly other: readonly Matrix[] },
  kernel: Kernel,
  settings: ChangeSettings = CHANGE_SETTINGS,
): Promise<LayerChange> {
  const cosines = await neuronCosines(base, other, kernel);
  const matches = neuronMatches(base, other, cosines);
  const { left, right } = sideNulls(base);
  const kept = left === null && right === null
    ? null
    : matches.filter(({ logPCorrected }) => (logPCorrected ?? 0) <= settings.logAlpha).length;
  const found = intruders(base, other, cosines.left, settings);
  return {
    ...await weightChange(weights, base, other.layer.dtype, kernel),
    spectrumDistance: spectrumDistance(base.singularValues, other.singularValues),
    subspaces: subspaces(base, other, cosines),
    ...found,
    kept,
    lost: kept === null ? null : directions(base) - kept,
    gained: kept === null ? null : directions(other) - kept,
    matches,
  };
}

const directions = (spectrum: Spectrum) =>
  spectrum.singularValues.reduce((sum, _, neuron) => sum + (hasDirection(spectrum, neuron) ? 1 : 0), 0);

/** Relative precision of numbers by the name of their type; null of quantized ones, whose rounding depends on their block. */
function typeEpsilon(dtype: string): number | null {
  if (/^(bf16|bfloat16)$/i.test(dtype)) return 2 ** -7;
  if (/^(f16|float16|half|float_half)$/i.test(dtype)) return 2 ** -10;
  if (/^(f64|float64|double)$/i.test(dtype)) return 2 ** -52;
  return /^(f32|float32|float|[<>=|]?f4)$/i.test(dtype) ? 2 ** -23 : null;
}

async function weightChange(
  { base, other }: { readonly base: readonly Matrix[]; readonly other: readonly Matrix[] },
  { layer, norm }: Spectrum,
  otherType: string,
  kernel: Kernel,
): Promise<Pick<LayerChange, "relativeChange" | "changeStableRank" | "changeRank">> {
  const [own, others] = [typeEpsilon(layer.dtype), typeEpsilon(otherType)];
  const epsilon = own === null || others === null ? null : Math.max(own, others);
  let [square, largest, changeRank] = [0, 0, 0 as number | null];
  for (const [group, weight] of base.entries()) {
    const { rows, cols } = weight;
    const change = matrix(rows, cols);
    let length = 0;
    // A loop: of a million numbers, `from` and `reduce` take as long as an SVD.
    for (let at = 0; at < change.data.length; at++) {
      const value = other[group]!.data[at]! - weight.data[at]!;
      change.data[at] = value;
      length += value * value;
    }
    if (length === 0) continue;
    square += length;
    // What rounding of the weights leaves is a random matrix: its largest singular value is that of noise of this deviation.
    const rounding = (epsilon ?? 0) * norm / Math.sqrt(layer.groups) *
      (1 / Math.sqrt(rows) + 1 / Math.sqrt(cols));
    const { singularValues } = await kernel.svd(change, {
      rank: MOST_CHANGE_RANK,
      tolerance: CHANGE_TOLERANCE,
    });
    largest = Math.max(largest, singularValues[0]!);
    const above = singularValues.filter((value) => value > rounding).length;
    const known = above < singularValues.length || singularValues.length === Math.min(rows, cols);
    changeRank = known && epsilon !== null && changeRank !== null ? changeRank + above : null;
  }
  return {
    relativeChange: norm === 0 ? null : Math.sqrt(square) / norm,
    changeStableRank: largest === 0 ? null : Math.max(1, square / (largest * largest)),
    changeRank,
  };
}

/** Of as many values each, the distance of two distributions is the mean distance of the values in order. */
function spectrumDistance(base: Float64Array, other: Float64Array): number {
  const scaled = (values: Float64Array) => {
    const ordered = values.toSorted().reverse();
    return ordered[0] === undefined || ordered[0] === 0
      ? ordered
      : ordered.map((value) => value / ordered[0]!);
  };
  const [a, b] = [scaled(base), scaled(other)];
  const count = Math.max(a.length, b.length);
  let sum = 0;
  for (let at = 0; at < count; at++) sum += Math.abs((a[at] ?? 0) - (b[at] ?? 0));
  return count === 0 ? 0 : sum / count;
}

/** None of a grouped layer, whose neurons lie in several spaces; and none whose edge cuts a cluster, where it would be a choice. */
function subspaces(base: Spectrum, other: Spectrum, cosines: NeuronCosines): SubspaceSimilarity[] {
  if (base.layer.groups > 1) return [];
  const nulls = sideNulls(base);
  const most = Math.min(directed(base), directed(other));
  return DIMENSIONS.filter((k) => k <= most && !cuts(base, k) && !cuts(other, k)).map((k) => {
    const side = (name: "left" | "right") => {
      const energy = sharedEnergy(cosines[name], k);
      const space = base[name].cols;
      const chance = nulls[name] === null ? null : subspaceNull(k, k, space);
      return { similarity: energy / k, chance: k / space, logP: chance?.logSurvival(energy) ?? null };
    };
    const [left, right] = [side("left"), side("right")];
    return {
      dimensions: k,
      left: left.similarity,
      right: right.similarity,
      leftChance: left.chance,
      rightChance: right.chance,
      leftLogP: left.logP,
      rightLogP: right.logP,
    };
  });
}

/** How many leading neurons are not null. */
function directed({ nullNeurons }: Spectrum): number {
  const first = nullNeurons.indexOf(1);
  return first < 0 ? nullNeurons.length : first;
}

const cuts = ({ clustered }: Spectrum, k: number) => clustered[k - 1] === 1 && clustered[k] === 1;

function sharedEnergy({ cols, data }: Matrix, k: number): number {
  let energy = 0;
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) energy += data[i * cols + j]! ** 2;
  return energy;
}

/** Of a neuron within a cluster of equal singular values nobody can say what it resembles: it is not counted. */
function intruders(
  base: Spectrum,
  other: Spectrum,
  { rows, cols, data }: Matrix,
  { leading, intruderCosine }: ChangeSettings,
): Pick<LayerChange, "intruders" | "leading"> {
  const found: Intruder[] = [];
  let looked = 0;
  for (let j = 0; j < Math.min(leading, cols); j++) {
    if (!hasDirection(other, j)) continue;
    looked++;
    let [cosine, run] = [0, 0];
    for (let i = 0; i < rows; i++) {
      if (base.nullNeurons[i] === 1) continue;
      const square = data[i * cols + j]! ** 2;
      // Neurons of one cluster are known together: what counts is the cosine with their subspace.
      run = base.clustered[i] === 1 && base.clustered[i - 1] === 1 ? run + square : square;
      cosine = Math.max(cosine, Math.sqrt(run));
    }
    if (cosine < intruderCosine) found.push({ neuron: j, singularValue: other.singularValues[j]!, cosine });
  }
  return { intruders: found, leading: looked };
}
