/**
 * The thin SVD of a matrix that is much longer than wide, in blocks of its long side: beside the matrix and its result it takes only squares
 * of the short side.
 *
 * With `Y` the matrix as `r` long rows: `Y Y'` has eigenvectors that make the rows of `Y` orthonormal, up to what squaring costs. The same is
 * done again with what came out, scaled to rows of length one, until the rows are orthonormal to rounding. So `Y = C Q`, and the SVD of the small `C` by `gesdd` is that of the matrix, as accurate as `gesdd` of the
 * whole (Yamamoto and others, ETNA 44, 2015, of CholeskyQR2).
 */

import type { Svd } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { fixSigns } from "../model/signs.ts";
import { allocateDense, type Dense, type Lapack } from "./lapack.ts";
import { normals, transpose } from "./numbers.ts";

/** Below this size memory is no question. */
const LARGE = 2 ** 28;

/** Of less elongated matrices the squares are as large as the matrix. */
const ELONGATED = 3;

/** Entries of the long side at a time: enough for products to be efficient. */
const BLOCK = 1024;

/** Gram matrices: two or three are enough for ordinary matrices, four where singular values vanish. */
const MOST_PASSES = 6;

const EPS = 2 ** -52;

/** Whether a matrix is decomposed in blocks. */
export function isTall(rows: number, cols: number): boolean {
  const [short, long] = [Math.min(rows, cols), Math.max(rows, cols)];
  return long >= ELONGATED * short && 8 * rows * cols >= LARGE;
}

/** Bytes that `tallSvd` needs beside the matrix and its result. */
export function tallSvdBytes(rows: number, cols: number): number {
  const r = Math.min(rows, cols);
  return 8 * (10 * r * r + 2 * r * BLOCK) + 2 ** 20;
}

/**
 * All triplets of a matrix, which is overwritten.
 *
 * @param scale by which its entries were multiplied
 * @returns null where its rows do not become orthonormal; the matrix is lost then
 */
export function tallSvd(lapack: Lapack, input: Matrix, scale: number): Svd | null {
  const rows = new LongRows(lapack, input);
  const { r, length } = rows;
  let factor: Factor = { c: identity(r), turns: 0, values: new Float64Array(r) };
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const gram = rows.gram();
    const zeros = Array.from({ length: r }, (_, i) => i).filter((i) => !(gram[i * r + i]! > 0));
    if (zeros.length > 0) {
      // A row of zeros takes part in nothing: a random one stands in its place.
      for (const zero of zeros) {
        rows.put(zero, normals(length));
        for (let row = 0; row < r; row++) factor.c[row * r + zero] = 0;
      }
      factor = { ...factor, turns: factor.turns + 1 };
      continue;
    }
    if (defect(gram, r) <= 10 * EPS * length) return assembled(lapack, rows, factor, scale);
    factor = orthonormalize(lapack, rows, gram, factor);
  }
  return null;
}

/** What was divided out of the rows: `Y = C Q`. */
interface Factor {
  /** `r x r`, row-major. */
  readonly c: Float64Array;
  /** How often it was; replacing rows of zeros counts too, for then `values` has the energy of the random rows. */
  readonly turns: number;
  /** Where `turns` is 1: lengths of the columns of `C`, which are orthogonal, descending. */
  readonly values: Float64Array;
}

/** Makes the rows orthonormal, up to what squaring costs. @returns the new factor */
function orthonormalize(lapack: Lapack, rows: LongRows, gram: Float64Array, { c, turns }: Factor): Factor {
  const { r } = rows;
  // Not scaled at first: where that suffices, the eigenvectors are the short vectors.
  const norms = Float64Array.from({ length: r }, (_, i) => turns === 0 ? 1 : Math.sqrt(gram[i * r + i]!));
  return lapack.scoped(() => {
    const vectors = allocateDense(lapack, r, r);
    const scaled = vectors.block.data();
    for (let at = 0; at < scaled.length; at++) {
      scaled[at] = gram[at]! / (norms[Math.floor(at / r)]! * norms[at % r]!);
    }
    const values = lapack.eigen(vectors);
    const least = r * EPS * values[r - 1]!;
    const roots = Float64Array.from(values, (value) => Math.sqrt(Math.max(value, least)));
    // W = L^-1/2 E D^-1, and the transpose of its inverse; eigenvalues ascend, rows of W are to go down.
    const [turn, inverse] = [allocateDense(lapack, r, r), allocateDense(lapack, r, r)];
    const [e, w, back] = [vectors, turn, inverse].map(({ block }) => block.data()) as [
      ArrayLike<number>,
      Float64Array,
      Float64Array,
    ];
    for (let at = 0; at < w.length; at++) {
      const [row, col] = [r - 1 - Math.floor(at / r), at % r];
      const [root, norm, entry] = [roots[row]!, norms[col]!, e[row * r + col]!];
      w[at] = entry / (root * norm);
      back[at] = entry * root * norm;
    }
    rows.turn(turn);
    const [before, after] = [allocateDense(lapack, r, r), allocateDense(lapack, r, r)];
    before.block.data().set(c);
    lapack.multiply(before, inverse, after, { transposeY: true });
    return { c: Float64Array.from(after.block.data()), turns: turns + 1, values: roots.toReversed() };
  });
}

