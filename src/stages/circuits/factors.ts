/** The two factors of a circuit, cut out of the weights of the layers that they are of. */

import type { Circuit, Factor, Layer } from "../../model/layer.ts";
import { elementCount, type Matrix, matrix } from "../../model/tensor.ts";

/**
 * Reads both factors, one behind the other.
 *
 * @param read gives a layer's matrix, `m x n`, normalizations folded in
 * @returns `width x m` and `width x n`: see `Circuit`
 */
export async function factorsOf(
  { left, right }: Circuit,
  read: (layer: Layer) => Promise<Matrix>,
): Promise<[Matrix, Matrix]> {
  const first = cut(left, await read(left.layer));
  return [first, cut(right, await read(right.layer))];
}

/** A head's rows of a matrix; of its columns the transpose. */
function cut({ port, channels }: Factor, { rows, cols, data }: Matrix): Matrix {
  const wanted = channels.flatMap(({ from, length }) => Array.from({ length }, (_, at) => from + at));
  if (port === "out") {
    const out = matrix(wanted.length, cols);
    wanted.forEach((row, at) => out.data.set(data.subarray(row * cols, (row + 1) * cols), at * cols));
    return out;
  }
  const out = matrix(wanted.length, rows);
  for (let row = 0; row < rows; row++) {
    wanted.forEach((col, at) => out.data[at * rows + row] = data[row * cols + col]!);
  }
  return out;
}

/** Bytes of reading a circuit's factors: a weight as read and as unfolded, and both factors. */
export function factorBytes({ left, right, width }: Circuit): number {
  const weights = [left, right].map(({ layer }) => elementCount(layer.weight.shape));
  const sides = [left, right].map(outerChannels);
  return 16 * Math.max(...weights) + 8 * width * (sides[0]! + sides[1]!);
}

/** Channels of the side of a factor's layer that is not the head's. */
export function outerChannels({ layer, port }: Factor): number {
  return port === "out" ? layer.inChannels : layer.outChannels;
}
