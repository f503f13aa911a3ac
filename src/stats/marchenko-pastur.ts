/**
 * The law of Marchenko and Pastur (1967): the eigenvalues of `W W'`, where `W` has many rows and columns of independent entries of one
 * variance.
 */

/** A matrix of noise. */
export interface Noise {
  /** Either side may be the longer. */
  readonly rows: number;
  readonly cols: number;
  /** Of an entry. */
  readonly variance: number;
}

/** The smallest and the largest eigenvalue of a large matrix of noise: `variance (sqrt(rows) -+ sqrt(cols))^2`. */
export function bulkEdges({ rows, cols, variance }: Noise): { readonly min: number; readonly max: number } {
  const [a, b] = [Math.sqrt(rows), Math.sqrt(cols)];
  return { min: variance * (a - b) ** 2, max: variance * (a + b) ** 2 };
}

/**
 * The share of the eigenvalues up to `x`, of those that are not 0 because of the shape. With `x = L v (1 + c + 2 sqrt(c) cos t)`, `L` the longer
 * side and `c <= 1` the ratio of the sides, the integral of the density is elementary.
 *
 * @returns in [0, 1]
 */
export function bulkShare(x: number, { rows, cols, variance }: Noise): number {
  const [short, long] = [Math.min(rows, cols), Math.max(rows, cols)];
  const c = short / long;
  const cosine = (x / (long * variance) - 1 - c) / (2 * Math.sqrt(c));
  if (!(cosine > -1)) return 0;
  if (cosine >= 1) return 1;
  const angle = Math.acos(cosine);
  const root = Math.sqrt(c);
  const arc = Math.atan((1 - root) / (1 + root) * Math.tan(angle / 2));
  const above = ((1 + c) * angle - 2 * root * Math.sin(angle) - 2 * (1 - c) * arc) / (4 * c);
  return Math.min(1, Math.max(0, 1 - 2 / Math.PI * above));
}

/**
 * The density of eigenvalues at `x` between two edges, of those that are not 0 because of the shape. The edges say all of the law: half the
 * distance of their roots is that of the variance times the shorter side.
 *
 * @returns 0 outside the edges
 */
export function bulkDensity(x: number, { min, max }: { readonly min: number; readonly max: number }): number {
  if (x <= min || x >= max) return 0;
  const scale = (Math.sqrt(max) - Math.sqrt(min)) ** 2 / 4;
  return Math.sqrt((max - x) * (x - min)) / (2 * Math.PI * scale * x);
}

/**
 * The distance of Kolmogorov and Smirnov between eigenvalues and the law.
 *
 * @param eigenvalues ascending
 * @returns in [0, 1]; null where there are none
 */
export function bulkDistance(eigenvalues: Float64Array, noise: Noise): number | null {
  const { length } = eigenvalues;
  if (length === 0) return null;
  return eigenvalues.reduce((largest, value, at) => {
    const share = bulkShare(value, noise);
    return Math.max(largest, share - at / length, (at + 1) / length - share);
  }, 0);
}
