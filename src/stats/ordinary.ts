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

function requireFinite(values: readonly number[], what: string): void {
  if (values.length === 0) throw new RangeError(`${what}: found no value, required at least one`);
  const other = values.find((value) => !Number.isFinite(value));
  if (other !== undefined) throw new RangeError(`${what}: found ${other}, required finite values`);
}
