/** Matrices that are much longer than wide, read a block of rows at a time. */

import { type Layer, unfoldedShape, type Unfolding } from "../../model/layer.ts";
import type { Model } from "../../model/ports.ts";
import { elementCount, type Matrix, matrix } from "../../model/tensor.ts";
import { channelFactors } from "../fold.ts";
import { isPermuted } from "../unfold.ts";

/** Of less elongated matrices the square of the short side is as large as the matrix. */
const ELONGATED = 2;

/** Bytes of a block in double precision: a fourth of the square of the short side, within bounds. */
const [SMALLEST_BLOCK, LARGEST_BLOCK] = [2 ** 22, 2 ** 28];

/** A layer's weight as it is stored: more rows than columns. */
export interface TallMatrix {
  readonly rows: number;
  readonly cols: number;
  /** Whether the layer's matrix is its transpose. */
  readonly isTurned: boolean;
  /** Blocks of consecutive rows from the first to the last, read when they are asked for; each is the caller's. */
  blocks(signal?: AbortSignal): AsyncIterable<RowBlock>;
}

/** Some consecutive rows. */
export interface RowBlock extends Matrix {
  /** The first of them. */
  readonly first: number;
}

/** Rows of a block. */
export function blockRows(cols: number): number {
  const bytes = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, 2 * cols * cols));
  return Math.max(1, Math.floor(bytes / (8 * cols)));
}

/** A layer's weight by rows; null where it is not so much longer than wide, or cannot be read so. */
export function tallMatrix(
  model: Pick<Model, "read" | "rows">,
  layer: Layer,
  unfolding: Unfolding,
): TallMatrix | null {
  const { shape, strides, tensor } = layer.weight;
  const [rows = 0] = shape;
  const cols = elementCount(shape) / rows;
  if (!isPermuted(layer, unfolding) || layer.positions !== 1 || !(rows >= ELONGATED * cols)) return null;
  const isAsStored = strides.out === cols && strides.in === 1;
  const isTurned = strides.in === cols && strides.out === 1;
  const read = isAsStored || isTurned ? model.rows?.(tensor) ?? null : null;
  if (read === null || unfoldedShape(layer, unfolding)[isTurned ? "cols" : "rows"] !== rows) return null;
  return {
    rows,
    cols,
    isTurned,
    async *blocks(signal) {
      const factors = layer.folding === undefined
        ? { out: null, in: null }
        : await channelFactors(layer, (name) => model.read(name, signal));
      const [down, across] = isTurned ? [factors.in, factors.out] : [factors.out, factors.in];
      const most = blockRows(cols);
      for (let first = 0; first < rows; first += most) {
        const count = Math.min(most, rows - first);
        const block = matrix(count, cols, await read(first, count, signal));
        if (down !== null || across !== null) scale(block, down?.subarray(first), across);
        yield { ...block, first };
      }
    },
  };
}

function scale(
  { rows, cols, data }: Matrix,
  down: Float64Array | undefined,
  across: Float64Array | null,
): void {
  for (let i = 0; i < rows; i++) {
    const factor = down?.[i] ?? 1;
    for (let j = 0; j < cols; j++) data[i * cols + j]! *= factor * (across?.[j] ?? 1);
  }
}
