/**
 * The leading triplets of a matrix that memory does not hold, from blocks of its rows.
 *
 * One pass makes the Gram matrix of the short side, whose leading eigenvectors are found as leading triplets are. A second one makes their images,
 * whose own decomposition gives singular values and orthonormal vectors on both sides to rounding. A third measures the residuals, so
 * that what squaring has cost shows in them.
 */

import type { CallOptions, Kernel, SvdOptions } from "../../kernels/kernel.ts";
import { type Layer, unfoldedShape, type Unfolding } from "../../model/layer.ts";
import { random } from "../../model/random.ts";
import { fixSigns } from "../../model/signs.ts";
import { type BareSpectrum, type Svd, toldApart, TOLERANCE } from "../../model/spectrum.ts";
import { type Matrix, matrix, transposed } from "../../model/tensor.ts";
import { canonical, contentSeed } from "../directions.ts";
import { ZeroCount } from "../sparse-layers.ts";
import { blockRows, type RowBlock, type TallMatrix } from "./tall-matrix.ts";

/**
 * A residual of the Gram matrix is one of the matrix times `s_1 / s`, the other way round: down to this share of the largest singular value
 * triplets are as exact as they are to be.
 */
const LEAST_SHARE = 1e-4;

/** No residual of a Gram matrix becomes smaller for certain. */
const ROUNDING = 1e-13;

/** Numbers whose squares neither vanish nor overflow. */
const HARMLESS = 1e100;

const EPS = 2 ** -52;

/** Random vectors that estimate what is left out. */
const PROBES = 8;

/** What is wanted: leading triplets, as of `Kernel.svd`. */
export type TallOptions =
  & Required<Pick<SvdOptions, "rank">>
  & Pick<SvdOptions, "tolerance" | "noise" | "subject" | "signal">;

/** Bytes that `tallSpectrum` needs, its result included. @param workspace see `Kernel.workspace` */
export function tallBytes(
  rows: number,
  cols: number,
  rank: number,
  workspace: (rows: number, cols: number, rank?: number) => number,
): number {
  const block = 8 * blockRows(cols) * cols;
  const square = 8 * cols * cols;
  const images = 8 * rank * rows;
  return Math.max(
    // A block as it is read, turned, handed over, and in a kernel's own memory; a product there, here, and their sum.
    4 * block + 3 * square,
    square + workspace(cols, cols, rank),
    // Images, their basis, and the kernel's two copies.
    4 * images + 3 * block + 32 * rank * cols,
  ) + 8 * PROBES * rows + 2 ** 20;
}

/**
 * Decomposes.
 *
 * @throws {RangeError} when a weight is NaN or infinite, or its square overflows
 */
export async function tallSpectrum(
  layer: Layer,
  tall: TallMatrix,
  unfolding: Unfolding,
  kernel: Kernel,
  options: TallOptions,
): Promise<{ readonly spectrum: BareSpectrum; readonly sparse: boolean }> {
  const heard: CallOptions = options.signal === undefined ? {} : { signal: options.signal };
  const { gram, squares, seed, sparse } = await squared(tall, kernel, heard);
  const found = squares === 0 ? ofZeros(tall, options) : await leading(tall, gram, kernel, options, heard);
  const { short, long, ...rest } = found;
  const [left, right] = tall.isTurned ? [short, long] : [long, short];
  fixSigns(left, right);
  const svd = await canonical({ left, right, ...rest }, unfoldedShape(layer, unfolding), seed, kernel, heard);
  const group = new Int32Array(svd.singularValues.length);
  return { spectrum: { ...svd, group, norm: Math.sqrt(squares) }, sparse };
}

type Found = Omit<Svd, "left" | "right"> & { readonly short: Matrix; readonly long: Matrix };

/** Of zeros no vector is known; `canonical` chooses them. */
function ofZeros({ rows, cols }: TallMatrix, { rank, noise = false }: TallOptions): Found {
  const count = noise ? 1 : rank;
  return {
    short: matrix(count, cols),
    long: matrix(count, rows),
    singularValues: new Float64Array(count),
    residual: 0,
    residuals: new Float64Array(count),
    converged: new Uint8Array(count).fill(1),
  };
}

/** The Gram matrix of the columns, and what else one look at all numbers tells. */
async function squared(tall: TallMatrix, kernel: Kernel, heard: CallOptions) {
  const { cols } = tall;
  const gram = matrix(cols, cols);
  const zeros = new ZeroCount(cols);
  let seed = 0;
  for await (const block of tall.blocks(heard.signal)) {
    checkNumbers(block, tall);
    seed = Math.imul(seed ^ contentSeed(block), 0x01000193);
    zeros.take(block);
    const columns = transposed(block);
    const { data } = await kernel.multiply(columns, columns, { transposeB: true, ...heard });
    for (let at = 0; at < data.length; at++) gram.data[at]! += data[at]!;
  }
  let squares = 0;
  for (let col = 0; col < cols; col++) squares += gram.data[col * cols + col]!;
  return { gram, squares, seed: seed >>> 0, sparse: zeros.isSparse };
}

function checkNumbers({ data, cols, first }: RowBlock, { isTurned }: TallMatrix): void {
  for (let at = 0; at < data.length; at++) {
    const size = Math.abs(data[at]!);
    if (size === 0 || size < HARMLESS && size > 1 / HARMLESS) continue;
    const [row, col] = [first + Math.floor(at / cols), at % cols];
    const place = isTurned ? `row ${col}, column ${row}` : `row ${row}, column ${col}`;
    throw new RangeError(
      `svd, ${place}: found ${data[at]}, required ${
        Number.isFinite(data[at])
          ? `0 or a size between ${
            1 / HARMLESS
          } and ${HARMLESS}, as the matrix is read by rows (a larger memory reads it whole)`
          : "a finite number"
      }`,
    );
  }
}

