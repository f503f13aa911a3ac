/**
 * The thin SVD with fewer operations than LAPACK's `gesdd`: through the Gram matrix where that is as accurate, which is
 * checked, and by `gesdd` where it is not.
 *
 * With `M M' = U diag(s^2) U'` the rows of `R = U' M` are `s_j v_j'`. `U` is orthonormal to rounding whatever happens; what
 * squaring costs is the orthogonality of the `v_j`: `eps s_1^2 / (s_i s_j)` for each pair. So rows above a share `FLOOR` of
 * `s_1` are taken as they are, and the few below it are decomposed again by `gesdd`, orthogonal to the others. At the end
 * random vectors probe that all rows are orthonormal; if they are not, or if most of the spectrum is small, `gesdd` of the
 * whole matrix it is.
 */

import type { Svd } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { allocateDense, type Dense, type Lapack, type Numbers, rowsOf } from "./lapack.ts";
import { normals, transpose } from "./numbers.ts";
import { powerOfTwoScale } from "./scaling.ts";
import { isTall, tallSvd, tallSvdBytes } from "./tall-svd.ts";
import { alignRows, fixSigns } from "../model/signs.ts";

/** Singular values up to this share of the largest are found again by `gesdd`: above it, squaring costs a factor of 17 at most. */
const FLOOR = 0.03;

/** Below this order the Gram matrix saves nothing. */
const SMALL = 24;

/** Random vectors that probe orthonormality: each misses a defect of Frobenius norm `d` by a factor 10 once in twelve times. */
const PROBES = 8;

const EPS = 2 ** -52;

/** Bytes that `thinSvd` needs in the memory of a `Lapack`. */
export function thinSvdBytes(rows: number, cols: number, precision: "f64" | "f32" = "f64"): number {
  const r = Math.min(rows, cols);
  if (precision === "f64" && isTall(rows, cols)) return tallSvdBytes(rows, cols);
  // The matrix and its products with the short vectors; for gesdd two squares more than for the Gram matrix.
  return (precision === "f64" ? 8 : 4) * (3 * rows * cols + 9 * r * r + 64 * (rows + cols)) + 2 ** 20;
}

/**
 * The thin SVD of a matrix, signs as `Svd` says.
 *
 * @throws {RangeError} when an entry is not finite, or the matrix does not fit into the memory
 */
export function thinSvd(lapack: Lapack, input: Matrix): Svd {
  const need = thinSvdBytes(input.rows, input.cols, lapack.info.precision);
  if (need > lapack.mostBytes) {
    throw new RangeError(
      `svd: found a ${input.rows} x ${input.cols} matrix, which takes ${need} bytes, required at most ` +
        `${lapack.mostBytes} that ${lapack.info.name} can address; use ${lapack.instead}`,
    );
  }
  const scale = scaleInPlace(input);
  if (lapack.info.precision === "f64" && isTall(input.rows, input.cols)) {
    const found = tallSvd(lapack, input, scale);
    if (found !== null) return found;
    throw new RangeError(
      `svd: found a ${input.rows} x ${input.cols} matrix whose long vectors do not become orthogonal in blocks, ` +
        `required one of better condition (rank: its leading neurons can be had)`,
    );
  }
  return lapack.scoped(() => {
    const a = hold(lapack, input);
    const found = throughGram(lapack, a) ?? byLapack(lapack, a);
    return store(found, scale, input.data);
  });
}

/** Rows are vectors. The short ones have as many entries as there are of them; `tall` says that they are the right ones. */
export interface Vectors {
  readonly short: Dense;
  readonly long: Dense;
  readonly singularValues: Numbers;
  readonly tall: boolean;
}

/** A matrix as a `Lapack` takes it. */
export function hold(lapack: Lapack, { rows, cols, data }: Matrix): Dense {
  return { block: lapack.hold(data), rows, cols };
}

/** Squares of numbers up to this, and of their reciprocals, can be summed without overflow or loss. */
const HARMLESS = 2 ** 200;

/**
 * Scales a matrix by a power of two, where its squares could overflow or vanish.
 *
 * @returns the factor
 * @throws {RangeError} when an entry is not finite; names it
 */
export function scaleInPlace(input: Matrix): number {
  const scale = powerOfTwoScale(input);
  if (scale < HARMLESS && scale > 1 / HARMLESS) return 1;
  const { data } = input;
  for (let at = 0; at < data.length; at++) data[at]! *= scale;
  return scale;
}

/**
 * The vectors in descending order of their singular values, signs fixed, in memory of their own.
 *
 * @param spare numbers that are not needed any more: the long vectors go there when they fit exactly, as they do when all
 *   triplets are kept. Memory that is there already is much cheaper than new memory, above all to several threads.
 */
export function store(
  { short, long, singularValues, tall }: Vectors,
  scale: number,
  spare: Float64Array,
): Svd {
  const order = Array.from(singularValues, (_, j) => j).sort((i, j) =>
    singularValues[j]! - singularValues[i]! || i - j
  );
  const sorted = ({ block, rows, cols }: Dense, to: Float64Array): Matrix => {
    const from = block.data();
    order.forEach((j, at) => to.set(from.subarray(j * cols, (j + 1) * cols), at * cols));
    return matrix(rows, cols, to);
  };
  const shortOnes = sorted(short, new Float64Array(short.rows * short.cols));
  const size = long.rows * long.cols;
  const longOnes = sorted(long, spare.length === size ? spare : new Float64Array(size));
  const [left, right] = tall ? [longOnes, shortOnes] : [shortOnes, longOnes];
  fixSigns(left, right);
  // LAPACK says -0 of a matrix of zeros with signs; adding 0 makes that 0.
  return { left, singularValues: Float64Array.from(order, (j) => singularValues[j]! / scale + 0), right };
}

