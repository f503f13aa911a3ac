/** Scaling by powers of two, which is exact: squares of what a matrix holds then neither overflow nor vanish. */

import type { Matrix } from "../model/tensor.ts";

/**
 * The power of two that brings the largest entry near 1; 1 for a zero matrix.
 *
 * @throws {RangeError} when an entry is NaN or infinite, or a side is 0; names the row and column
 */
export function powerOfTwoScale(a: Matrix): number {
  if (a.rows < 1 || a.cols < 1) {
    throw new RangeError(`svd: found a ${a.rows} x ${a.cols} matrix, required at least one row and column`);
  }
  let largest = 0;
  for (let at = 0; at < a.data.length; at++) {
    const magnitude = Math.abs(a.data[at]!);
    if (!(magnitude <= Number.MAX_VALUE)) {
      const place = `row ${Math.floor(at / a.cols)}, column ${at % a.cols}`;
      throw new RangeError(`svd, ${place}: found ${a.data[at]}, required a finite number`);
    }
    if (magnitude > largest) largest = magnitude;
  }
  if (largest === 0) return 1;
  // Within the normal range of exponents, also for its reciprocal.
  return 2 ** Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(largest))));
}
