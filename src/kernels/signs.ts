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
    const u = left.data.subarray(j * left.cols, (j + 1) * left.cols);
    let largest = 0;
    for (let at = 0; at < u.length; at++) {
      const value = u[at]!;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    if (largest >= 0) continue;
    negate(u);
    negate(right.data.subarray(j * right.cols, (j + 1) * right.cols));
  }
}

function negate(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = -values[i]!;
}
