/**
 * The tail of `X = sum_k lambda_k g_k^2 / sum_{c<=N} g_c^2`, `g` standard normal, as an integral through a saddle point.
 *
 * The event `X >= q` is `sum_k (lambda_k - q) g_k^2 - q sum_{k>z} g_k^2 >= 0`. Its probability is an integral over the cumulant generating
 * function `K` of that sum (Daniels 1954; Lugannani and Rice 1980),
 *
 *     P = (1 / 2 pi i) integral exp(K(t)) dt / t,    K(t) = -1/2 sum_k log(1 - 2 (lambda_k - q) t) - (N-z)/2 log(1 + 2 q t),
 *
 * along a line through the saddle point of `K(t) - log t`, bent as the path of steepest descent is: there the integrand is smooth, and
 * hardly oscillates.
 */

import { sigmaOfLogP } from "./normal.ts";

/** Step of the trapezoidal rule in `x`, where the line is `t_0 + s (i sinh(x) + bend (cosh(x) - 1))`: its error is below 1e-13. */
const STEP = 0.1;

/** By `x = 40` the factor `1/t` alone has taken the integrand away. */
const NODES = Math.ceil(40 / STEP);
const SINH = Float64Array.from({ length: NODES }, (_, node) => Math.sinh(node * STEP));
const COSH = Float64Array.from({ length: NODES }, (_, node) => Math.cosh(node * STEP));

/** Terms below this share of the sum are not added any more. */
const NEGLIGIBLE = 1e-18;

/** `ln P(X >= q)` at some `q`, and about its derivative there. */
export interface TailPoint {
  readonly logP: number;
  readonly slope: number;
}

/** The tails for one set of eigenvalues, two or more of them positive. */
export class RotationTail {
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

  /** @param q between the smallest and the largest value @param stride takes every so many-th node */
  at(q: number, stride = 1): TailPoint & { readonly logCdf: number } {
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
    const integral = this.#integral({ t0, width, bend, last }, stride);
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
  #integral({ t0, width, bend, last }: Line, stride: number): number {
    const step = stride * STEP;
    let sum = step / 2 * width / t0;
    for (let node = stride; node < NODES; node += stride) {
      const sinh = SINH[node]!;
      const cosh = COSH[node]!;
      const u = width * bend * (cosh - 1);
      const v = width * sinh;
      const factors = this.#factors(u, v);
      const re = 1 + last * u;
      const im = last * v;
      const phase = factors.phase - this.#rest / 2 * Math.atan2(im, re);
      const size = Math.exp(-factors.logSize / 4 - this.#rest / 4 * Math.log(re * re + im * im));
      // exp(K) dt/dx / t; the other half of the line adds the complex conjugate.
      const t = t0 + u;
      const weight = step * width * size / (t * t + v * v);
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
    let re = 1;
    let im = 0;
    let logSize = 0;
    let turns = 0;
    for (let k = 0; k < this.#slopes.length; k++) {
      const c = this.#slopes[k]!;
      const x = 1 - c * u;
      const y = -c * v;
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
