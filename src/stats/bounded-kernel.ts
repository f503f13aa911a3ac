/** Kernels in which no pair of channels is out of all proportion to the others. */

import { type Matrix, matrix } from "../model/tensor.ts";

/**
 * Entries count up to so many times their root mean square. A few pairs of channels that are nearly copies would else decide alone, by one
 * coincidence that three moments do not show: measured at p = 1e-5, chance then gives up to 40 times as many.
 */
const MOST_DEVIATIONS = 3;

/** A kernel whose entries off the diagonal are cut at three times their root mean square. @param kernel `n x n`, symmetric; not changed */
export function boundedKernel({ rows: n, data }: Matrix): Matrix {
  let square = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) square += data[i * n + j]! ** 2;
  const most = MOST_DEVIATIONS * Math.sqrt(square / Math.max(1, n * (n - 1) / 2));
  const bounded = matrix(n, n, data.slice());
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (i !== j) bounded.data[i * n + j] = Math.max(-most, Math.min(most, data[i * n + j]!));
    }
  }
  return bounded;
}
