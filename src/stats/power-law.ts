/**
 * A power law in the tail of a sample, `p(x) ~ x^-alpha` for `x >= xmin`: by maximum likelihood, its beginning chosen by the distance of
 * Kolmogorov and Smirnov (Clauset, Shalizi and Newman 2009). As WeightWatcher 0.7.7 has it.
 */

/** Below so many values the exponent is corrected for its bias, and short tails are not looked at. */
const SMALL = 20;

/** The shortest tail of a small sample. */
const SHORTEST_TAIL = 8;

/** Every so many beginnings are looked at first, and the distance at `2^PROBES` places of each tail. */
const STRIDE = 16;
const PROBES = 4;

/** Values below which there is nothing to fit. */
export const FEWEST_VALUES = SHORTEST_TAIL;

/** A fitted tail. */
export interface PowerLaw {
  /** Above 1. */
  readonly alpha: number;
  /** The smallest value of the tail, one of the sample. */
  readonly xmin: number;
  /** The largest distance between the tail's distribution and the fitted one, at the tail's values from below; in [0, 1]. */
  readonly distance: number;
  /** Standard error of `alpha`: `(alpha - 1) / sqrt(tail)`. */
  readonly sigma: number;
  /** Values of the sample from `xmin` on. */
  readonly tail: number;
}

/**
 * Fits a power law to the tail of a sample.
 *
 * For each beginning `x_i` but the last, with `n` values from there on: `alpha = 1 + n / sum ln(x_j / x_i)` and
 * `D = max_j |1 - (x_j / x_i)^(1 - alpha) - j/n|`, `j` from 0. The beginning of least `D` is taken. A sample of fewer than 20 has
 * `alpha = 1 + (n - 1) / sum ln(x_j / x_i)` and tails of 8 or more.
 *
 * @param values above 0, ascending
 * @returns null of fewer than 8 values, and where all are equal
 * @example
 * fitPowerLaw(Float64Array.from({ length: 100 }, (_, i) => (1 - (i + 0.5) / 100) ** -0.5))?.alpha; // about 3
 */
export function fitPowerLaw(values: Float64Array): PowerLaw | null {
  const count = values.length;
  if (count < FEWEST_VALUES) return null;
  const small = count < SMALL;
  const logs = values.map(Math.log);
  const alphas = new Float64Array(count);
  let sum = logs[count - 1]!;
  for (let at = count - 2; at >= 0; at--) {
    sum += logs[at]!;
    const tail = count - at;
    const spread = sum - tail * logs[at]!;
    if (small && tail < SHORTEST_TAIL || !(spread > 1e-12)) continue;
    alphas[at] = 1 + (small ? tail - 1 : tail) / spread;
  }
  let best: { readonly alpha: number; readonly distance: number; readonly at: number } | null = null;
  // Some of all beginnings first: they bound what the others must come up to.
  for (let first = STRIDE - 1; first >= 0; first--) {
    for (let at = first; at < count - 1; at += STRIDE) {
      const alpha = alphas[at]!;
      if (alpha === 0) continue;
      const enough: number = best?.distance ?? Infinity;
      const distance = distanceOf(logs, at, alpha, enough);
      // Of equally good beginnings the first is taken.
      if (distance < enough || distance === enough && at < best!.at) best = { at, alpha, distance };
    }
  }
  if (best === null) return null;
  const xmin = values[best.at]!;
  let first = best.at;
  while (first > 0 && values[first - 1] === xmin) first--;
  const sigma = (best.alpha - 1) / Math.sqrt(count - best.at);
  return { alpha: best.alpha, xmin, distance: best.distance, sigma, tail: count - first };
}

/** The distance of a tail from a power law; of one that is above `enough`, only so much of it that this shows. */
function distanceOf(logs: Float64Array, from: number, alpha: number, enough: number): number {
  const tail = logs.length - from;
  const start = logs[from]!;
  let largest = 0;
  // A few places of the tail show most that are too far.
  for (const step of [1 + (tail >> PROBES), 1]) {
    for (let j = 0; j < tail; j += step) {
      const distance = Math.abs(1 - Math.exp((1 - alpha) * (logs[from + j]! - start)) - j / tail);
      if (distance > largest) {
        largest = distance;
        if (largest > enough) return largest;
      }
    }
  }
  return largest;
}
