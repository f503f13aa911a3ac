/**
 * The rotation null: what an overlap would be if the channels of two layers had nothing to do with each other.
 *
 * One of a pair's two vectors, `u`, is uniform on the unit sphere of its `N` channels; the other, `V`, stays as it is, with its spatial
 * profile. With `lambda_1, …, lambda_z` the eigenvalues of `V' V` (`V`: `N x z`, channels by positions)
 *
 *     overlap = u' (V V') u  ~  sum_k lambda_k g_k^2 / sum_{c<=N} g_c^2,    g standard normal,
 *
 * exactly, for every `V`. The mean is `sum_k lambda_k / N`. One eigenvalue gives `lambda_1 Beta(1/2, (N-1)/2)`.
 *
 * The event `overlap >= q` is `sum_k (lambda_k - q) g_k^2 - q sum_{k>z} g_k^2 >= 0`. Its probability is an integral over the cumulant
 * generating function `K` of that sum (Daniels 1954; Lugannani and Rice 1980),
 *
 *     P = (1 / 2 pi i) integral exp(K(t)) dt / t,    K(t) = -1/2 sum_k log(1 - 2 (lambda_k - q) t) - (N-z)/2 log(1 + 2 q t),
 *
 * along a line through the saddle point of `K(t) - log t`, bent as the path of steepest descent is: there the integrand is smooth, and
 * hardly oscillates.
 */

import type { NullDistribution } from "./null-distribution.ts";
import { sigmaOfLogP } from "./normal.ts";
import { logBeta, logBetaCdf, logBetaSurvival } from "./special-functions.ts";

/** An eigenvalue of a smaller share of the largest is rounding. */
const NO_EIGENVALUE = 1e-15;

/** Eigenvalues that differ by a smaller share of the largest are equal: an overlap that takes one value only is no test. */
const EQUAL = 1e-13;

/** An overlap is known to an ulp at best: one of `lambda_1` counts as an ulp less, so that no log p is infinite. */
const LARGEST_SHARE = 1 - 2 ** -53;

/** Step of the trapezoidal rule in `x`, where the line is `t_0 + s (i sinh(x) + bend (cosh(x) - 1))`: its error is below 1e-13. */
const STEP = 0.1;

/** By `x = 40` the factor `1/t` alone has taken the integrand away. */
const NODES = Math.ceil(40 / STEP);
const SINH = Float64Array.from({ length: NODES }, (_, node) => Math.sinh(node * STEP));
const COSH = Float64Array.from({ length: NODES }, (_, node) => Math.cosh(node * STEP));

/** Terms below this share of the sum are not added any more. */
const NEGLIGIBLE = 1e-18;

/** Room, in `ln p`, that `lowerThreshold` leaves: it is found in a step or two, and a few pairs more are looked at. */
const ROOM = 0.05;

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
  return new Tail(eigenvalues.toSorted().reverse(), channels).at(overlap).logP;
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
 */
export function rotationNull(eigenvalues: Float64Array, channels: number): RotationNull | null {
  return rotationNulls(channels)(eigenvalues);
}

