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

/** The same numbers in memory of their own. */
export const copyOf = (a: Matrix): Matrix => matrix(a.rows, a.cols, a.data.slice());
