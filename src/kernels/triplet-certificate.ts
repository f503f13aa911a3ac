/** What is said of leading triplets: their residuals, which of them are known, and what they leave out. */

import { KRYLOV_BLOCK } from "./krylov-basis.ts";
import { allocateDense, type Dense, type Lapack, rowsOf } from "./lapack.ts";
import type { Products } from "./matrix-products.ts";
import { normals, squareSum } from "./numbers.ts";

/** Inner products of vectors that are rounding. */
const ORTHOGONAL = 1e-10;

/** Random vectors that estimate what is left out. */
const PROBES = 8;

/** Leading triplets, the vectors in the rows. */
export interface Vectors {
  readonly left: Dense;
  readonly right: Dense;
  readonly values: Float64Array;
}

/** The larger of `|W v - s u|` and `|W' u - s v|` of each triplet, relative to `s_1`; 0 of a matrix of zeros. */
export function measured(lapack: Lapack, products: Products, { left, right, values }: Vectors): Float64Array {
  const residuals = new Float64Array(values.length);
  const largest = values[0]!;
  if (!(largest > 0)) return residuals;
  const whole = lapack.allocate(KRYLOV_BLOCK * Math.max(products.rows, products.cols));
  const note = (out: Dense, than: Dense, first: number) => {
    const [found, expected] = [out.block.data(), than.block.data()];
    for (let row = 0; row < out.rows; row++) {
      let sum = 0;
      for (let at = row * out.cols; at < (row + 1) * out.cols; at++) {
        sum += (found[at]! - values[first + row]! * expected[at]!) ** 2;
      }
      residuals[first + row] = Math.max(residuals[first + row]!, Math.sqrt(sum) / largest);
    }
  };
  for (let first = 0; first < values.length; first += KRYLOV_BLOCK) {
    const rows = Math.min(KRYLOV_BLOCK, values.length - first);
    const [u, v] = [rowsOf(left, first, rows), rowsOf(right, first, rows)];
    const out = (cols: number): Dense => ({ block: whole.part(0, rows * cols), rows, cols });
    const [along, back] = [out(products.rows), out(products.cols)];
    products.along(v, along);
    note(along, u, first);
    products.back(u, back);
    note(back, v, first);
  }
  return residuals;
}

/** Triplets of which a vector is not orthogonal to the others, or not of length one. */
export function skewed(lapack: Lapack, { left, right }: Vectors): number[] {
  return [left, right].flatMap((side) => skewedRows(lapack, side));
}

function skewedRows(lapack: Lapack, rows: Dense): number[] {
  const gram = allocateDense(lapack, rows.rows, rows.rows);
  lapack.multiply(rows, rows, gram, { transposeY: true });
  const data = gram.block.data();
  return Array.from({ length: rows.rows }, (_, row) => row).filter((row) =>
    data.subarray(row * rows.rows, (row + 1) * rows.rows).some((value, col) =>
      !(Math.abs(value - Number(row === col)) <= ORTHOGONAL)
    )
  );
}

/** `|E|` over `|M|` (Frobenius), `E = M - U S V'`, from `|x E|` and `|x M|` for standard normal rows `x`: `E|x E|^2 = |E|^2`. */
export function leftOut(lapack: Lapack, products: Products, { left, right, values }: Vectors): number {
  const probes = allocateDense(lapack, PROBES, products.rows);
  probes.block.data().set(normals(PROBES * products.rows));
  const image = allocateDense(lapack, PROBES, products.cols);
  products.back(probes, image);
  const all = squareSum(image.block.data());
  const along = allocateDense(lapack, PROBES, values.length);
  lapack.multiply(probes, left, along, { transposeY: true });
  const data = along.block.data();
  for (let at = 0; at < data.length; at++) data[at]! *= values[at % values.length]!;
  lapack.multiply(along, right, image, { subtract: true });
  return all > 0 ? Math.sqrt(squareSum(image.block.data()) / all) : 0;
}
