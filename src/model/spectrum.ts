/** The spectrum of a layer: its singular triplets, one per spectral neuron. */

import type { Layer, Unfolding } from "./layer.ts";
import type { Matrix } from "./tensor.ts";

const EPS = 2 ** -52;

/** Residual up to which a triplet has converged, where nobody says another. */
export const TOLERANCE = 1e-8;

/**
 * A thin singular value decomposition `M = sum_j s_j u_j v_j'` of a `rows x cols` matrix, `r = min(rows, cols)`.
 *
 * The vectors are stored neuron by neuron: row `j` of `left` is `u_j`, row `j` of `right` is `v_j`. Singular values
 * descend. Sign convention: the largest-magnitude entry of `u_j` is positive, the first one on a tie (up to rounding); `v_j` follows.
 */
export interface Svd {
  /** `r x rows`, orthonormal rows. */
  readonly left: Matrix;
  /** `r`, descending, non-negative. */
  readonly singularValues: Float64Array;
  /** `r x cols`, orthonormal rows. */
  readonly right: Matrix;
  /**
   * Where only leading triplets were asked for: an estimate of `|M - sum_j s_j u_j v_j'|` (Frobenius) relative to `|M|`, in [0, 1].
   */
  readonly residual?: number;
  /** Of leading triplets: the larger of `|M v_j - s_j u_j|` and `|M' u_j - s_j v_j|`, relative to `s_1`. */
  readonly residuals?: Float64Array;
  /** Of leading triplets: 1 where the residual is within the tolerance, and the vectors are told apart from their neighbours. */
  readonly converged?: Uint8Array;
}

/**
 * The spectral neurons of one layer. Of a grouped layer each neuron's vectors cover its own group's channels only:
 * `left` is `r x (m/g)` and `right` is `r x (n/g * z)` in `svr` (`(m/g * z)` and `n/g` in `cosvr`), channel-major
 * (the entry of channel `c` at position `k` is at `c * z + k`), and `group[j]` says which channels those are. Its singular values descend but
 * for rounding: of equal ones those of the first group come first, and null neurons come last.
 */
export interface Spectrum extends Svd {
  readonly layer: Layer;
  /** `|W|` (Frobenius): the square root of the sum of all squared singular values, also of those that were not asked for. */
  readonly norm: number;
  readonly unfolding: Unfolding;
  /** `r`: the group of each neuron, all zero for a dense layer. */
  readonly group: Int32Array;
  /** `r`: 1 for null neurons, whose singular value is rounding: their vectors only span, together, what the others leave over. */
  readonly nullNeurons: Uint8Array;
  /** `r`: 1 for neurons that share their singular value with others of their group: each of their vectors is a choice within a subspace. */
  readonly clustered: Uint8Array;
  /** Whether most of the weights are zero, those of dead channels aside: see `isSparse`. */
  readonly sparse: boolean;
}

/** A spectrum without the layer that it belongs to, and without what follows from its singular values or weights: equal weights have equal ones. */
export type BareSpectrum = Omit<Spectrum, "layer" | "unfolding" | "nullNeurons" | "clustered" | "sparse">;

/** What is said of leading triplets; empty where all are there. */
export function certificateOf(
  { residual, residuals, converged }: Pick<Svd, "residual" | "residuals" | "converged">,
): Pick<Svd, "residual" | "residuals" | "converged"> {
  return {
    ...residual === undefined ? {} : { residual },
    ...residuals === undefined ? {} : { residuals },
    ...converged === undefined ? {} : { converged },
  };
}

/** 1 for neurons whose direction is not known: null ones, and those that did not converge. They are not tested. */
export function undirected(
  { nullNeurons, converged }: Pick<Spectrum, "nullNeurons" | "converged">,
): Uint8Array {
  return converged === undefined ? nullNeurons : nullNeurons.map((isNull, j) => isNull | (1 - converged[j]!));
}

/**
 * 1 for triplets whose residual is within the tolerance, and that are told apart from their neighbours: where two singular values are nearer than
 * their residuals, and not equal to rounding, either vector may be any in between. Of equal ones all must be there, or none is known.
 *
 * @param next the most that the largest singular value that is not among them can be
 */
export function toldApart(
  values: Float64Array,
  residuals: Float64Array,
  next: number,
  side: number,
  tolerance: number,
): Uint8Array {
  const converged = Uint8Array.from(residuals, (residual) => Number(residual <= tolerance));
  const largest = values[0]!;
  const rounding = side * EPS * largest;
  const last = values.length - 1;
  for (let j = 0; j < last && values[j]! > rounding; j++) {
    const gap = values[j]! - values[j + 1]!;
    if (gap > rounding && gap <= (residuals[j]! + residuals[j + 1]!) * largest) {
      converged[j] = converged[j + 1] = 0;
    }
  }
  for (let j = last, below = next; j >= 0 && values[j]! > rounding; below = Math.max(next, values[j]!), j--) {
    if (values[j]! - below > Math.max(rounding, 2 * residuals[j]! * largest)) break;
    converged[j] = 0;
  }
  return converged;
}

/** Bytes that the vectors and values of a spectrum take in memory. */
export function spectrumBytes(spectrum: Spectrum): number {
  return spectrum.left.data.byteLength + spectrum.right.data.byteLength +
    spectrum.singularValues.byteLength + spectrum.group.byteLength;
}
