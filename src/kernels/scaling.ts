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
  const largest = largestMagnitude(a);
  if (largest === 0) return 1;
  // Within the normal range of exponents, also for its reciprocal.
  return 2 ** Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(largest))));
}

/** Zero times anything finite is 0, so the sums tell in passing whether all is finite; which is not is looked for only then. */
function largestMagnitude({ data, cols }: Matrix): number {
  const { length } = data;
  let largest = 0, other = 0, check = 0, otherCheck = 0;
  let at = 0;
  for (; at + 1 < length; at += 2) {
    const x = data[at]!;
    const y = data[at + 1]!;
    largest = Math.max(largest, Math.abs(x));
    other = Math.max(other, Math.abs(y));
    check += 0 * x;
    otherCheck += 0 * y;
  }
  if (at < length) {
    largest = Math.max(largest, Math.abs(data[at]!));
    check += 0 * data[at]!;
  }
  if (check + otherCheck !== 0) {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    const place = `row ${Math.floor(bad / cols)}, column ${bad % cols}`;
    throw new RangeError(`svd, ${place}: found ${data[bad]}, required a finite number`);
  }
  return Math.max(largest, other);
}