/** `Y = C Q`, `C = P S R'`: the long vectors are `R' Q`. After one turn `R` is the identity. */
function assembled(lapack: Lapack, rows: LongRows, { c, turns, values }: Factor, scale: number): Svd {
  const { r } = rows;
  const short = matrix(r, r);
  const singularValues = turns === 1 ? values : lapack.scoped(() => {
    const held = allocateDense(lapack, r, r);
    held.block.data().set(c);
    const found = lapack.decompose(held);
    transpose(found.left.block.data(), short.data, r, r);
    const own = Float64Array.from(found.singularValues);
    rows.turn(found.right);
    return own;
  });
  if (turns === 1) {
    transpose(c, short.data, r, r);
    for (let at = 0; at < short.data.length; at++) short.data[at]! /= values[Math.floor(at / r)]!;
  }
  const long = rows.asMatrix();
  const [u, v] = rows.isTall ? [long, short] : [short, long];
  fixSigns(u, v);
  return { left: u, singularValues: singularValues.map((value) => value / scale + 0), right: v };
}

/** A matrix as `r` long rows, a block of columns at a time; it stays in its own memory. */
class LongRows {
  readonly r: number;
  readonly length: number;
  /** Whether the long rows are columns of the matrix. */
  readonly isTall: boolean;
  readonly #data: Float64Array;
  readonly #lapack: Lapack;

  constructor(lapack: Lapack, { rows, cols, data }: Matrix) {
    this.isTall = rows > cols;
    [this.length, this.r] = this.isTall ? [rows, cols] : [cols, rows];
    this.#data = data;
    this.#lapack = lapack;
  }

  /** `Y Y'`, both triangles. */
  gram(): Float64Array {
    return this.#lapack.scoped(() => {
      const sum = allocateDense(this.#lapack, this.r, this.r);
      sum.block.data().fill(0);
      this.#blocks((block) => this.#lapack.multiply(block, block, sum, { transposeY: true, subtract: true }));
      return Float64Array.from(sum.block.data(), (value) => -value);
    });
  }

  /** `Y = W Y`; within a scope. */
  turn(w: Dense): void {
    const whole = this.#lapack.allocate(this.r * BLOCK);
    this.#blocks((block, first) => {
      const out = { block: whole.part(0, block.rows * block.cols), rows: block.rows, cols: block.cols };
      this.#lapack.multiply(w, block, out);
      this.#store(out, first);
    });
  }

  /** Replaces a row. */
  put(row: number, values: Float64Array): void {
    if (!this.isTall) this.#data.set(values, row * this.length);
    else values.forEach((value, at) => this.#data[at * this.r + row] = value);
  }

  /** The rows, in the memory of the matrix where they lie there as they should. */
  asMatrix(): Matrix {
    if (!this.isTall) return matrix(this.r, this.length, this.#data);
    const out = matrix(this.r, this.length);
    transpose(this.#data, out.data, this.length, this.r);
    return out;
  }

  #blocks(work: (block: Dense, first: number) => void): void {
    const whole = this.#lapack.allocate(this.r * BLOCK);
    for (let first = 0; first < this.length; first += BLOCK) {
      const cols = Math.min(BLOCK, this.length - first);
      const block = { block: whole.part(0, this.r * cols), rows: this.r, cols };
      const to = block.block.data();
      if (this.isTall) {
        transpose(this.#data.subarray(first * this.r, (first + cols) * this.r), to, cols, this.r);
      } else {
        for (let row = 0; row < this.r; row++) {
          const from = row * this.length + first;
          to.set(this.#data.subarray(from, from + cols), row * cols);
        }
      }
      work(block, first);
    }
  }

  #store({ block, rows, cols }: Dense, first: number): void {
    const from = block.data();
    if (this.isTall) {
      transpose(from, this.#data.subarray(first * this.r, (first + cols) * this.r), rows, cols);
    } else {
      for (let row = 0; row < rows; row++) {
        this.#data.set(from.subarray(row * cols, (row + 1) * cols), row * this.length + first);
      }
    }
  }
}

function identity(order: number): Float64Array {
  return Float64Array.from({ length: order * order }, (_, at) => at % (order + 1) === 0 ? 1 : 0);
}

/** `|G - I|` (Frobenius). */
function defect(gram: Float64Array, order: number): number {
  let sum = 0;
  gram.forEach((value, at) => sum += (value - (at % (order + 1) === 0 ? 1 : 0)) ** 2);
  return Math.sqrt(sum);
}
