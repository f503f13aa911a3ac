/** Random orthonormal rows, by code that shares nothing with the kernels. */

import type { Random } from "../../src/model/random.ts";

/**
 * A Haar frame: orthonormal rows, uniformly distributed; a rotation (or reflection) where it is square. `Q` of `A = L Q`, `A` Gaussian
 * and the diagonal of `L` positive (Mezzadri 2007), by Householder's reflections.
 *
 * @returns `rows x cols`, row-major
 * @throws {RangeError} when there are more rows than columns
 */
export function haarFrame(rows: number, cols: number, random: Random): Float64Array {
  if (rows > cols) throw new RangeError(`a frame: found ${rows} rows, required at most ${cols}`);
  const a = new Float64Array(rows * cols);
  random.normals(a);
  const signs = new Float64Array(rows);
  for (let k = 0; k < rows; k++) {
    // From here on the row holds the vector of its reflection, of length sqrt(2).
    const v = a.subarray(k * cols + k, (k + 1) * cols);
    const norm = Math.sqrt(dot(v, v));
    signs[k] = v[0]! > 0 ? -1 : 1;
    v[0]! -= signs[k]! * norm;
    scale(v, Math.SQRT2 / Math.sqrt(dot(v, v)));
    for (let i = k + 1; i < rows; i++) reflect(a.subarray(i * cols + k, (i + 1) * cols), v);
  }
  const q = new Float64Array(rows * cols);
  for (let k = rows - 1; k >= 0; k--) {
    const v = a.subarray(k * cols + k, (k + 1) * cols);
    q[k * cols + k] = 1;
    for (let i = k; i < rows; i++) reflect(q.subarray(i * cols + k, (i + 1) * cols), v);
  }
  for (let k = 0; k < rows; k++) scale(q.subarray(k * cols, (k + 1) * cols), signs[k]!);
  return q;
}

function dot(x: Float64Array, y: Float64Array): number {
  let [a, b, c, d, i] = [0, 0, 0, 0, 0];
  for (; i + 3 < x.length; i += 4) {
    a += x[i]! * y[i]!;
    b += x[i + 1]! * y[i + 1]!;
    c += x[i + 2]! * y[i + 2]!;
    d += x[i + 3]! * y[i + 3]!;
  }
  for (; i < x.length; i++) a += x[i]! * y[i]!;
  return a + b + (c + d);
}

function scale(x: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factor;
}

/** `x <- x (I - v v')`, a reflection where `v'v = 2`. */
function reflect(x: Float64Array, v: Float64Array): void {
  const along = dot(x, v);
  for (let i = 0; i < x.length; i++) x[i]! -= along * v[i]!;
}
