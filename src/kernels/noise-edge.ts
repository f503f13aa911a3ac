/** How many singular values stand out of noise. */

/**
 * Singular values above the noise edge, from the largest on: those that exceed `sigma (sqrt(m) + sqrt(n))`, the largest singular value of noise
 * (Marchenko and Pastur) of the variance and the size that are left without those before.
 *
 * @param squares of all entries
 */
export function aboveNoise(
  values: ArrayLike<number>,
  squares: number,
  rows: number,
  cols: number,
): number {
  let left = squares;
  let count = 0;
  for (; count < values.length && count < Math.min(rows, cols); count++) {
    const [m, n] = [rows - count, cols - count];
    const edge = Math.sqrt(Math.max(0, left) / (m * n)) * (Math.sqrt(m) + Math.sqrt(n));
    if (!(values[count]! > edge)) break;
    left -= values[count]! ** 2;
  }
  return count;
}