/** Makes null distributions for turned vectors of `channels` channels; what they have in common is computed once. */
export function rotationNulls(channels: number): (eigenvalues: Float64Array) => RotationNull | null {
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
    const tail = new Tail(positive, channels);
    const most = LARGEST_SHARE * largest;
    return {
      mean,
      logSurvival: (overlap) => overlap > least ? tail.at(Math.min(most, overlap)).logP : 0,
      logCdf: (overlap) => overlap > least ? tail.at(Math.min(most, overlap)).logCdf : -Infinity,
      lowerThreshold: (logAlpha) => {
        if (logAlpha >= 0) return 0;
        if (tail.at(most).logP > logAlpha) return Infinity;
        return lowerThreshold((overlap) => tail.at(overlap), logAlpha, tail.guess(logAlpha), least, most);
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

/** `ln P(X >= q)` at some `q`, and about its derivative there. */
interface TailPoint {
  readonly logP: number;
  readonly slope: number;
}

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
    if (logP > logAlpha) low = next;
    else high = next;
    if (logP > logAlpha && logP < logAlpha + ROOM) return low;
    const newton = next - (logP - logAlpha - ROOM / 2) / slope;
    // Around the mean the slope is far from exact, and Newton's steps alone may go to and fro.
    next = newton > low && newton < high && step % 4 < 3 ? newton : (low + high) / 2;
  }
  return low;
}

/** The upper tail for one set of eigenvalues, two or more of them positive. */
class Tail {
  readonly #lambda: Float64Array;
  /** `N - z`. */
  readonly #rest: number;
  readonly #mean: number;
  readonly #variance: number;
  /** `2 (lambda_k - q) / (1 - 2 (lambda_k - q) t_0)`. */
  readonly #slopes: Float64Array;

  /** @param lambda descending */
  constructor(lambda: Float64Array, channels: number) {
    this.#lambda = lambda;
    this.#rest = channels - lambda.length;
    const sum = lambda.reduce((all, value) => all + value, 0);
    const squares = lambda.reduce((all, value) => all + value * value, 0);
    this.#mean = sum / channels;
    this.#variance = 2 * (channels * squares - sum * sum) / (channels * channels * (channels + 2));
    this.#slopes = new Float64Array(lambda.length);
  }

  /** About where `ln P` is `logAlpha`: by a chi-squared of the same mean and variance (Wilson and Hilferty 1931). */
  guess(logAlpha: number): number {
    const ninth = this.#variance / (9 * this.#mean * this.#mean);
    return this.#mean * Math.max(0, 1 - ninth + sigmaOfLogP(logAlpha) * Math.sqrt(ninth)) ** 3;
  }

  logSurvival(q: number): number {
    return this.at(q).logP;
  }

  /** @param q between the smallest and the largest value */
  at(q: number): TailPoint & { readonly logCdf: number } {
    // On its own side of the mean a tail is small, and the other one follows to the last digit.
    const upper = q >= this.#mean;
    const t0 = this.#saddle(q, upper);
    const slopes = this.#slopes;
    const lambda = this.#lambda;
    const rest = this.#rest;
    // K(t_0), its derivative by q, and the second and third derivatives of K(t) - log |t|.
    const last = rest > 0 ? 2 * q / (1 + 2 * q * t0) : 0;
    let height = rest > 0 ? -rest / 2 * Math.log1p(2 * q * t0) : 0;
    let byQ = rest / 2 * last / q;
    let second = 1 / (t0 * t0) + rest / 2 * last * last;
    let third = -2 / (t0 * t0 * t0) - rest * last * last * last;
    for (let k = 0; k < lambda.length; k++) {
      const a = 2 * (lambda[k]! - q);
      const factor = 1 - a * t0;
      const slope = a / factor;
      slopes[k] = slope;
      height -= Math.log(factor) / 2;
      byQ += 1 / factor;
      second += slope * slope / 2;
      third += slope * slope * slope;
    }
    const width = 1 / Math.sqrt(second);
    // To the right the integrand decays whatever the eigenvalues, because `N - z` factors do together; not where these are few.
    const bend = Math.max(lambda.length > rest ? -1 : 0.5, Math.min(1, third * width / (3 * second)));
    const integral = this.#integral({ t0, width, bend, last });
    const logTail = Math.min(0, height + Math.log(Math.abs(integral) / Math.PI));
    const tail = Math.exp(logTail);
    const logRest = Math.log1p(-tail);
    return upper
      ? { logP: logTail, logCdf: logRest, slope: -t0 * byQ }
      : { logP: logRest, logCdf: logTail, slope: t0 * byQ * tail / (1 - tail) };
  }

  /**
   * The zero of `K'(t) - 1/t` between the pole at 0 and the first singularity, which is unique: Newton's method within a bracket.
   *
   * @param upper right of the pole, else left of it
   */
  #saddle(q: number, upper: boolean): number {
    const least = this.#rest > 0 ? 0 : this.#lambda[this.#lambda.length - 1]!;
    const end = 1 / (2 * ((upper ? this.#lambda[0]! : least) - q));
    let [low, high] = upper ? [0, end] : [end, 0];
    let t = end / 2;
    for (let step = 0; step < 200; step++) {
      let value = -1 / t;
      let derivative = 1 / (t * t);
      for (let k = 0; k < this.#lambda.length; k++) {
        const a = 2 * (this.#lambda[k]! - q);
        const slope = a / (1 - a * t);
        value += slope / 2;
        derivative += slope * slope / 2;
      }
      const slope = this.#rest > 0 ? 2 * q / (1 + 2 * q * t) : 0;
      value -= this.#rest / 2 * slope;
      derivative += this.#rest / 2 * slope * slope;
      if (value > 0) high = t;
      else low = t;
      const newton = t - value / derivative;
      const next = newton > low && newton < high ? newton : (low + high) / 2;
      // Any line between the singularities gives the same integral: it need not be exactly the best.
      if (Math.abs(next - t) <= 1e-3 * Math.min(Math.abs(t), Math.abs(end - t))) return next;
      t = next;
    }
    return t;
  }

  /** The integral over the upper half of the line, as a share of `exp(K(t_0))`. */
  #integral({ t0, width, bend, last }: Line): number {
    let sum = STEP / 2 * width / t0;
    for (let node = 1; node < NODES; node++) {
      const [sinh, cosh] = [SINH[node]!, COSH[node]!];
      const u = width * bend * (cosh - 1);
      const v = width * sinh;
      const factors = this.#factors(u, v);
      const [re, im] = [1 + last * u, last * v];
      const phase = factors.phase - this.#rest / 2 * Math.atan2(im, re);
      const size = Math.exp(-factors.logSize / 4 - this.#rest / 4 * Math.log(re * re + im * im));
      // exp(K) dt/dx / t; the other half of the line adds the complex conjugate.
      const t = t0 + u;
      const weight = STEP * width * size / (t * t + v * v);
      const along = bend * sinh * t + cosh * v;
      const across = cosh * t - bend * sinh * v;
      if (!(weight * (Math.abs(along) + Math.abs(across)) > NEGLIGIBLE * Math.abs(sum))) break;
      sum += weight * (along * Math.sin(phase) + across * Math.cos(phase));
    }
    return sum;
  }

  /**
   * Of `prod_k (1 - c_k (u + i v))`, `c_k` the slopes: `ln` of its squared absolute value, and the angle of its inverse square root, counted
   * over all turns.
   */
  #factors(u: number, v: number): { readonly logSize: number; readonly phase: number } {
    let [re, im] = [1, 0];
    let [logSize, turns] = [0, 0];
    for (let k = 0; k < this.#slopes.length; k++) {
      const c = this.#slopes[k]!;
      const [x, y] = [1 - c * u, -c * v];
      const next = re * y + im * x;
      // Each factor turns by less than half, all the way on one side: through the negative axis it goes where the sign changes behind it.
      if (c < 0 ? im > 0 && next < 0 : im < 0 && next > 0) turns += c < 0 ? 1 : -1;
      re = re * x - im * y;
      im = next;
      const square = re * re + im * im;
      if (square > 1e200) {
        logSize += Math.log(square);
        const size = Math.sqrt(square);
        re /= size;
        im /= size;
      }
    }
    return {
      logSize: logSize + Math.log(re * re + im * im),
      phase: -(Math.atan2(im, re) + 2 * Math.PI * turns) / 2,
    };
  }
}

/** A line through a saddle point. */
interface Line {
  readonly t0: number;
  readonly width: number;
  /** How much it turns to the right. */
  readonly bend: number;
  /** `2 q / (1 + 2 q t_0)`. */
  readonly last: number;
}
