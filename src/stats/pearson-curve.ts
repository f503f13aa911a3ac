/**
 * Tails of Pearson's curves (Pearson 1895): the laws that are fitted to a statistic of which only the first moments are known, as those
 * of a permutation test are.
 *
 * Type III is a shifted gamma law: `Z = (G - k) / sqrt(k)`, `G ~ Gamma(k, 1)`, has mean 0, variance 1 and skewness `2 / sqrt(k)`; its
 * mirror image has the negative one, and the normal law lies between. Type I is a beta law on an interval, which a kurtosis fixes too.
 */

import { logSurvivalOfSigma } from "./normal.ts";
import { logBetaCdf, logGammaCdf, logGammaSurvival } from "./special-functions.ts";

/** `ln sqrt(2 pi)`. */
const HALF_LOG_TWO_PI = 0.918938533204672741780329736406;

/**
 * Below this skewness the incomplete gamma function of `k = 4 / skew^2` takes long and loses digits, and a saddle point's error, which falls
 * with `k`, is less than 1e-8 of p.
 */
const NEARLY_NORMAL = 0.01;

/** How near a curve's kurtosis may come to type III before it is type III: there the beta law's exponents reach millions. */
const ON_THE_LINE = 1e-6;

/** Where a law ends, a value is known to an ulp of its range at best: no log p is infinite. */
const LEAST_SHARE = 2 ** -53;

/**
 * `ln P(Z >= z)` of the Pearson curve with mean 0, variance 1 and the given skewness: type III, or type I where a kurtosis allows it, which
 * it does between `1 + skew^2` (no law has less) and type III's own, `3 + 1.5 skew^2`. Other kurtoses are not used.
 *
 * Relative error of p about 1e-8 down to p = 1e-300, and of `ln p` beyond. Past the end of a law with a bounded tail the value is that of its
 * last ulp.
 *
 * @param z standard deviations above the mean, of either sign
 * @param skew third central moment over the cube of the standard deviation, of either sign
 * @param kurtosis fourth central moment over the squared variance: 3 for the normal law
 * @returns in (-Infinity, 0]
 * @throws {RangeError} when `z` or `skew` is not finite
 * @example
 * pearsonLogTail(3, 0) // -6.607726, the normal law's
 * pearsonLogTail(3, 2) // -4, the exponential law's: P(G - 1 >= 3) = exp(-4)
 * pearsonLogTail(1.5, 0, 1.8) // -2.703600, the uniform law's: it ends at sqrt(3)
 */
export function pearsonLogTail(z: number, skew: number, kurtosis?: number): number {
  if (!Number.isFinite(z) || !Number.isFinite(skew)) {
    throw new RangeError(`tail of a Pearson curve: found z ${z} and skew ${skew}, required finite numbers`);
  }
  const typeOne = kurtosis === undefined ? null : betaLogTail(z, skew, kurtosis);
  if (typeOne !== null) return typeOne;
  return Math.abs(skew) < NEARLY_NORMAL ? saddlePointLogTail(z, skew) : gammaLogTail(z, skew);
}

/** Type III. The mirror image of a lower tail is an upper one. */
function gammaLogTail(z: number, skew: number): number {
  const shape = 4 / (skew * skew);
  const x = shape + 2 * z / skew;
  return skew > 0 ? logGammaSurvival(shape, x) : logGammaCdf(shape, Math.max(x, shape * LEAST_SHARE));
}

/**
 * Type III of small skewness, by Lugannani and Rice (1980): `P = 1 - Phi(w) + phi(w) (1/z - 1/w)`, here with
 * `w = z sqrt(e)`, `e = 2 (m - ln(1 + m)) / m^2`, `m = z skew / 2`. It is the first term of Temme's expansion (DLMF 8.12.3), and the normal tail
 * where the skewness is 0.
 */
function saddlePointLogTail(z: number, skew: number): number {
  const m = Math.max(z * skew / 2, LEAST_SHARE - 1);
  const bend = excess(m);
  const root = Math.sqrt(1 + m * bend);
  // At the end of the law it is m that says where.
  const w = (m === z * skew / 2 ? z : 2 * m / skew) * root;
  const normal = logSurvivalOfSigma(w);
  // (1/z - 1/w), without the cancellation.
  const correction = skew / 2 * bend / (root * (root + 1));
  return Math.min(0, normal + Math.log1p(correction * Math.exp(-w * w / 2 - HALF_LOG_TWO_PI - normal)));
}

/** `(2 (m - ln(1 + m)) / m^2 - 1) / m` for `m > -1`: `-2/3 + m/2 - 2m^2/5 + ...` */
function excess(m: number): number {
  if (Math.abs(m) > 0.01) return (2 * (m - Math.log1p(m)) / (m * m) - 1) / m;
  let sum = 0;
  // The first term left out is below 1e-20 of the first.
  for (let k = 10; k >= 1; k--) sum = 2 / (k + 2) - m * sum;
  return -sum;
}

/** Type I: a beta law on an interval of some width in standard deviations; null where the moments are not those of one. */
function betaLogTail(z: number, skew: number, kurtosis: number): number | null {
  const square = skew * skew;
  if (!(kurtosis > 1 + square && kurtosis < 3 + 1.5 * square - ON_THE_LINE)) return null;
  // The sum of both exponents.
  const sum = 6 * (kurtosis - square - 1) / (6 + 3 * square - 2 * kurtosis);
  const width = Math.sqrt(square * (sum + 2) ** 2 + 16 * (sum + 1)) / 2;
  const lean = (sum + 2) * skew / (2 * width);
  const [lower, upper] = [sum / 2 * (1 - lean), sum / 2 * (1 + lean)];
  if (!(lower > 0 && upper > 0)) return null;
  // Counted from the upper end, where the small probabilities are.
  const share = upper / sum - z / width;
  return logBetaCdf(upper, lower, Math.min(1, Math.max(LEAST_SHARE, share)));
}
