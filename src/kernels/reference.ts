/** The `reference` kernel: plain TypeScript, for tests and for wherever nothing faster runs. */

import { Pace } from "../base/pace.ts";
import type { Svd } from "../model/spectrum.ts";
import { type Matrix, matrix, transposed } from "../model/tensor.ts";
import { addScaled, applyQ, dot, factorLq } from "./householder.ts";
import { orthogonalizeRows } from "./jacobi.ts";
import {
  type CallOptions,
  checkOverlap,
  checkProduct,
  checkRows,
  checkSquare,
  type Kernel,
  type MultiplyOptions,
  type SvdOptions,
} from "./kernel.ts";
import { powerOfTwoScale } from "./scaling.ts";
import { fixSigns } from "../model/signs.ts";

/** Opens the reference kernel. It holds no resources. */
export function openReferenceKernel(): Kernel {
  return {
    info: { name: "reference", version: "1", precision: "f64" },
    concurrency: 1,
    svd,
    multiply,
    overlap,
    orthonormalize,
    eigenvalues: async (input, options) => {
      checkSquare(input);
      return (await svd(input, options)).singularValues.reverse();
    },
    // The reflections, their product, and the rotated square.
    workspace: (rows, cols) => 8 * (2 * rows * cols + 4 * Math.min(rows, cols) ** 2),
    dispose: () => Promise.resolve(),
  };
}

async function svd(input: Matrix, { signal }: SvdOptions = {}): Promise<Svd> {
  const pace = new Pace(signal);
  signal?.throwIfAborted();
  const scale = powerOfTwoScale(input);
  const tall = input.rows > input.cols;
  // Rows are the shorter side from here on; a tall matrix swaps the roles of left and right.
  const a = scaled(tall ? transposed(input) : input, scale);
  const { u, s, v } = await wideSvd(a, () => pace.step());
  const singularValues = s.map((value) => value / scale);
  const result = tall ? { left: v, singularValues, right: u } : { left: u, singularValues, right: v };
  fixSigns(result.left, result.right);
  return result;
}

/** The SVD of an `m x n` matrix with `m <= n`: `A = L Q`, `J L = S W`, so `A = J' S (W Q)`. */
async function wideSvd(a: Matrix, pause: () => Promise<void>) {
  const m = a.rows;
  const factors = a.cols > m ? await factorLq(a, pause) : null;
  const square = factors?.l ?? a;
  const j = matrix(m, m);
  for (let i = 0; i < m; i++) j.data[i * m + i] = 1;
  await orthogonalizeRows(square, j, pause);
  const norms = rowNorms(square);
  // Thousands of rotations stretch a row of J and the same row of L alike, by rounding of sines and cosines.
  const stretch = rowNorms(j);
  const values = norms.map((norm, row) => norm / stretch[row]!);
  const order = values.map((_, row) => row).sort((p, q) => values[q]! - values[p]!);
  const w = matrix(m, m);
  const u = matrix(m, m);
  const s = new Float64Array(m);
  order.forEach((from, to) => {
    const norm = norms[from]!;
    s[to] = values[from]!;
    for (let i = 0; i < m; i++) u.data[to * m + i] = j.data[from * m + i]! / stretch[from]!;
    if (norm > 0) {
      const row = w.data.subarray(to * m, (to + 1) * m);
      row.set(square.data.subarray(from * m, (from + 1) * m));
      for (let i = 0; i < m; i++) row[i]! /= norm;
    }
  });
  completeRows(w);
  return { u, s, v: factors === null ? w : await applyQ(w, factors, pause) };
}

function rowNorms(a: Matrix): number[] {
  return Array.from({ length: a.rows }, (_, row) => {
    const at = row * a.cols;
    return Math.sqrt(dot(a.data, at, a.data, at, a.cols));
  });
}

