/** Products of a few vectors with a matrix and its transpose, which may be larger than a kernel can hold. */

import type { Matrix } from "../model/tensor.ts";
import { allocateDense, type Dense, type Lapack } from "./lapack.ts";

/** Rows of a large matrix that are held at a time, where a kernel has memory of its own. */
const LARGE = 2 ** 28;
const HELD_ROWS = 1024;

/** The products that a basis is made of. Rows of `x` have as many entries as the matrix has columns, rows of `y` as it has rows. */
export interface Products {
  readonly rows: number;
  readonly cols: number;
  /** `out = x W'`. */
  along(x: Dense, out: Dense): void;
  /** `out = y W`. */
  back(y: Dense, out: Dense): void;
}

/** Bytes of a kernel's own memory that the matrix takes. */
export function heldBytes(rows: number, cols: number): number {
  return Math.min(8 * rows * cols, Math.max(LARGE, 8 * HELD_ROWS * cols));
}

/** Products with a matrix; a large one is held by blocks of rows, which costs nothing where it is held in place. */
export function productsOf(lapack: Lapack, { rows, cols, data }: Matrix): Products {
  if (8 * rows * cols < LARGE) {
    const a: Dense = { block: lapack.hold(data), rows, cols };
    return {
      rows,
      cols,
      along: (x, out) => lapack.multiply(x, a, out, { transposeY: true }),
      back: (y, out) => lapack.multiply(y, a, out),
    };
  }
  const blocks = (work: (a: Dense, first: number) => void) => {
    for (let first = 0; first < rows; first += HELD_ROWS) {
      const count = Math.min(HELD_ROWS, rows - first);
      lapack.scoped(() => {
        const block = lapack.hold(data.subarray(first * cols, (first + count) * cols));
        work({ block, rows: count, cols }, first);
      });
    }
  };
  return {
    rows,
    cols,
    along: (x, out) =>
      blocks((a, first) => {
        const part = allocateDense(lapack, x.rows, a.rows);
        lapack.multiply(x, a, part, { transposeY: true });
        const [from, to] = [part.block.data(), out.block.data()];
        for (let row = 0; row < x.rows; row++) {
          to.set(from.subarray(row * a.rows, (row + 1) * a.rows), row * rows + first);
        }
      }),
    back: (y, out) => {
      out.block.data().fill(0);
      blocks((a, first) => {
        const part = allocateDense(lapack, y.rows, a.rows);
        const [from, to] = [y.block.data(), part.block.data()];
        for (let row = 0; row < y.rows; row++) {
          to.set(from.subarray(row * rows + first, row * rows + first + a.rows), row * a.rows);
        }
        lapack.multiply(part, a, out, { subtract: true });
      });
      const sums = out.block.data();
      for (let at = 0; at < sums.length; at++) sums[at] = -sums[at]!;
    },
  };
}
