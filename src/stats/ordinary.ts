/** The ordinary statistics of reports and comparisons, by jStat. Tails of distributions are our own code, in this folder too. */

// @ts-types="./jstat.d.ts"
import jstat from "jstat";

const { jStat } = jstat;

/** The middle value, or the mean of the two middle ones. @throws {RangeError} when there is no value, or one is not finite */
export function median(values: readonly number[]): number {
  requireFinite(values, "a median");
  return jStat.median(values);
}

/**
 * The median of the distances from the median. Of Gaussian values, 1.4826 times it is their standard deviation.
 *
 * @throws {RangeError} when there is no value, or one is not finite
 */
export function medianDeviation(values: readonly number[]): number {
  requireFinite(values, "a median absolute deviation");
  return jStat.meddev(values);
}

/**
 * The mean, exact where all values are equal, and the standard deviation of a sample (over `n - 1`), null of one value.
 *
 * @throws {RangeError} when there is no value, or one is not finite
 *
 * @example
 * meanAndDeviation([1, 2, 3]); // { mean: 2, deviation: 1 }
 */
export function meanAndDeviation(
  values: readonly number[],
): { readonly mean: number; readonly deviation: number | null } {
  requireFinite(values, "a mean");
  const first = values[0]!;
  // Sums of equal values are rounded; sums of zeros are not.
  const rest = values.map((value) => value - first);
  return {
    mean: first + jStat.mean(rest),
    deviation: values.length > 1 ? jStat.stdev(rest, true) : null,
  };
}

/**
 * The value below which a share of all values lies. Between two values it is interpolated: the smallest stands for 0, the largest
 * for 1, the others evenly between (type 7 of Hyndman and Fan 1996, as in R and NumPy).
 *
 * @param share in [0, 1]
 * @throws {RangeError} when there is no value, one is not finite, or the share is outside [0, 1]
 */
export function quantile(values: readonly number[], share: number): number {
  requireFinite(values, "a quantile");
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`a quantile: found share ${share}, required one from 0 to 1`);
  }
  // jStat reads the second of one value.
  return values.length === 1 ? values[0]! : jStat.quantiles(values, [share], 1, 1)[0]!;
}

/** Spearman's rank correlation, and how often chance gives one as far from zero. */
export interface RankCorrelation {
  /** In [-1, 1]; 0 where either list is constant. */
  readonly rho: number;
  /** Two-sided, in (0, 1]. */
  readonly p: number;
}

/** Up to so many pairs all their orders are counted: 5,040. */
const MOST_COUNTED = 7;

/**
 * Spearman's rank correlation of two lists of equal length (ties have the mean of their ranks). Of up to seven pairs p is exact, over all orders;
 * of more it is Student's t with `n - 2` degrees of freedom.
 *
 * @param a at least three values
 * @throws {RangeError} when there are fewer, the lengths differ, or a value is not finite
 *
 * @example
 * rankCorrelation([1, 2, 3, 4, 5], [10, 20, 30, 50, 40]); // { rho: 0.9, p: 0.0833... }
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): RankCorrelation {
  requireFinite(a, "a rank correlation");
  requireFinite(b, "a rank correlation");
  if (a.length !== b.length || a.length < 3) {
    throw new RangeError(
      `a rank correlation: found ${a.length} and ${b.length} values, required as many of both, at least 3`,
    );
  }
  const found = jStat.spearmancoeff(a, b);
  // Of a constant list there is no rank correlation.
  if (!Number.isFinite(found)) return { rho: 0, p: 1 };
  const rho = Math.min(1, Math.max(-1, found));
  if (a.length <= MOST_COUNTED) {
    const all = orders(jStat.rank(b)).map((order) => jStat.corrcoeff(jStat.rank(a), order));
    const far = all.filter((other) => Math.abs(other) >= Math.abs(rho) - 1e-12).length;
    return { rho, p: far / all.length };
  }
  const freedom = a.length - 2;
  // No order is rarer than the two that are perfect.
  const least = 2 / jStat.factorial(a.length);
  const t = Math.abs(rho) * Math.sqrt(freedom / (1 - rho * rho));
  return { rho, p: Number.isFinite(t) ? Math.max(least, 2 * jStat.studentt.cdf(-t, freedom)) : least };
}

function orders(values: readonly number[]): number[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((first, at) => orders(values.toSpliced(at, 1)).map((rest) => [first, ...rest]));
}

function requireFinite(values: readonly number[], what: string): void {
  if (values.length === 0) throw new RangeError(`${what}: found no value, required at least one`);
  const other = values.find((value) => !Number.isFinite(value));
  if (other !== undefined) throw new RangeError(`${what}: found ${other}, required finite values`);
}
