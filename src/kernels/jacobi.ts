/** One-sided Jacobi: the singular value decomposition by plane rotations of rows. Slow, simple and very accurate. */

import type { Matrix } from "../model/tensor.ts";
import { dot } from "./householder.ts";

/**
 * Rows up to this share of the largest are rounding, and are cleared. Where rows span less than their number some can only become orthogonal to
 * the others by vanishing: each sweep leaves an epsilon of them, until their squares are 0 and no inner product is small beside that.
 */
const ROUNDING = 2 ** -52;

/** Sweeps after which convergence is not to be expected any more; ten are typical at size 1000. */
const MOST_SWEEPS = 60;

/** Cosine below which two rows count as orthogonal: an ulp or so, times the root of the length of the sums. */
const tolerance = (length: number) => 1.1e-16 * Math.max(4, Math.sqrt(length));

/**
 * Rotates the rows of `b` until they are orthogonal: `J B` has orthogonal rows (Hestenes 1958; the threshold and the
 * formula for the angle are those of Demmel & Veselic 1992). Works in place. Rows that are rounding of the largest are cleared.
 *
 * @param b `m x n`, scaled so that its largest entry is near 1
 * @param j `m x m`; the rotations are applied to its rows too, so that it holds `J` when it starts as the identity
 * @throws {Error} when it does not converge
 */
export async function orthogonalizeRows(b: Matrix, j: Matrix, pause: () => Promise<void>): Promise<void> {
  const { rows: m, cols: n, data } = b;
  const limit = tolerance(n);
  const squares = new Float64Array(m);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    // Norms are carried along by the rotations and computed afresh each sweep, before rounding can gather in them.
    for (let p = 0; p < m; p++) squares[p] = dot(data, p * n, data, p * n, n);
    clearRounding(b, squares);
    let rotations = 0;
    for (let p = 0; p < m - 1; p++) {
      for (let q = p + 1; q < m; q++) {
        const inner = dot(data, p * n, data, q * n, n);
        const bound = Math.sqrt(squares[p]!) * Math.sqrt(squares[q]!);
        if (!(Math.abs(inner) > limit * bound)) continue;
        rotations++;
        const zeta = (squares[q]! - squares[p]!) / (2 * inner);
        // The larger row goes first, so that rows end up roughly sorted (de Rijk), which speeds convergence.
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, t);
        const sine = cosine * t;
        rotate(data, p * n, q * n, n, cosine, sine);
        rotate(j.data, p * m, q * m, m, cosine, sine);
        squares[p] = Math.max(0, squares[p]! - t * inner);
        squares[q] = squares[q]! + t * inner;
      }
      if (p % 64 === 63) await pause();
    }
    if (rotations === 0) return;
    await pause();
  }
  throw new Error(`Jacobi SVD of a ${m} x ${n} matrix: not converged after ${MOST_SWEEPS} sweeps`);
}

/** Sets rows to zero that are rounding of the largest. @param squares of the rows' norms */
function clearRounding({ rows, cols, data }: Matrix, squares: Float64Array): void {
  const most = ROUNDING ** 2 * squares.reduce((largest, square) => Math.max(largest, square), 0);
  for (let row = 0; row < rows; row++) {
    if (squares[row]! > most) continue;
    squares[row] = 0;
    data.fill(0, row * cols, (row + 1) * cols);
  }
}

function rotate(
  data: Float64Array,
  p: number,
  q: number,
  length: number,
  cosine: number,
  sine: number,
): void {
  for (let i = 0; i < length; i++) {
    const x = data[p + i]!;
    const y = data[q + i]!;
    data[p + i] = cosine * x - sine * y;
    data[q + i] = sine * x + cosine * y;
  }
}
