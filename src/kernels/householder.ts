/** The LQ factorization by Householder reflections, row by row so that every inner loop is contiguous. */

import type { Matrix } from "../model/tensor.ts";

/** `sum a[i] b[i]` over two contiguous runs; four partial sums, so that additions need not wait for each other. */
export function dot(a: Float64Array, ao: number, b: Float64Array, bo: number, length: number): number {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += a[ao + i]! * b[bo + i]!;
    s1 += a[ao + i + 1]! * b[bo + i + 1]!;
    s2 += a[ao + i + 2]! * b[bo + i + 2]!;
    s3 += a[ao + i + 3]! * b[bo + i + 3]!;
  }
  for (; i < length; i++) s0 += a[ao + i]! * b[bo + i]!;
  return (s0 + s1) + (s2 + s3);
}

/** `y += alpha x` over two contiguous runs. */
export function addScaled(
  alpha: number,
  x: Float64Array,
  xo: number,
  y: Float64Array,
  yo: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) y[yo + i]! += alpha * x[xo + i]!;
}

/**
 * What is left of a row and is no larger than this, beside a largest entry near 1, is nothing. Squares of such numbers lose digits, and a
 * reflection made of them is not orthogonal. Rows that depend on earlier ones come here, an epsilon with each reflection.
 */
const NOTHING = 1e-150;

/** `A = L Q` of an `m x n` matrix, `m <= n`: the reflections are kept in the rows of `a`, right of the diagonal. */
export interface LqFactors {
  readonly a: Matrix;
  readonly tau: Float64Array;
  /** `m x m`, lower triangular. */
  readonly l: Matrix;
}

/**
 * Factors `A = L Q` in place (Golub & Van Loan, Algorithm 5.2.1, transposed).
 *
 * @param a `m x n`, `m <= n`, scaled so that its largest entry is near 1; overwritten by the reflections
 * @param pause awaited now and then, so that the caller can yield and cancel
 */
export async function factorLq(a: Matrix, pause: () => Promise<void>): Promise<LqFactors> {
  const { rows: m, cols: n, data } = a;
  const tau = new Float64Array(m);
  const l = new Float64Array(m * m);
  for (let k = 0; k < m; k++) {
    const at = k * n + k;
    const length = n - k;
    const alpha = data[at]!;
    const tail = Math.sqrt(dot(data, at + 1, data, at + 1, length - 1));
    const norm = Math.hypot(alpha, tail);
    if (tail > NOTHING) {
      const beta = alpha > 0 ? -norm : norm;
      tau[k] = (beta - alpha) / beta;
      const scale = 1 / (alpha - beta);
      for (let i = 1; i < length; i++) data[at + i]! *= scale;
      l[k * m + k] = beta;
    } else {
      l[k * m + k] = alpha;
    }
    data[at] = 1;
    for (let row = k + 1; row < m; row++) {
      const ro = row * n + k;
      if (tau[k] !== 0) addScaled(-tau[k]! * dot(data, at, data, ro, length), data, at, data, ro, length);
      l[row * m + k] = data[ro]!;
    }
    if (k % 32 === 31) await pause();
  }
  return { a, tau, l: { rows: m, cols: m, data: l } };
}

/**
 * The product `W Q` of an `m x m` matrix with the `m x n` factor `Q`, by applying the reflections from the right.
 *
 * @returns `m x n`; its rows are orthonormal where those of `W` are
 */
export async function applyQ(w: Matrix, factors: LqFactors, pause: () => Promise<void>): Promise<Matrix> {
  const { a: { rows: m, cols: n, data }, tau } = factors;
  const out = new Float64Array(m * n);
  for (let row = 0; row < m; row++) out.set(w.data.subarray(row * m, (row + 1) * m), row * n);
  for (let k = m - 1; k >= 0; k--) {
    if (tau[k] === 0) continue;
    const length = n - k;
    const at = k * n + k;
    for (let row = 0; row < m; row++) {
      const ro = row * n + k;
      addScaled(-tau[k]! * dot(data, at, out, ro, length), data, at, out, ro, length);
    }
    if (k % 32 === 31) await pause();
  }
  return { rows: m, cols: n, data: out };
}
