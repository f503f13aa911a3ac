/**
 * The rotation null: what an overlap would be if the channels of two layers had nothing to do with each other.
 *
 * One of a pair's two vectors, `u`, is uniform on the unit sphere of its `N` channels; the other, `V`, stays as it is, with its spatial
 * profile. With `lambda_1, …, lambda_z` the eigenvalues of `V' V` (`V`: `N x z`, channels by positions)
 *
 *     overlap = u' (V V') u  ~  sum_k lambda_k g_k^2 / sum_{c<=N} g_c^2,    g standard normal,
 *
 * exactly, for every `V`. The mean is `sum_k lambda_k / N`. One eigenvalue gives `lambda_1 Beta(1/2, (N-1)/2)`.
 */

import type { NullDistribution } from "./null-distribution.ts";
import { sigmaOfLogP } from "./normal.ts";
import { RotationTail, type TailPoint } from "./rotation-tail.ts";
import { logBeta, logBetaCdf, logBetaSurvival } from "./special-functions.ts";

/** An eigenvalue of a smaller share of the largest is rounding. */
const NO_EIGENVALUE = 1e-15;

/** Eigenvalues that differ by a smaller share of the largest are equal: an overlap that takes one value only is no test. */
const EQUAL = 1e-13;

/** An overlap is known to an ulp at best: one of `lambda_1` counts as an ulp less, so that no log p is infinite. */
const LARGEST_SHARE = 1 - 2 ** -53;

/** Room, in `ln p`, that `lowerThreshold` leaves: it is found in a step or two, and a few pairs more are looked at. */
const ROOM = 0.05;

/** Nodes that are left out where `ln p` need only be right to a tenth of that room. */
const COARSE = 4;

/**
 * `ln P(X >= overlap)` for `X = sum_k lambda_k g_k^2 / sum_{c<=N} g_c^2`, right in logarithms down to `p = 1e-300` and far below.
 *
 * @param overlap any number
 * @param eigenvalues `lambda_k`, non-negative, any order, at most `N` of them; missing ones are 0
 * @param channels `N`, an integer of at least 1
 * @returns in [-Infinity, 0]: 0 up to the smallest value that `X` can have, -Infinity from the largest on
 * @example
 * rotationLogSurvival(0.3, Float64Array.of(0.3, 0.1, 0.05), 64) // -Infinity: no overlap can be larger than lambda_1
 */
export function rotationLogSurvival(overlap: number, eigenvalues: Float64Array, channels: number): number {
  const largest = eigenvalues.reduce((most, value) => Math.max(most, value), 0);
  const smallest = eigenvalues.length < channels
    ? 0
    : eigenvalues.reduce((least, value) => Math.min(least, value), Infinity);
  if (!(overlap > smallest)) return 0;
  if (overlap >= largest) return -Infinity;
  if (eigenvalues.length === 1) return logBetaSurvival(1 / 2, (channels - 1) / 2, overlap / largest);
  return new RotationTail(eigenvalues.toSorted().reverse(), channels).at(overlap).logP;
}

/** A null distribution of the overlap itself. */
export interface RotationNull extends Pick<NullDistribution, "logSurvival"> {
  /** `sum_k lambda_k / N`. */
  readonly mean: number;
  /** `ln P(X <= overlap)`. */
  logCdf(overlap: number): number;
  /**
   * An overlap from which on all with `logSurvival <= logAlpha` lie, close below the least of them: what is smaller needs no p.
   *
   * @param logAlpha at most 0
   * @returns Infinity where none can be as unlikely
   */
  lowerThreshold(logAlpha: number): number;
}

/**
 * The null distribution of a pair's overlap.
 *
 * @param eigenvalues as for `rotationLogSurvival`
 * @returns null where the overlap cannot vary: there is nothing to test
 * @example
 * import { rotationNull } from "svrflow";
 *
 * // A fully connected layer: one eigenvalue, 1. The overlap of two unit vectors of 64 channels has the mean 1/64.
 * const chance = rotationNull(Float64Array.of(1), 64);
 * console.log(chance?.mean, chance?.logSurvival(0.2));
 */
export function rotationNull(eigenvalues: Float64Array, channels: number): RotationNull | null {
  return rotationNulls(channels)(eigenvalues);
}

