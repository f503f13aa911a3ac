/**
 * The leading singular triplets only, each with its residual: block Golub-Kahan bidiagonalization until the residuals are small.
 *
 * A residual says that there is a singular value so near, and how far its vectors may be turned (residual over gap). It does not say that no
 * larger one is missing. The start is random, so that a single one is missed with probability zero; of a value that more than a block of neurons
 * share, the rest shows when random vectors are put to what is left over, as is done before anything is called converged.
 */

import { type Svd, toldApart } from "../model/spectrum.ts";
import type { Matrix } from "../model/tensor.ts";
import type { SvdOptions } from "./kernel.ts";
import { KRYLOV_BLOCK, KrylovBasis } from "./krylov-basis.ts";
import type { Dense, Lapack } from "./lapack.ts";
import { heldBytes, type Products, productsOf } from "./matrix-products.ts";
import { aboveNoise } from "./noise-edge.ts";
import { squareSum } from "./numbers.ts";
import { scaleInPlace, store, thinSvd, thinSvdBytes } from "./thin-svd.ts";
import { leftOut, measured, skewed, type Vectors } from "./triplet-certificate.ts";

/** What is wanted: see `SvdOptions`. */
export type Leading = Required<Pick<SvdOptions, "rank" | "noise" | "tolerance">> & Pick<SvdOptions, "gramOf">;

/** Triplets that are kept whatever the noise is. */
const LEAST = 1;

/** Blocks between two restarts, beside the triplets that are kept. */
const CYCLE = 8;

/** Blocks of random vectors' Krylov space that ask what is left over for more. */
const PROBE_STEPS = 5;

/** Vectors that may be multiplied, as a multiple of the shorter side: about the cost of the whole decomposition. */
const MOST_PRODUCTS = 3;

const EPS = 2 ** -52;

/** Rows of the bases for so many triplets. */
function basisOf(rank: number): number {
  return KRYLOV_BLOCK * (Math.ceil(rank / KRYLOV_BLOCK) + 1 + CYCLE);
}

/** Whether all triplets are computed: of a small matrix that is cheaper. */
function isWhole(rows: number, cols: number, rank: number): boolean {
  return 2 * basisOf(rank) > Math.min(rows, cols);
}

/** Bytes that `leadingSvd` needs beside the matrix and its result. */
export function leadingSvdBytes(rows: number, cols: number, rank: number): number {
  // A whole decomposition overwrites the matrix, which is needed once more for the residuals.
  if (isWhole(rows, cols, rank)) return thinSvdBytes(rows, cols) + 16 * rows * cols;
  return heldBytes(rows, cols) + KrylovBasis.bytes(rows, cols, basisOf(rank)) + 8 * rank * (rows + cols) +
    2 ** 20;
}

/**
 * The leading triplets of a matrix, descending, signs as `Svd` says.
 *
 * @param lapack in double precision
 * @param wanted a rank below both sides
 * @throws {RangeError} when an entry is not finite
 */
export function leadingSvd(lapack: Lapack, input: Matrix, wanted: Leading): Svd {
  const scale = scaleInPlace(input);
  const { rows, cols } = input;
  return lapack.scoped(() => {
    const squares = wanted.gramOf === undefined ? squareSum(input.data) : trace(input);
    const { vectors, next, products } = isWhole(rows, cols, wanted.rank)
      ? whole(lapack, input, squares, wanted)
      : iterated(lapack, input, squares, wanted);
    const residuals = measured(lapack, products, vectors);
    const converged = toldApart(vectors.values, residuals, next, Math.max(rows, cols), wanted.tolerance);
    // What is not orthogonal to the others may be one of them again.
    for (const row of skewed(lapack, vectors)) converged[row] = 0;
    const residual = leftOut(lapack, products, vectors);
    const { left: short, right: long, values: singularValues } = vectors;
    const svd = store({ short, long, singularValues, tall: false }, scale, new Float64Array(0));
    return { ...svd, residual, residuals, converged };
  });
}

interface Found {
  readonly vectors: Vectors;
  /** The most that the largest singular value that is not among them can be, as far as it is known. */
  readonly next: number;
  readonly products: Products;
}

function whole(lapack: Lapack, input: Matrix, squares: number, wanted: Leading): Found {
  const { left, right, singularValues } = thinSvd(lapack, { ...input, data: input.data.slice() });
  const count = countOf(singularValues, squares, input, wanted);
  const held = ({ cols, data }: Matrix): Dense => ({
    block: lapack.hold(data.subarray(0, count * cols)),
    rows: count,
    cols,
  });
  const vectors = { left: held(left), right: held(right), values: singularValues.slice(0, count) };
  return { vectors, next: singularValues[count] ?? 0, products: productsOf(lapack, input) };
}

/** Restarts until all wanted triplets have small residuals, and random vectors find no more of them. */
function iterated(lapack: Lapack, input: Matrix, squares: number, wanted: Leading): Found {
  const products = productsOf(lapack, input);
  const basis = new KrylovBasis(lapack, products, basisOf(wanted.rank));
  const most = MOST_PRODUCTS * Math.min(input.rows, input.cols) / KRYLOV_BLOCK;
  basis.extend(basisOf(wanted.noise ? LEAST : wanted.rank) / KRYLOV_BLOCK - CYCLE);
  for (let probed = false, steps = CYCLE;;) {
    basis.extend(steps);
    const { values, residuals } = basis.ritz();
    const count = countOf(values, squares, input, wanted);
    // A fourth, so that what is measured at the end is below the tolerance too.
    const least = wanted.tolerance / 4 * values[0]!;
    const done = residuals.subarray(0, count).every((residual) => residual <= least);
    // The next one is as large as that at most, as far as it is known.
    const next = values[count]! + residuals[count]!;
    const over = basis.steps >= most;
    if (probed && (over || done && isDecided(values, count, next))) {
      basis.restart(count);
      return { vectors: { ...basis.rows(count), values: values.slice(0, count) }, next, products };
    }
    // Random vectors take the place of what couples triplets to the rest: only of those that have converged it is small.
    const asks: boolean = !probed && (done || over);
    basis.restart(asks ? count : count + KRYLOV_BLOCK);
    if (asks) basis.probe();
    probed = asks || probed && done;
    steps = asks ? PROBE_STEPS : CYCLE;
  }
}

/** Whether the last of the triplets is known to be larger than the next one, or equal to it. @param next the most that it can be */
function isDecided(values: Float64Array, count: number, next: number): boolean {
  const last = values[count - 1]!;
  return last > next || last - values[count]! <= EPS * values[0]! * values.length;
}

/** How many triplets are wanted. @param squares of all entries of the matrix whose noise it is */
function countOf(
  values: Float64Array,
  squares: number,
  { rows, cols }: Matrix,
  { rank, noise, gramOf }: Leading,
): number {
  if (!noise) return rank;
  const found = gramOf === undefined
    ? aboveNoise(values, squares, rows, cols)
    : aboveNoise(values.map(Math.sqrt), squares, gramOf, cols);
  return Math.min(rank, Math.max(LEAST, found));
}

function trace({ rows, cols, data }: Matrix): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += data[row * cols + row]!;
  return sum;
}
