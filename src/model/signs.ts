/** The sign convention of singular vectors, shared by every kernel. */

import type { Matrix } from "./tensor.ts";

type Numbers = Float64Array | Float32Array;

/**
 * Entries whose magnitudes differ by no more than this share are a tie: equal channels have equal entries up to rounding, and rounding must not
 * decide upon a sign.
 */
const TIE = 2 ** -30;

/**
 * Turns each pair of singular vectors so that the largest-magnitude entry of `u_j` is positive, the first one on a tie
 * (up to rounding). Works in place.
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

/** The first of the values of largest magnitude, with its sign. */
function largest(values: Float64Array, from: number, to: number): number {
  let most = 0;
  for (let at = from; at < to; at++) most = Math.max(most, Math.abs(values[at]!));
  let at = from;
  while (Math.abs(values[at]!) < most * (1 - TIE)) at++;
  return values[at]!;
}

function negate(values: Numbers, from: number, to: number): void {
  for (let at = from; at < to; at++) values[at] = -values[at]!;
}

/**
 * Turns the sign of each row whose inner product with the same row of `wanted` is negative: a factorization leaves signs open.
 *
 * @param data of rows of `cols` numbers each
 */
export function alignRows(data: Numbers, wanted: Numbers, cols: number): void {
  for (let from = 0; from < data.length; from += cols) {
    let inner = 0;
    for (let at = from; at < from + cols; at++) inner += data[at]! * wanted[at]!;
    if (inner < 0) negate(data, from, from + cols);
  }
}