async function leading(
  tall: TallMatrix,
  gram: Matrix,
  kernel: Kernel,
  { rank, noise = false, tolerance = TOLERANCE, subject }: TallOptions,
  heard: CallOptions,
): Promise<Found> {
  const { rows, cols } = tall;
  const eigen = await kernel.svd(gram, {
    rank,
    noise,
    gramOf: rows,
    tolerance: Math.max(ROUNDING, LEAST_SHARE * tolerance),
    ...subject === undefined ? {} : { subject },
    ...heard,
  });
  const count = Math.min(rank, eigen.singularValues.length);
  const v = rowsAt(eigen.right, 0, count);
  const { short, long, singularValues } = await imagesOf(tall, v, kernel, heard);
  const { residuals, residual } = await measured(tall, { short, long, singularValues }, kernel, heard);
  // What the rank cuts off is told by the search in the Gram matrix, and so is not looked for here (0). What is smaller than its rounding,
  // it knows nothing of.
  const least = Math.sqrt(cols * EPS) * singularValues[0]!;
  const converged = toldApart(singularValues, residuals, 0, rows, tolerance).map((isKnown, j) =>
    isKnown & (eigen.converged?.[j] ?? 1) & Number(singularValues[j]! > least)
  );
  return { short, long, singularValues, residual, residuals, converged };
}

/** The decomposition of `V W'`, for orthonormal rows `V`: `P' S (T Q)`, and so `P V` and `T Q`. */
async function imagesOf(tall: TallMatrix, v: Matrix, kernel: Kernel, heard: CallOptions) {
  const { basis, along } = await basisOf(tall, v, kernel, heard);
  const { left: p, singularValues, right: t } = await kernel.svd(along, heard);
  return {
    short: await kernel.multiply(p, v, heard),
    long: await kernel.multiply(t, basis, heard),
    singularValues,
  };
}

/** An orthonormal basis `Q` of `V W'`, and `V W' Q'`. The images themselves are as long as the basis, and not kept. */
async function basisOf(tall: TallMatrix, v: Matrix, kernel: Kernel, heard: CallOptions) {
  const images = matrix(v.rows, tall.rows);
  for await (const block of tall.blocks(heard.signal)) {
    put(await kernel.multiply(v, block, { transposeB: true, ...heard }), images, block.first);
  }
  const basis = await kernel.orthonormalize(images, heard);
  return { basis, along: await kernel.multiply(images, basis, { transposeB: true, ...heard }) };
}

type Triplets = Pick<Found, "short" | "long" | "singularValues">;

/** The residuals of each triplet, relative to the largest singular value, and what all leave out: as leading triplets of any matrix are measured. */
async function measured(
  tall: TallMatrix,
  { short, long, singularValues }: Triplets,
  kernel: Kernel,
  heard: CallOptions,
): Promise<{ readonly residuals: Float64Array; readonly residual: number }> {
  const { rows, cols } = tall;
  const count = short.rows;
  const probes = matrix(PROBES, rows);
  random(0, "probes").normals(probes.data);
  const back = matrix(count + PROBES, cols);
  const there = new Float64Array(count);
  for await (const block of tall.blocks(heard.signal)) {
    const { data: images } = await kernel.multiply(short, block, { transposeB: true, ...heard });
    const combined = matrix(count + PROBES, block.rows);
    for (let j = 0; j < combined.rows; j++) {
      const from = j < count ? long.data.subarray(j * rows) : probes.data.subarray((j - count) * rows);
      combined.data.set(from.subarray(block.first, block.first + block.rows), j * block.rows);
    }
    for (let at = 0; at < images.length; at++) {
      const j = Math.floor(at / block.rows);
      there[j]! += (images[at]! - singularValues[j]! * combined.data[at]!) ** 2;
    }
    const { data } = await kernel.multiply(combined, block, heard);
    for (let at = 0; at < data.length; at++) back.data[at]! += data[at]!;
  }
  const largest = singularValues[0]!;
  const residuals = there.map((sum, j) => {
    let other = 0;
    for (let at = j * cols, i = j * cols; at < (j + 1) * cols; at++, i++) {
      other += (back.data[at]! - singularValues[j]! * short.data[i]!) ** 2;
    }
    return Math.sqrt(Math.max(sum, other)) / largest;
  });
  const along = await kernel.multiply(probes, long, { transposeB: true, ...heard });
  for (let at = 0; at < along.data.length; at++) along.data[at]! *= singularValues[at % count]!;
  const { data: kept } = await kernel.multiply(along, short, heard);
  let [left, all] = [0, 0];
  for (let at = 0; at < kept.length; at++) {
    const image = back.data[count * cols + at]!;
    all += image ** 2;
    left += (image - kept[at]!) ** 2;
  }
  return { residuals, residual: all > 0 ? Math.sqrt(left / all) : 0 };
}

/** Writes a block of columns. */
function put(block: Matrix, to: Matrix, first: number): void {
  for (let row = 0; row < block.rows; row++) {
    to.data.set(block.data.subarray(row * block.cols, (row + 1) * block.cols), row * to.cols + first);
  }
}

function rowsAt({ cols, data }: Matrix, from: number, to: number): Matrix {
  return matrix(to - from, cols, data.slice(from * cols, to * cols));
}
