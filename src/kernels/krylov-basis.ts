/**
 * Bases of a block Golub-Kahan bidiagonalization, with full reorthogonalization and thick restarts (Baglama and Reichel, SIAM Journal on
 * Scientific Computing 27, 2005; Golub, Luk and Overton, ACM TOMS 7, 1981).
 *
 * Rows of `V` and `U` are orthonormal, and `V W' = C U` to rounding, with all coefficients in `C`. So of `C = P S Q'` the vectors
 * `v = p' V` and `u = q' U` have `W v = s u`, and `|W' u - s v|` is the part of `q` along the last block, times what couples it to the next.
 */

import { allocateDense, type Dense, type Lapack, type Numbers, rowsOf } from "./lapack.ts";
import type { Products } from "./matrix-products.ts";
import { normals, squareSum, transpose } from "./numbers.ts";

/** Vectors that are multiplied with the matrix at a time: enough for products to be efficient, few enough to converge fast. */
export const KRYLOV_BLOCK = 32;

/** Rows of which so large a share is independent of the rows before, of the longest one's length. */
const INDEPENDENT = 0.05;

/** Rows that keep less than this share of their length lay in the space that was taken from them. */
const LOST = 0.5;

/** Times that rows are made orthogonal to a basis: two are enough, more where a row is replaced. */
const MOST_PASSES = 5;

/** What the bases know of the matrix: its leading triplets as far as they have been found. */
export interface Ritz {
  /** Descending. */
  readonly values: Float64Array;
  /** `|W' u - s v|` of each; that of the other side is rounding. */
  readonly residuals: Float64Array;
}

/** The SVD of `C`; row `j` of `left` is `p_j`, row `j` of `right` is `q_j`. */
interface Triplets {
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly values: Float64Array;
}

/** Both bases. Within one scope of a `Lapack`. */
export class KrylovBasis {
  /** Blocks that have been multiplied, a start included. */
  steps = 0;
  readonly #lapack: Lapack;
  readonly #matrix: Products;
  readonly #most: number;
  readonly #v: Dense;
  readonly #u: Dense;
  readonly #along: Dense;
  readonly #before: Dense;
  readonly #c: Float64Array;
  readonly #coupling: Dense;
  readonly #turn: Dense;
  readonly #turned: Dense;
  /** Rows of `U`, and of `V` without its last block, whose product is still to come. */
  #size = 0;
  #seed = 0;
  #triplets: Triplets | null = null;

  /** @param most rows of a basis, a multiple of the block at least twice as large as it */
  constructor(lapack: Lapack, matrix: Products, most: number) {
    const { rows, cols } = matrix;
    const long = Math.max(rows, cols);
    this.#lapack = lapack;
    this.#matrix = matrix;
    this.#most = most;
    this.#v = allocateDense(lapack, most + KRYLOV_BLOCK, cols);
    this.#u = allocateDense(lapack, most, rows);
    this.#along = allocateDense(lapack, KRYLOV_BLOCK, most + KRYLOV_BLOCK);
    this.#before = allocateDense(lapack, KRYLOV_BLOCK, long);
    this.#coupling = allocateDense(lapack, KRYLOV_BLOCK, KRYLOV_BLOCK);
    this.#turn = allocateDense(lapack, most, most);
    this.#turned = allocateDense(lapack, most, long);
    this.#c = new Float64Array(most * most);
    this.probe();
  }

  /** Bytes that the bases of a matrix take. */
  static bytes(rows: number, cols: number, most: number): number {
    const long = Math.max(rows, cols);
    const vectors = (most + KRYLOV_BLOCK) * (rows + cols) + (most + KRYLOV_BLOCK) * long;
    // The decomposition of `C` has its three factors and a workspace of four squares.
    return 8 * (vectors + 10 * most * most + 4 * KRYLOV_BLOCK * most);
  }

  /** Rows of the bases. */
  get size(): number {
    return this.#size;
  }