/** Makes null distributions for turned vectors of `channels` channels; what they have in common is computed once. */
export function rotationNulls(channels: number): (eigenvalues: Float64Array) => RotationNull | null {
  // On one channel there is nothing to turn; on none, nothing at all.
  if (channels < 2) return () => null;
  const beta = new ScaledBeta(channels);
  return (eigenvalues) => {
    const sorted = eigenvalues.toSorted().reverse();
    const largest = sorted[0] ?? 0;
    if (!(largest > 0)) return null;
    const least = sorted.length < channels ? 0 : sorted.at(-1)!;
    if (largest - least <= EQUAL * largest) return null;
    const mean = sorted.reduce((sum, value) => sum + value, 0) / channels;
    const positive = sorted.filter((value) => value > NO_EIGENVALUE * largest);
    if (positive.length === 1) return { mean, ...beta.scaledBy(largest) };
    const tail = new RotationTail(positive, channels);
    const most = LARGEST_SHARE * largest;
    return {
      mean,
      logSurvival: (overlap) => overlap > least ? tail.at(Math.min(most, overlap)).logP : 0,
      logCdf: (overlap) => overlap > least ? tail.at(Math.min(most, overlap)).logCdf : -Infinity,
      lowerThreshold: (logAlpha) => {
        if (logAlpha >= 0) return 0;
        if (tail.at(most, COARSE).logP > logAlpha) return Infinity;
        return lowerThreshold(
          (overlap) => tail.at(overlap, COARSE),
          logAlpha,
          tail.guess(logAlpha),
          least,
          most,
        );
      },
    };
  };
}

/** `lambda Beta(1/2, (N-1)/2)`: one position, or a profile of rank 1. */
class ScaledBeta {
  readonly #b: number;
  readonly #logNormalizer: number;
  /** The last threshold of the Beta itself: a connection asks for one level. */
  #known = { logAlpha: NaN, threshold: NaN };

  constructor(channels: number) {
    this.#b = (channels - 1) / 2;
    this.#logNormalizer = logBeta(1 / 2, this.#b);
  }

  scaledBy(lambda: number): Omit<RotationNull, "mean"> {
    return {
      logSurvival: (overlap) => this.#logSurvival(Math.min(LARGEST_SHARE, overlap / lambda)),
      logCdf: (overlap) => logBetaCdf(1 / 2, this.#b, overlap / lambda, this.#logNormalizer),
      lowerThreshold: (logAlpha) => lambda * this.#lowerThreshold(logAlpha),
    };
  }

  #logSurvival(x: number): number {
    return logBetaSurvival(1 / 2, this.#b, x, this.#logNormalizer);
  }

  #lowerThreshold(logAlpha: number): number {
    if (logAlpha >= 0) return 0;
    if (this.#known.logAlpha !== logAlpha) {
      const point = (x: number) => {
        const logP = this.#logSurvival(x);
        const logDensity = -Math.log(x) / 2 + (this.#b - 1) * Math.log1p(-x) - this.#logNormalizer;
        return { logP, slope: -Math.exp(logDensity - logP) };
      };
      const guess = Math.min(0.9, sigmaOfLogP(logAlpha - Math.LN2) ** 2 / (2 * this.#b + 1));
      const threshold = this.#logSurvival(LARGEST_SHARE) > logAlpha
        ? Infinity
        : lowerThreshold(point, logAlpha, guess, 0, LARGEST_SHARE);
      this.#known = { logAlpha, threshold };
    }
    return this.#known.threshold;
  }
}

/** Steps after which a threshold is as close as it will get. */
const MOST_STEPS = 60;

/**
 * The largest overlap that is found, close to where `ln p` falls to `logAlpha`, at which it is still larger: by Newton's method within a
 * bracket, from a guess.
 */
function lowerThreshold(
  tail: (overlap: number) => TailPoint,
  logAlpha: number,
  guess: number,
  least: number,
  most: number,
): number {
  let [low, high] = [least, most];
  let next = guess > low && guess < high ? guess : (low + high) / 2;
  for (let step = 0; step < MOST_STEPS; step++) {
    const { logP, slope } = tail(next);
    if (logP > logAlpha + ROOM / 10) low = next;
    else high = next;
    if (low === next && logP < logAlpha + ROOM) return low;
    const newton = next - (logP - logAlpha - ROOM / 2) / slope;
    // Around the mean the slope is far from exact, and Newton's steps alone may go to and fro.
    next = newton > low && newton < high && step % 4 < 3 ? newton : (low + high) / 2;
  }
  return low;
}
