/** The ordinary statistics of reports and comparisons, by jStat. Tails of distributions are our own code, in this folder too. */

// @ts-types="./jstat.d.ts"
import jstat from "jstat";
import { random, shuffle } from "../model/random.ts";
import { forEachPermutation } from "./relabellings.ts";

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

/** Of more pairs so many orders are drawn, and fewer where that would be more than so many numbers: 8 MB. */
const DRAWS = 20_000;
const MOST_DRAWN = 2 ** 22;

/** Rounding of a sum of products of ranks; ranks are halves, so that other sums differ by a quarter at least. */
const ROUNDING = 1e-6;

/**
 * Spearman's rank correlation of two lists of equal length (ties have the mean of their ranks), and the p of a permutation test. Of up to
 * seven pairs p is the share of all orders that lie as far from zero. Of more it is `(hits + 1) / (draws + 1)` over 20,000 orders at random,
 * seeded, fewer beyond 209 pairs: a valid p that is never too small (Phipson and Smyth 2010), at least `leastRankP`. Student's t with `n - 2`
 * degrees of freedom is no way out: at 8 to 14 pairs it is 8 to 80 times too small in the tail that corrections for many tests ask of.
 *
 * @param a at least three values, at most 65,535
 * @throws {RangeError} when there are fewer or more, the lengths differ, or a value is not finite
 *
 * @example
 * rankCorrelation([1, 2, 3, 4, 5], [10, 20, 30, 50, 40]); // { rho: 0.9, p: 0.0833... }
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): RankCorrelation {
  requireFinite(a, "a rank correlation");
  requireFinite(b, "a rank correlation");
  const n = a.length;
  if (n !== b.length || n < 3 || n > 0xffff) {
    throw new RangeError(
      `a rank correlation: found ${n} and ${b.length} values, required as many of both, from 3 to 65535`,
    );
  }
  const found = jStat.spearmancoeff(a, b);
  // Of a constant list there is no rank correlation.
  if (!Number.isFinite(found)) return { rho: 0, p: 1 };
  // Centred, so that the sum of products is the correlation but for a factor that no order changes.
  const [left, right] = [a, b].map((values) =>
    Float64Array.from(jStat.rank(values), (rank) => rank - (n + 1) / 2)
  );
  const far = Math.abs(productSum(left!, right!, Uint16Array.from(left!.keys()), 0)) - ROUNDING;
  const orders = ordersOf(n);
  let hits = 0;
  for (let row = 0; row < orders.length; row += n) {
    if (Math.abs(productSum(left!, right!, orders, row)) >= far) hits++;
  }
  const rho = Math.min(1, Math.max(-1, found));
  return { rho, p: n <= MOST_COUNTED ? hits * n / orders.length : (hits + 1) / (orders.length / n + 1) };
}

/** The sum of products of `left` with `right` in an order: of `n` places, from `row` on. */
function productSum(left: Float64Array, right: Float64Array, orders: Uint16Array, row: number): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += left[at]! * right[orders[row + at]!]!;
  return sum;
}

/** The least p that `rankCorrelation` can give for so many pairs without ties. */
export function leastRankP(n: number): number {
  const count = ordersOf(n).length / n;
  return n <= MOST_COUNTED ? 2 / count : 1 / (count + 1);
}

const ORDERS = new Map<number, Uint16Array>();

/** Orders of `n` things, one after another: all, or some at random. The last length that was asked for is kept: trends of a series have one. */
function ordersOf(n: number): Uint16Array {
  const kept = ORDERS.get(n);
  if (kept !== undefined) return kept;
  const orders = n <= MOST_COUNTED ? allOrders(n) : drawnOrders(n);
  ORDERS.clear();
  ORDERS.set(n, orders);
  return orders;
}

function allOrders(n: number): Uint16Array {
  const orders: number[] = [];
  forEachPermutation(n, (order) => orders.push(...order));
  return Uint16Array.from(orders);
}

function drawnOrders(n: number): Uint16Array {
  const source = random(0, `orders of ${n}`);
  const orders = new Uint16Array(n * Math.min(DRAWS, Math.floor(MOST_DRAWN / n)));
  for (let row = 0; row < orders.length; row += n) {
    for (let at = 0; at < n; at++) orders[row + at] = at;
    shuffle(orders, row, row + n, source);
  }
  return orders;
}

function requireFinite(values: readonly number[], what: string): void {
  if (values.length === 0) throw new RangeError(`${what}: found no value, required at least one`);
  const other = values.find((value) => !Number.isFinite(value));
  if (other !== undefined) throw new RangeError(`${what}: found ${other}, required finite values`);
}
