/** WeightWatcher's figures of a spectrum (those of its version 0.7.7), as pure functions of the eigenvalues. */

import type { SpectralMetrics } from "../../model/layer-metrics.ts";
import { fitPowerLaw } from "../../stats/power-law.ts";

/** Eigenvalues up to this are left out of the power law; whatever the weight's scale, as WeightWatcher has it. */
const SMALLEST = 1e-5;

/** What WeightWatcher adds to probabilities, and to the rank. */
const EPSILON = 1e-10;

/** A matrix's singular values, descending. */
export interface SingularValues {
  readonly values: Float64Array;
  /** The longer side of the matrix. */
  readonly side: number;
}

/** The eigenvalues that a power law is fitted to. @param eigenvalues ascending */
export function fittedValues(eigenvalues: Float64Array): Float64Array {
  return eigenvalues.filter((value) => value > SMALLEST);
}

/** The squares of all singular values, ascending. */
export function eigenvaluesOf(matrices: readonly SingularValues[]): Float64Array {
  const all = new Float64Array(matrices.reduce((sum, { values }) => sum + values.length, 0));
  let at = 0;
  for (const { values } of matrices) for (const value of values) all[at++] = value * value;
  return all.sort();
}

/**
 * Figures of the eigenvalues of one or more matrices together.
 *
 * @param eps relative precision of the singular values
 * @returns all null where there is no eigenvalue above 0
 */
export function spectralMetrics(matrices: readonly SingularValues[], eps: number): SpectralMetrics {
  const eigenvalues = eigenvaluesOf(matrices);
  const largest = eigenvalues.at(-1) ?? 0;
  const total = (rank: (each: SingularValues) => number) =>
    matrices.reduce((sum, each) => sum + rank(each), 0);
  // WeightWatcher measures the rank by the largest of all, and its loss matrix by matrix.
  const rank = total((each) => rankOf(each, Math.sqrt(largest), eps));
  const ranks = {
    matrix_rank: rank,
    rank_loss: eigenvalues.length - total((each) => rankOf(each, each.values[0] ?? 0, eps)),
  };
  if (!(largest > 0)) return { ...NOTHING, ...ranks };
  const norm = eigenvalues.reduce((sum, value) => sum + value, 0);
  const fit = fitPowerLaw(fittedValues(eigenvalues));
  const logLargest = Math.log10(largest);
  return {
    alpha: fit?.alpha ?? null,
    xmin: fit?.xmin ?? null,
    D: fit?.distance ?? null,
    sigma: fit?.sigma ?? null,
    num_pl_spikes: fit?.tail ?? null,
    alpha_weighted: fit === null ? null : fit.alpha * logLargest,
    // Powers of the shares: those of the values themselves may be too small for a number.
    log_alpha_norm: fit === null ? null : fit.alpha * logLargest + Math.log10(
      eigenvalues.reduce((sum, value) => sum + (value / largest) ** fit.alpha, 0),
    ),
    log_norm: Math.log10(norm),
    log_spectral_norm: logLargest,
    stable_rank: norm / largest,
    ...ranks,
    entropy: entropyOf(eigenvalues, norm, rank),
    ...unitTail(eigenvalues, norm),
  };
}

/** What is known of a layer of which only leading neurons were asked for: its norms. */
export function partialMetrics(norm: number, largest: number): SpectralMetrics {
  if (!(norm > 0 && largest > 0)) return NOTHING;
  const [all, first] = [2 * Math.log10(norm), 2 * Math.log10(largest)];
  return { ...NOTHING, log_norm: all, log_spectral_norm: first, stable_rank: (norm / largest) ** 2 };
}

const NOTHING: SpectralMetrics = {
  alpha: null,
  xmin: null,
  D: null,
  sigma: null,
  num_pl_spikes: null,
  alpha_weighted: null,
  log_alpha_norm: null,
  log_norm: null,
  log_spectral_norm: null,
  stable_rank: null,
  matrix_rank: null,
  entropy: null,
  rank_loss: null,
  detX_num: null,
  detX_val: null,
};

/** Singular values above `scale * side * eps`. */
function rankOf({ values, side }: SingularValues, scale: number, eps: number): number {
  return values.reduce((count, value) => count + Number(value > scale * side * eps), 0);
}

/** The entropy of the eigenvalues' shares, relative to that of as many equal ones. Of one eigenvalue there is none. */
function entropyOf(eigenvalues: Float64Array, norm: number, rank: number): number | null {
  if (rank < 2) return null;
  const entropy = eigenvalues.reduce((sum, value) => {
    const share = value / norm + EPSILON;
    return sum - share * Math.log(share);
  }, 0);
  return entropy / Math.log(rank + EPSILON);
}

/**
 * The largest eigenvalues whose product first falls below 1, once all are scaled to a mean of 1: how many, and the smallest of them. By logarithms,
 * which do not overflow.
 */
function unitTail(
  eigenvalues: Float64Array,
  norm: number,
): Pick<SpectralMetrics, "detX_num" | "detX_val"> {
  const count = eigenvalues.length;
  if (count < 2 || !(eigenvalues[0]! < eigenvalues[count - 1]!)) return { detX_num: null, detX_val: null };
  const logMean = Math.log(norm / count);
  let logProduct = 0;
  for (let at = count - 1; at > 0; at--) {
    logProduct += Math.log(eigenvalues[at]!) - logMean;
    if (logProduct < 0) return { detX_num: count - at, detX_val: eigenvalues[at]! };
  }
  return { detX_num: count, detX_val: eigenvalues[1]! };
}
