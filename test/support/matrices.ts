/** Matrices for tests of decompositions: seeded, with known spectra, made without any kernel. */

import type { Svd } from "../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { gaussian } from "./layer-fixture.ts";

/** Machine epsilon. */
export const EPS = 2 ** -52;

/** Independent standard normals. */
export function normalMatrix(rows: number, cols: number, seed: number): Matrix {
  return matrix(rows, cols, Float64Array.from({ length: rows * cols }, gaussian(seed)));
}

/** The inner product of a row of `a` and a row of `b`. */
export function rowDot(a: Matrix, i: number, b: Matrix, j: number): number {
  let sum = 0;
  for (let k = 0; k < a.cols; k++) sum += a.data[i * a.cols + k]! * b.data[j * b.cols + k]!;
  return sum;
}

/** Orthonormal rows by Gram-Schmidt, three times over. */
export function orthonormalRows(rows: number, cols: number, seed: number): Matrix {
  const q = normalMatrix(rows, cols, seed);
  for (let pass = 0; pass < 3; pass++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < i; j++) {
        const c = rowDot(q, i, q, j);
        for (let k = 0; k < cols; k++) q.data[i * cols + k]! -= c * q.data[j * cols + k]!;
      }
      const norm = Math.sqrt(rowDot(q, i, q, i));
      for (let k = 0; k < cols; k++) q.data[i * cols + k]! /= norm;
    }
  }
  return q;
}

/** `sum s_j u_j v_j'` with seeded orthonormal vectors. */
export function withSpectrum(rows: number, cols: number, s: readonly number[], seed: number): Matrix {
  return reconstruct({
    left: orthonormalRows(s.length, rows, seed),
    singularValues: Float64Array.from(s),
    right: orthonormalRows(s.length, cols, seed + 1),
  });
}

/** The matrix that a decomposition stands for. */
export function reconstruct({ left, singularValues, right }: Svd): Matrix {
  const out = matrix(left.cols, right.cols);
  singularValues.forEach((s, j) => {
    for (let i = 0; i < out.rows; i++) {
      const factor = s * left.data[j * left.cols + i]!;
      for (let k = 0; k < out.cols; k++) {
        out.data[i * out.cols + k]! += factor * right.data[j * right.cols + k]!;
      }
    }
  });
  return out;
}

/**
 * A matrix of any size with known triplets, `H D K'` with a Householder reflection on either side: `u_j = H e_j`, `v_j = K e_j`.
 *
 * @param s descending
 */
export function reflected(rows: number, cols: number, s: readonly number[], seed: number): Matrix {
  const [h, k] = [rows, cols].map((length, at) => {
    const { data } = normalMatrix(1, length, seed + at);
    const norm = Math.hypot(...data);
    return data.map((value) => value / norm);
  }) as [Float64Array, Float64Array];
  // (I - 2 h h') D (I - 2 k k').
  const inner = s.reduce((sum, value, j) => sum + value * h[j]! * k[j]!, 0);
  const at = (values: Float64Array, j: number) => (values[j] ?? 0) * (s[j] ?? 0);
  return matrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, (_, place) => {
      const [i, j] = [Math.floor(place / cols), place % cols];
      return (i === j ? s[i] ?? 0 : 0) - 2 * h[i]! * at(h, j) - 2 * at(k, i) * k[j]! +
        4 * inner * h[i]! * k[j]!;
    }),
  );
}

/** The same numbers in memory of their own. */
export const copyOf = (a: Matrix): Matrix => matrix(a.rows, a.cols, a.data.slice());