function byLapack(lapack: Lapack, a: Dense): Vectors {
  const { left, singularValues, right } = lapack.decompose(a);
  const r = singularValues.length;
  const turned = allocateDense(lapack, r, a.rows);
  transpose(left.block.data(), turned.block.data(), a.rows, r);
  return a.rows > a.cols
    ? { short: right, long: turned, singularValues, tall: true }
    : { short: turned, long: right, singularValues, tall: false };
}

/** @returns null where the result would be less accurate than LAPACK's */
function throughGram(lapack: Lapack, a: Dense): Vectors | null {
  const tall = a.rows > a.cols;
  const r = Math.min(a.rows, a.cols);
  if (r < SMALL || lapack.info.precision !== "f64") return null;
  const short = lapack.gram(a, tall ? "cols" : "rows");
  const squares = lapack.eigen(short);
  const long = allocateDense(lapack, r, Math.max(a.rows, a.cols));
  lapack.multiply(short, a, long, { transposeY: tall });
  const values = rowNorms(long);
  const largest = values[r - 1]!;
  // Ascending, as the eigenvalues are.
  let small = 0;
  while (small < r && !(values[small]! > FLOOR * largest)) small++;
  if (small > r / 2) return null;
  normalize(long, small, values);
  const found = { short, long, singularValues: values, tall };
  if (small > 0) refine(lapack, found, small);
  const tolerance = 10 * EPS * Math.max(a.rows, a.cols);
  if (small > 0 && defect(lapack, long) > tolerance) {
    separate(lapack, rowsOf(long, 0, small), rowsOf(long, small, r - small));
  }
  const agree = squares.every((square, j) =>
    j < small || Math.abs(square - values[j]! ** 2) <= tolerance * largest ** 2
  );
  return agree && defect(lapack, long) <= tolerance && defect(lapack, short) <= tolerance ? found : null;
}

/**
 * Decomposes the first `count` rows of `R` again. They were orthogonal to the other rows up to `eps s_1 / FLOOR`, which is
 * taken from them; the new long vectors are made orthogonal to the others once more, as what is left of a component grows
 * when it is divided by a small singular value.
 */
function refine(lapack: Lapack, { short, long, singularValues }: Vectors, count: number): void {
  const rest = rowsOf(long, count, long.rows - count);
  const rows = rowsOf(long, 0, count);
  project(lapack, rows, rest, allocateDense(lapack, count, rest.rows));
  const { left, singularValues: values, right } = lapack.decompose(rows);
  const turned = allocateDense(lapack, count, count);
  transpose(left.block.data(), turned.block.data(), count, count);
  const before = rowsOf(short, 0, count);
  const after = allocateDense(lapack, count, short.cols);
  lapack.multiply(turned, before, after);
  before.block.data().set(after.block.data());
  singularValues.set(values);
  separate(lapack, right, rest);
  rows.block.data().set(right.block.data());
}

/** Makes orthonormal rows orthogonal to those of `basis` too, the first ones changed least. */
function separate(lapack: Lapack, rows: Dense, basis: Dense): void {
  const wanted = rows.block.data().slice();
  project(lapack, rows, basis, allocateDense(lapack, rows.rows, basis.rows));
  lapack.orthonormalize(rows);
  alignRows(rows.block.data(), wanted, rows.cols);
}

/** Takes from each row its components along the rows of `basis`. */
function project(lapack: Lapack, rows: Dense, basis: Dense, along: Dense): void {
  if (basis.rows === 0) return;
  lapack.multiply(rows, basis, along, { transposeY: true });
  lapack.multiply(along, basis, rows, { subtract: true });
}

/** An estimate of `|V V' - I|` (Frobenius) for rows `V`: the largest of a few `|x V V' - x|`, x standard normal. */
function defect(lapack: Lapack, v: Dense): number {
  const probes = allocateDense(lapack, PROBES, v.rows);
  probes.block.data().set(normals(probes.block.length));
  const there = allocateDense(lapack, PROBES, v.cols);
  lapack.multiply(probes, v, there);
  const expected = probes.block.data().slice();
  lapack.multiply(there, v, probes, { transposeY: true });
  const back = probes.block.data();
  let worst = 0;
  for (let probe = 0; probe < PROBES; probe++) {
    let sum = 0;
    for (let at = probe * v.rows; at < (probe + 1) * v.rows; at++) sum += (back[at]! - expected[at]!) ** 2;
    worst = Math.max(worst, Math.sqrt(sum));
  }
  return worst;
}

function rowNorms({ block, rows, cols }: Dense): Float64Array {
  const data = block.data();
  const norms = new Float64Array(rows);
  for (let row = 0; row < rows; row++) norms[row] = normOf(data, row * cols, (row + 1) * cols);
  return norms;
}

function normOf(data: Numbers, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += data[at]! * data[at]!;
  return Math.sqrt(sum);
}

/** Divides the rows from `first` on by their norms. */
function normalize({ block, rows, cols }: Dense, first: number, norms: Numbers): void {
  const data = block.data();
  for (let row = first; row < rows; row++) multiplyBy(1 / norms[row]!, data, row * cols, (row + 1) * cols);
}

function multiplyBy(factor: number, data: Numbers, from: number, to: number): void {
  for (let at = from; at < to; at++) data[at]! *= factor;
}
