/** Least squares with a penalty, of few equations in many unknowns. */

import { dot } from "../../../stats/assignment-moments.ts";

/** More equations than these are looked at in part: every how many-th. */
const MOST_EQUATIONS = 256;

/**
 * `u` with `A u = y`, beyond a level that all of `u` have in common: `A' (A A' + penalty * mean of its diagonal)^-1 y`.
 *
 * @param rows `A`, `y.length x unknowns`, row-major
 * @returns null where there is nothing to solve
 */
export function ridge(
  rows: Float64Array,
  y: Float64Array,
  unknowns: number,
  penalty: number,
): Float64Array | null {
  const step = Math.ceil(y.length / MOST_EQUATIONS);
  const used = Array.from({ length: Math.floor((y.length + step - 1) / step) }, (_, i) => i * step);
  const m = used.length;
  const A = used.map((row) => rows.subarray(row * unknowns, (row + 1) * unknowns));
  const one = A.map((row) => row.reduce((sum, value) => sum + value, 0));
  const square = one.reduce((sum, value) => sum + value * value, 0);
  const level = used.reduce((sum, row, i) => sum + y[row]! * one[i]!, 0) / Math.max(square, 1e-300);
  const target = Float64Array.from(used, (row, i) => y[row]! - level * one[i]!);
  const gram = new Float64Array(m * m);
  let trace = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) gram[i * m + j] = dot(A[i]!, A[j]!);
    trace += gram[i * m + i]!;
  }
  if (!(trace > 0 && trace < Infinity)) return null;
  for (let i = 0; i < m; i++) gram[i * m + i]! += penalty * trace / m;
  const solved = solvedBy(gram, target, m);
  const u = new Float64Array(unknowns);
  A.forEach((row, i) => {
    for (let c = 0; c < unknowns; c++) u[c]! += row[c]! * solved[i]!;
  });
  return u;
}

/** Solves by Cholesky's factors. @param gram positive definite, its lower triangle; overwritten */
function solvedBy(gram: Float64Array, target: Float64Array, m: number): Float64Array {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[i * m + j]!;
      for (let k = 0; k < j; k++) sum -= gram[i * m + k]! * gram[j * m + k]!;
      gram[i * m + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / gram[j * m + j]!;
    }
  }
  const x = target.slice();
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < i; k++) x[i]! -= gram[i * m + k]! * x[k]!;
    x[i]! /= gram[i * m + i]!;
  }
  for (let i = m - 1; i >= 0; i--) {
    for (let k = i + 1; k < m; k++) x[i]! -= gram[k * m + i]! * x[k]!;
    x[i]! /= gram[i * m + i]!;
  }
  return x;
}
