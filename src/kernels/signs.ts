/** The sign convention of singular vectors, shared by every kernel. */

import type { Matrix } from "../model/tensor.ts";

/**
 * Turns each pair of singular vectors so that the largest-magnitude entry of `u_j` is positive, the first one on a tie.
 * Works in place.
 *
 * @param left `r x rows`, row `j` is `u_j`
 * @param right `r x cols`, row `j` is `v_j`
 */
export function fixSigns(left: Matrix, right: Matrix): void {
  for (let j = 0; j < left.rows; j++) {
    if (largest(left.data, j * left.cols, (j + 1) * left.cols) >= 0) continue;
    negate(left.data, j * left.cols, (j + 1) * left.cols);
    negate(right.data, j * right.cols, (j + 1) * right.cols);
  }
}

/** The value of largest magnitude, with its sign. */
function largest(values: Float64Array, from: number, to: number): number {
  let found = 0;
  for (let at = from; at < to; at++) {
    const value = values[at]!;
    if (Math.abs(value) > Math.abs(found)) found = value;
  }
  return found;
}

function negate(values: Float64Array, from: number, to: number): void {
  for (let at = from; at < to; at++) values[at] = -values[at]!;
}