/** Replaces all-zero rows by unit vectors orthogonal to every other row: Gram-Schmidt, twice, of the unit vectors. */
function completeRows(w: Matrix): void {
  const { rows: m, cols: n, data } = w;
  let candidate = 0;
  for (let row = 0; row < m; row++) {
    const at = row * n;
    while (dot(data, at, data, at, n) === 0) {
      const unit = new Float64Array(n);
      unit[candidate++ % n] = 1;
      for (let pass = 0; pass < 2; pass++) {
        for (let other = 0; other < m; other++) {
          addScaled(-dot(data, other * n, unit, 0, n), data, other * n, unit, 0, n);
        }
      }
      const norm = Math.sqrt(dot(unit, 0, unit, 0, n));
      // Of n unit vectors at least one keeps sqrt(1/n) of its length outside a proper subspace.
      if (norm * norm * n < 0.5) continue;
      data.set(unit.map((value) => value / norm), at);
    }
  }
}

function scaled(a: Matrix, scale: number): Matrix {
  return matrix(a.rows, a.cols, a.data.map((value) => value * scale));
}

async function multiply(
  a: Matrix,
  b: Matrix,
  { transposeB = false, signal }: MultiplyOptions = {},
): Promise<Matrix> {
  checkProduct(a, b, transposeB);
  const right = transposeB ? b : transposed(b);
  const pace = new Pace(signal);
  const out = matrix(a.rows, right.rows);
  for (let row = 0; row < a.rows; row += 4) {
    multiplyRows(a, right, out, row, Math.min(row + 4, a.rows));
    if (row % 64 === 60) await pace.step();
  }
  return out;
}

async function overlap(
  tested: Matrix,
  other: Matrix,
  positions: number,
  options: CallOptions = {},
): Promise<Matrix> {
  checkOverlap(tested, other, positions);
  const out = matrix(tested.rows, other.rows);
  const at = matrix(tested.rows, other.cols);
  for (let k = 0; k < positions; k++) {
    for (let i = 0; i < at.data.length; i++) at.data[i] = tested.data[i * positions + k]!;
    const inner = await multiply(at, other, { ...options, transposeB: true });
    for (let i = 0; i < out.data.length; i++) out.data[i]! += inner.data[i]! ** 2;
  }
  return out;
}

/** Gram and Schmidt's method, each row cleared of the earlier ones twice. */
async function orthonormalize(input: Matrix, { signal }: CallOptions = {}): Promise<Matrix> {
  checkRows(input);
  const pace = new Pace(signal);
  const { rows, cols } = input;
  const data = input.data.slice();
  for (let row = 0; row < rows; row++) {
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < row; other++) {
        addScaled(
          -dot(data, other * cols, data, row * cols, cols),
          data,
          other * cols,
          data,
          row * cols,
          cols,
        );
      }
    }
    const norm = Math.sqrt(dot(data, row * cols, data, row * cols, cols));
    for (let at = row * cols; at < (row + 1) * cols; at++) data[at]! /= norm;
    await pace.step();
  }
  return matrix(rows, cols, data);
}

/** Rows `[from, to)` of `A B'`; four rows share each pass over `B`. */
function multiplyRows(a: Matrix, b: Matrix, out: Matrix, from: number, to: number): void {
  const k = a.cols;
  const x = a.data;
  const y = b.data;
  if (to - from < 4) {
    for (let row = from; row < to; row++) {
      for (let col = 0; col < b.rows; col++) out.data[row * b.rows + col] = dot(x, row * k, y, col * k, k);
    }
    return;
  }
  const [r0, r1, r2, r3] = [from * k, (from + 1) * k, (from + 2) * k, (from + 3) * k];
  for (let col = 0; col < b.rows; col++) {
    const c = col * k;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let i = 0; i < k; i++) {
      const value = y[c + i]!;
      s0 += x[r0 + i]! * value;
      s1 += x[r1 + i]! * value;
      s2 += x[r2 + i]! * value;
      s3 += x[r3 + i]! * value;
    }
    const at = from * b.rows + col;
    out.data[at] = s0;
    out.data[at + b.rows] = s1;
    out.data[at + 2 * b.rows] = s2;
    out.data[at + 3 * b.rows] = s3;
  }
}
