/** The leading singular triplets only, by a randomized method: an explicit option, and an approximation. */

import type { Svd } from "../model/spectrum.ts";
import type { Matrix } from "../model/tensor.ts";
import { allocateDense, type Dense, type Lapack } from "./lapack.ts";
import { normals, transpose } from "./numbers.ts";
import { hold, scaleInPlace, store } from "./thin-svd.ts";

/** Columns sampled beyond the wanted rank, and power iterations: Halko, Martinsson and Tropp recommend 5 to 10 and 1 to 2. */
const OVERSAMPLING = 16;
const POWER_ITERATIONS = 2;

/** Seeded random vectors that estimate the residual. */
const PROBES = 8;

/**
 * About the `rank` leading triplets of `M` (Halko, Martinsson and Tropp, SIAM Review 53:2, 2011, algorithms 4.4 and 5.1): an
 * orthonormal basis `Q` of `(M M')^q M Omega`, then the SVD of `Q' M`.
 *
 * @param rank at least 1, less than both sides
 * @returns `rank` triplets; `residual` estimates `|M - U S V'|` (Frobenius) relative to `|M|`
 */
export function randomizedSvd(lapack: Lapack, input: Matrix, rank: number): Svd {
  const scale = scaleInPlace(input);
  return lapack.scoped(() => {
    const { rows, cols } = input;
    const a = hold(lapack, input);
    const width = Math.min(rank + OVERSAMPLING, rows, cols);
    // Rows of `basis` span the range of M; those of `coBasis` that of M'. Normalized at every step, for accuracy.
    const basis = allocateDense(lapack, width, rows);
    const coBasis = allocateDense(lapack, width, cols);
    coBasis.block.data().set(normals(width * cols));
    lapack.multiply(coBasis, a, basis, { transposeY: true });
    lapack.orthonormalize(basis);
    for (let step = 0; step < POWER_ITERATIONS; step++) {
      lapack.multiply(basis, a, coBasis);
      lapack.orthonormalize(coBasis);
      lapack.multiply(coBasis, a, basis, { transposeY: true });
      lapack.orthonormalize(basis);
    }
    lapack.multiply(basis, a, coBasis);
    const { left, singularValues, right } = lapack.decompose(coBasis);
    // U = Q P, neuron by neuron: the rows of P' Q'.
    const turned = allocateDense(lapack, width, width);
    transpose(left.block.data(), turned.block.data(), width, width);
    const vectors = allocateDense(lapack, width, rows);
    lapack.multiply(turned, basis, vectors);
    const short = leading(vectors, rank);
    const long = leading(right, rank);
    const values = singularValues.slice(0, rank);
    const residual = estimate(lapack, a, { short, long, values });
    return { ...store({ short, long, singularValues: values, tall: false }, scale, input.data), residual };
  });
}

function leading({ block, cols }: Dense, rows: number): Dense {
  return { block: block.part(0, rows * cols), rows, cols };
}

/** `|E|` over `|M|` (Frobenius), `E = M - U S V'`, from `|x E|` and `|x M|` for standard normal rows `x`: `E|x E|^2 = |E|^2`. */
function estimate(
  lapack: Lapack,
  a: Dense,
  { short, long, values }: { short: Dense; long: Dense; values: ArrayLike<number> },
): number {
  const probes = allocateDense(lapack, PROBES, a.rows);
  probes.block.data().set(normals(PROBES * a.rows));
  const image = allocateDense(lapack, PROBES, a.cols);
  lapack.multiply(probes, a, image);
  const whole = squareSum(image);
  const along = allocateDense(lapack, PROBES, short.rows);
  lapack.multiply(probes, short, along, { transposeY: true });
  const data = along.block.data();
  for (let at = 0; at < data.length; at++) data[at]! *= values[at % short.rows]!;
  lapack.multiply(along, long, image, { subtract: true });
  return whole > 0 ? Math.sqrt(squareSum(image) / whole) : 0;
}

function squareSum({ block }: Dense): number {
  let sum = 0;
  for (const value of block.data()) sum += value * value;
  return sum;
}
