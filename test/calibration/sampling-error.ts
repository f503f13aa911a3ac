/** Bounds on sampling error in closed form: they hold at every sample size, not in a limit. */

/**
 * Chernoff's exponent of a count: `N KL(hits/N || p)`.
 *
 * With `N` indicators that are independent or negatively associated, each 1 with probability `p`, the
 * exponent is at least `x` with probability at most `2 exp(-x)` (Hoeffding 1963; for negative association,
 * which bounds the same moment generating function, Dubhashi & Ranjan 1998).
 */
export function chernoffExponent(hits: number, trials: number, p: number): number {
  const q = hits / trials;
  const term = (a: number, b: number) => a === 0 ? 0 : a * Math.log(a / b);
  return trials * (term(q, p) + term(1 - q, 1 - p));
}

/** The exponent that is reached with probability at most `falseAlarm`. */
export function criticalExponent(falseAlarm: number): number {
  return Math.log(2 / falseAlarm);
}

/** Kolmogorov and Smirnov's distance of a sample from the uniform distribution on [0, 1]. */
export function distanceFromUniform(sample: Float64Array): number {
  const sorted = sample.toSorted();
  return sorted.reduce(
    (most, value, i) => Math.max(most, value - i / sorted.length, (i + 1) / sorted.length - value),
    0,
  );
}

/**
 * The distance that `count` independent uniform numbers exceed with probability at most `falseAlarm` (Massart
 * 1990).
 */
export function criticalDistance(count: number, falseAlarm: number): number {
  return Math.sqrt(Math.log(2 / falseAlarm) / (2 * count));
}