  /** Puts random vectors in the place of the next block. */
  probe(): void {
    const next = rowsOf(this.#v, this.#size, KRYLOV_BLOCK);
    next.block.data().set(normals(KRYLOV_BLOCK * next.cols, ++this.#seed));
    this.#separate(next, this.#rows(this.#v, this.#size));
    this.#coupling.block.data().fill(0);
  }

  /** Multiplies blocks until the bases are full, or so many. */
  extend(steps = Infinity): void {
    for (let step = 0; step < steps && this.#size + KRYLOV_BLOCK <= this.#most; step++) this.#step();
  }

  /** The triplets that the bases know. */
  ritz(): Ritz {
    const d = this.#size;
    return this.#lapack.scoped(() => {
      const c = allocateDense(this.#lapack, d, d);
      const data = c.block.data();
      for (let row = 0; row < d; row++) {
        data.set(this.#c.subarray(row * this.#most, row * this.#most + d), row * d);
      }
      const { left, singularValues, right } = this.#lapack.decompose(c);
      const [p, q] = [new Float64Array(d * d), Float64Array.from(right.block.data())];
      transpose(left.block.data(), p, d, d);
      const values = Float64Array.from(singularValues);
      this.#triplets = { left: p, right: q, values };
      return { values, residuals: this.#residuals(q, this.#coupling.block.data(), d) };
    });
  }

  /** Keeps the first triplets of the last `ritz` only; the next block stays, and what couples it to them comes with its product. */
  restart(kept: number): void {
    const { left, right, values } = this.#triplets!;
    const d = this.#size;
    this.#triplets = null;
    const next = rowsOf(this.#v, d, KRYLOV_BLOCK).block.data().slice();
    this.#rotate(this.#v, left, kept, d);
    this.#rotate(this.#u, right, kept, d);
    this.#v.block.data().set(next, kept * this.#v.cols);
    this.#c.fill(0);
    for (let j = 0; j < kept; j++) this.#c[j * this.#most + j] = values[j]!;
    this.#size = kept;
  }

  /** The first rows of both bases. */
  rows(count: number): { readonly left: Dense; readonly right: Dense } {
    return { left: this.#rows(this.#u, count), right: this.#rows(this.#v, count) };
  }

  #rows(of: Dense, count: number): Dense {
    return rowsOf(of, 0, count);
  }

  #step(): void {
    const d = this.#size;
    const [v, u] = [rowsOf(this.#v, d, KRYLOV_BLOCK), rowsOf(this.#u, d, KRYLOV_BLOCK)];
    this.#matrix.along(v, u);
    const h = this.#separate(u, this.#rows(this.#u, d));
    for (let row = 0; row < KRYLOV_BLOCK; row++) {
      const to = (d + row) * this.#most;
      this.#c.set(h.subarray(row * d, (row + 1) * d), to);
      this.#c.set(this.#coupling.block.data().subarray(row * KRYLOV_BLOCK, (row + 1) * KRYLOV_BLOCK), to + d);
    }
    const next = rowsOf(this.#v, d + KRYLOV_BLOCK, KRYLOV_BLOCK);
    this.#matrix.back(u, next);
    this.#separate(next, this.#rows(this.#v, d + KRYLOV_BLOCK));
    this.#size += KRYLOV_BLOCK;
    this.steps++;
  }

  /**
   * Makes rows orthonormal, and orthogonal to those of a basis. `#coupling` becomes what they were in terms of what they are.
   *
   * @returns what they were in terms of the basis
   */
  #separate(rows: Dense, basis: Dense): Numbers {
    const along: Dense = {
      block: this.#along.block.part(0, rows.rows * basis.rows),
      rows: rows.rows,
      cols: basis.rows,
    };
    const before: Dense = { block: this.#before.block.part(0, rows.rows * rows.cols), ...sizeOf(rows) };
    const take = () => {
      if (basis.rows === 0) return;
      this.#lapack.multiply(rows, basis, along, { transposeY: true });
      this.#lapack.multiply(along, basis, rows, { subtract: true });
    };
    take();
    const coefficients = along.block.data().slice();
    // What rounding left, and what the basis lacks in orthogonality, would grow from block to block.
    take();
    before.block.data().set(rows.block.data());
    this.#lapack.scoped(() => this.#lapack.orthonormalize(rows));
    if (this.#isSafe(before, rows)) return coefficients;
    for (let pass = 1; pass < MOST_PASSES; pass++) {
      take();
      const lost = this.#replaceLost(rows);
      if (lost) take();
      this.#lapack.scoped(() => this.#lapack.orthonormalize(rows));
      if (!lost) break;
    }
    this.#couple(before, rows);
    return coefficients;
  }

  #couple(before: Dense, rows: Dense): void {
    this.#lapack.multiply(before, rows, this.#coupling, { transposeY: true });
  }

  /** Whether rows that were orthogonal to the basis still are: they were so independent of each other that rounding has not grown. */
  #isSafe(before: Dense, rows: Dense): boolean {
    this.#couple(before, rows);
    const data = this.#coupling.block.data();
    const longest = Math.max(...lengths(before));
    for (let row = 0; row < KRYLOV_BLOCK; row++) {
      if (!(Math.abs(data[row * (KRYLOV_BLOCK + 1)]!) > INDEPENDENT * longest)) return false;
    }
    return true;
  }

  /** Random rows in the place of those that lay in the space that was taken from them. @returns whether there were any */
  #replaceLost(rows: Dense): boolean {
    const lost = [...lengths(rows).entries()].filter(([, length]) => !(length >= LOST));
    const data = rows.block.data();
    for (const [row] of lost) data.set(normals(rows.cols, ++this.#seed), row * rows.cols);
    return lost.length > 0;
  }

  #rotate(basis: Dense, by: Float64Array, kept: number, d: number): void {
    const turn: Dense = { block: this.#turn.block.part(0, kept * d), rows: kept, cols: d };
    turn.block.data().set(by.subarray(0, kept * d));
    const out: Dense = {
      block: this.#turned.block.part(0, kept * basis.cols),
      rows: kept,
      cols: basis.cols,
    };
    this.#lapack.multiply(turn, this.#rows(basis, d), out);
    basis.block.data().set(out.block.data());
  }

  /** `|q_last T|` of each row of `q`; `T` couples the last block to the next. */
  #residuals(q: Float64Array, coupling: Numbers, d: number): Float64Array {
    return Float64Array.from({ length: d }, (_, j) => {
      let squares = 0;
      for (let col = 0; col < KRYLOV_BLOCK; col++) {
        let sum = 0;
        for (let row = 0; row < KRYLOV_BLOCK; row++) {
          sum += q[(j + 1) * d - KRYLOV_BLOCK + row]! * coupling[row * KRYLOV_BLOCK + col]!;
        }
        squares += sum * sum;
      }
      return Math.sqrt(squares);
    });
  }
}

function lengths({ block, rows, cols }: Dense): Float64Array {
  const data = block.data();
  return Float64Array.from(
    { length: rows },
    (_, row) => Math.sqrt(squareSum(data.subarray(row * cols, (row + 1) * cols))),
  );
}

function sizeOf({ rows, cols }: Dense): Pick<Dense, "rows" | "cols"> {
  return { rows, cols };
}
