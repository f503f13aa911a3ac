/**
 * The few special functions that the tests of significance need, in the tail where general libraries give up.
 *
 * Everything is returned as a logarithm, so that a probability of 1e-2000 is as exact as one of 0.1, and through
 * `log1p` near 1, so that a probability of 1 - 1e-12 is too.
 */

/** Half of ln(2 pi). */
const HALF_LOG_TWO_PI = 0.918938533204672741780329736406;

/** From here on the asymptotic series of `stirlingRemainder` is right to the last bit. */
const STIRLING_FROM = 12;

/** Relative change at which a series or continued fraction has converged. */
const CONVERGED = 1e-17;

/** Enough for the slowest admissible case; a continued fraction near the mean takes about sqrt(max(a, b)) steps. */
const MOST_STEPS = 100_000;

/**
 * `ln Gamma(x) - [(x - 1/2) ln x - x + ln(2 pi)/2]`, the part of Stirling's formula that vanishes for large `x`
 * (Abramowitz & Stegun 6.1.41), for `x >= 12`. Keeping it apart is what lets `logBeta` avoid cancellation.
 */
function stirlingRemainder(x: number): number {
  const t = 1 / (x * x);
  return (1 / 12 -
    t * (1 / 360 - t * (1 / 1260 - t * (1 / 1680 - t * (1 / 1188 - t * (691 / 360360 - t / 156)))))) / x;
}

/**
 * `ln Gamma(x)` for `x > 0`, by Stirling's series after shifting `x` up to 12 or more.
 *
 * @throws {RangeError} when `x` is not positive
 */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`logGamma: found ${x}, required a number above 0`);
  let shifted = x;
  let product = 1;
  while (shifted < STIRLING_FROM) product *= shifted++;
  return (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI + stirlingRemainder(shifted) -
    Math.log(product);
}

/**
 * `ln B(a, b) = ln Gamma(a) + ln Gamma(b) - ln Gamma(a + b)` for `a, b > 0`, without the cancellation of that sum
 * (the arrangement of Didonato & Morris, ACM TOMS 708): absolute error stays near 1e-15 up to `b = 1e9`.
 */
export function logBeta(a: number, b: number): number {
  const small = Math.min(a, b);
  let large = Math.max(a, b);
  // Gamma(b)/Gamma(a+b) is shifted up by Gamma(b) = Gamma(b+1)/b until Stirling's series holds.
  let shift = 0;
  while (large < STIRLING_FROM) {
    shift += Math.log1p(small / large);
    large += 1;
  }
  if (small < STIRLING_FROM) {
    // ln Gamma(large) - ln Gamma(small + large), by the difference of two Stirling formulas.
    const ratio = -(large - 0.5) * Math.log1p(small / large) - small * (Math.log(small + large) - 1) +
      stirlingRemainder(large) - stirlingRemainder(small + large);
    return logGamma(small) + ratio + shift;
  }
  const total = small + large;
  return HALF_LOG_TWO_PI - 0.5 * Math.log(large) - (small - 0.5) * Math.log1p(large / small) -
    large * Math.log1p(small / large) +
    stirlingRemainder(small) + stirlingRemainder(large) - stirlingRemainder(total) + shift;
}

/**
 * `ln P(X >= x)` for `X ~ Beta(a, b)`, `x` in [0, 1].
 *
 * The continued fraction of the incomplete beta function (DLMF 8.17.22, modified Lentz) on the side where it
 * converges; on the other side the complement is small and enters through `log1p`.
 *
 * @param logNormalizer `logBeta(a, b)`, where the caller has it already
 * @returns in [-Infinity, 0]
 */
export function logBetaSurvival(a: number, b: number, x: number, logNormalizer = logBeta(a, b)): number {
  if (x <= 0) return 0;
  if (x >= 1) return -Infinity;
  const logPower = a * Math.log(x) + b * Math.log1p(-x) - logNormalizer;
  if (x > (a + 1) / (a + b + 2)) {
    return Math.min(0, logPower - Math.log(b) + Math.log(betaFraction(b, a, 1 - x)));
  }
  const cdf = Math.exp(logPower - Math.log(a)) * betaFraction(a, b, x);
  return cdf < 1 ? Math.log1p(-cdf) : -Infinity;
}

/** `ln P(X <= x)` for `X ~ Beta(a, b)`, `x` in [0, 1]: as exact near 0 as `logBetaSurvival` is near 1. */
export function logBetaCdf(a: number, b: number, x: number, logNormalizer = logBeta(a, b)): number {
  if (x <= 0) return -Infinity;
  if (x >= 1) return 0;
  const logPower = a * Math.log(x) + b * Math.log1p(-x) - logNormalizer;
  if (x <= (a + 1) / (a + b + 2)) {
    return Math.min(0, logPower - Math.log(a) + Math.log(betaFraction(a, b, x)));
  }
  const survival = Math.exp(logPower - Math.log(b)) * betaFraction(b, a, 1 - x);
  return survival < 1 ? Math.log1p(-survival) : -Infinity;
}

/** The continued fraction `F` in `I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * F`. */
function betaFraction(a: number, b: number, x: number): number {
  const guard = (value: number) => Math.abs(value) < 1e-300 ? 1e-300 : value;
  let c = 1;
  let d = 1 / guard(1 - (a + b) * x / (a + 1));
  let fraction = d;
  for (let m = 1; m <= MOST_STEPS; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guard(1 + even * d);
    c = guard(1 + even / c);
    fraction *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guard(1 + odd * d);
    c = guard(1 + odd / c);
    const change = d * c;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return fraction;
}

/**
 * `ln Q(a, x) = ln P(X >= x)` for `X ~ Gamma(a, 1)`, `x >= 0`: the series of the lower tail below `a + 1` (DLMF 8.11.4),
 * the continued fraction of the upper tail above (DLMF 8.9.2). Chi-squared with `k` degrees is `a = k/2`, `x = chi2/2`.
 *
 * @param logNormalizer `logGamma(a)`, where the caller has it already
 * @returns in [-Infinity, 0]
 */
export function logGammaSurvival(a: number, x: number, logNormalizer = logGamma(a)): number {
  if (x <= 0) return 0;
  const logPower = a * Math.log(x) - x - logNormalizer;
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; k <= MOST_STEPS && term > sum * CONVERGED; k++) {
      term *= x / (a + k);
      sum += term;
    }
    return Math.log1p(-Math.exp(logPower) * sum);
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let k = 1; k <= MOST_STEPS; k++) {
    const numerator = -k * (k - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const change = d * c;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return Math.min(0, logPower + Math.log(fraction));
}

/**
 * `ln P(a, x) = ln P(X <= x)` for `X ~ Gamma(a, 1)`, `x >= 0`: as exact near 0 as `logGammaSurvival` is far out, by the same series; above
 * `a + 1` the complement is small and enters through `log1p`.
 *
 * @param logNormalizer `logGamma(a)`, where the caller has it already
 * @returns in [-Infinity, 0]
 */
export function logGammaCdf(a: number, x: number, logNormalizer = logGamma(a)): number {
  if (x <= 0) return -Infinity;
  if (x >= a + 1) return Math.log1p(-Math.exp(logGammaSurvival(a, x, logNormalizer)));
  let term = 1 / a;
  let sum = term;
  for (let k = 1; k <= MOST_STEPS && term > sum * CONVERGED; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return Math.min(0, a * Math.log(x) - x - logNormalizer + Math.log(sum));
}
