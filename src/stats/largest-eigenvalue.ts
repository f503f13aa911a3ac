/**
 * Whether the largest eigenvalue of `W W'` is more than the noise of the others explains.
 *
 * The null hypothesis: `W` has independent Gaussian entries of one variance. That is not known but estimated by the mean of the squares,
 * `T / (n p)` with the trace `T`. The statistic is `U = l_1 / (T / (n p))`, which does not depend on the variance.
 */

import { logTracyWidomSurvival, TRACY_WIDOM } from "./tracy-widom.ts";

/** Fewer eigenvalues are not tested: expansions for large matrices say nothing of them. */
export const FEWEST_EIGENVALUES = 8;

/** The first four moments of the Tracy-Widom law about 0. */
const MOMENTS = (() => {
  const { mean: m, variance: v, skewness, kurtosis } = TRACY_WIDOM;
  const third = skewness * v ** 1.5;
  const fourth = (kurtosis + 3) * v * v;
  return [
    m,
    v + m * m,
    third + 3 * m * v + m ** 3,
    fourth + 4 * third * m + 6 * v * m * m + m ** 4,
  ] as const;
})();

/** Mean, standard deviation and skewness of a distribution. */
interface Shape {
  readonly mean: number;
  readonly deviation: number;
  readonly skewness: number;
}

/**
 * `ln P(U >= u)` under the null hypothesis.
 *
 * The largest eigenvalue of a Wishart matrix, centred and scaled after Johnstone (2001) with the shifts of 1/2 of Johnstone and Ma (2012), has
 * the Tracy-Widom law of beta = 1 up to a term of second order (Bornemann 2024): of relative size
 * `h = (1/sqrt(n') + 1/sqrt(p'))^(4/3) / 4`. That gives the moments of `l_1`. `U` and `T` are independent (Basu), so that those of `U` are
 * `E[l_1^k] / E[(T/(np))^k]`, exactly. The cube root of Wilson and Hilferty (1931) takes a variable with the mean, the variance and the
 * skewness of `U` to one with the Tracy-Widom law's.
 *
 * Simulated rates at 0.05 and 0.001 are 0.045 to 0.0502 and 0.0001 to 0.00106, and above 0.0487 and 0.0007 from 16 eigenvalues on.
 *
 * @param largest the largest eigenvalue of `W W'`
 * @param trace the sum of all, the largest included
 * @param rows of `W`; either side may be the longer
 * @returns in (-Infinity, 0]; null where a side has fewer than `FEWEST_EIGENVALUES`, or all are 0
 */
export function logLargestEigenvalueP(
  largest: number,
  trace: number,
  rows: number,
  cols: number,
): number | null {
  if (Math.min(rows, cols) < FEWEST_EIGENVALUES || !(trace > 0)) return null;
  const { mean, deviation, skewness } = shapeOfRatio(rows, cols);
  const x = (largest / (trace / (rows * cols)) - mean) / deviation;
  const { mean: m, variance, skewness: skew } = TRACY_WIDOM;
  return logTracyWidomSurvival(m + Math.sqrt(variance) * ofNormal(toNormal(x, skewness), skew));
}

function shapeOfRatio(rows: number, cols: number): Shape {
  const [a, b] = [Math.sqrt(rows - 0.5), Math.sqrt(cols - 0.5)];
  const centre = (a + b) ** 2;
  const scale = (a + b) * Math.cbrt(1 / a + 1 / b);
  const h = (1 / a + 1 / b) ** (4 / 3) / 4;
  const tau = 4 * a * b / centre;
  // F + h (alpha t^2 F' + beta F''): moments by parts.
  const [alpha, beta] = [(1 - 2 * tau) / 5, 3 * (tau - 2) / 10];
  const first = MOMENTS[0] - h * alpha * MOMENTS[1];
  const second = MOMENTS[1] - 2 * h * (alpha * MOMENTS[2] - beta);
  const third = MOMENTS[2] - 3 * h * (alpha * MOMENTS[3] - 2 * beta * MOMENTS[0]);
  const shift = centre / scale;
  const count = rows * cols;
  // Moments of the chi-squared trace over its mean: 1, 1 + 2/N, (1 + 2/N)(1 + 4/N).
  const one = shift + first;
  const two = (shift ** 2 + 2 * shift * first + second) / (1 + 2 / count);
  const three = (shift ** 3 + 3 * shift ** 2 * first + 3 * shift * second + third) /
    ((1 + 2 / count) * (1 + 4 / count));
  const variance = two - one * one;
  return {
    mean: scale * one,
    deviation: scale * Math.sqrt(variance),
    skewness: (three - 3 * one * variance - one ** 3) / variance ** 1.5,
  };
}

/** The cube root of Wilson and Hilferty: a standardized gamma variable as a normal one. @param skewness above 0 */
function toNormal(x: number, skewness: number): number {
  const a = 2 / skewness;
  return 3 * a * (Math.cbrt(1 + x / a) - 1 + 1 / (9 * a * a));
}

/** The inverse of `toNormal`. */
function ofNormal(z: number, skewness: number): number {
  const a = 2 / skewness;
  return a * ((1 - 1 / (9 * a * a) + z / (3 * a)) ** 3 - 1);
}

/**
 * `ln p` of each eigenvalue that it stands out of noise, adjusted for all of them. They are tested one after another, from the largest on, each
 * against the noise of those below it (Kritchman and Nadler 2009): eigenvalue `k` is taken for the largest of an `(n - k) x (p - k)` matrix of
 * noise. The first that is noise is tested once, so that a running maximum of the p-values holds the family-wise rate.
 *
 * @param eigenvalues of `W W'`, descending; all that are not 0
 * @returns never descending; shorter than the spectrum, for the last 7 are not tested
 * @example
 * const count = spikes(eigenvalues, 256, 784).filter((logP) => logP <= Math.log(0.001)).length;
 */
export function spikes(eigenvalues: Float64Array, rows: number, cols: number): Float64Array {
  const fewest = FEWEST_EIGENVALUES - 1;
  const count = Math.min(eigenvalues.length, Math.max(0, Math.min(rows, cols) - fewest));
  const below = traces(eigenvalues);
  // Once it is 1 it stays.
  const logP = new Float64Array(count);
  let running = -Infinity;
  for (let k = 0; k < count && running < 0; k++) {
    const own = logLargestEigenvalueP(eigenvalues[k]!, below[k]!, rows - k, cols - k);
    running = Math.max(running, own ?? 0);
    logP[k] = running;
  }
  return logP;
}

/** The sum of each value and all behind it. */
function traces(values: Float64Array): Float64Array {
  const sums = values.slice();
  for (let k = sums.length - 2; k >= 0; k--) sums[k]! += sums[k + 1]!;
  return sums;
}
