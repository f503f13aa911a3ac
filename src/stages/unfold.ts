/** Stage 2: a weight tensor as a matrix, one per group. */

import { type Layer, unfoldedShape, type Unfolding } from "../model/layer.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

/**
 * Unfolds (matricizes) a layer's weight. `svr`: `m x (n*z)`, channel-major, which is the order in which the weight is
 * stored. `cosvr`: `(m*z) x n`, row `o*z + k` holds output `o` at position `k`. Of a grouped layer, each group's block.
 *
 * @param weight the tensor, row-major in the layer's stored order; not changed, but its memory may become a matrix's
 * @returns `layer.groups` matrices of shape `unfoldedShape(layer, unfolding)`
 * @throws {RangeError} when the weight does not hold `m * n/g * z` numbers
 */
export function unfold(layer: Layer, weight: Float64Array, unfolding: Unfolding): Matrix[] {
  const { groups, positions: z } = layer;
  const m = layer.outChannels / groups;
  const n = layer.inChannels / groups;
  const expected = groups * m * n * z;
  if (weight.length !== expected) {
    throw new RangeError(
      `unfold ${layer.name}: found ${weight.length} weights, required ${layer.outChannels} x ${n} x ${z} = ${expected}`,
    );
  }
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const outFirst = layer.weight.order === "out-in" ? weight : transposed(weight, n * z, m * groups);
  // A matrix that is the whole tensor, as it is stored, needs no memory of its own.
  if (groups === 1 && (unfolding === "svr" || z === 1)) return [matrix(rows, cols, outFirst)];
  return Array.from({ length: groups }, (_, group) => {
    const block = outFirst.slice(group * m * n * z, (group + 1) * m * n * z);
    return matrix(rows, cols, unfolding === "svr" || z === 1 ? block : positionsToRows(block, m, n, z));
  });
}

/** `[m, n, z]` to `[m, z, n]`. */
function positionsToRows(block: Float64Array, m: number, n: number, z: number): Float64Array {
  const out = new Float64Array(block.length);
  for (let o = 0; o < m; o++) {
    for (let c = 0; c < n; c++) {
      for (let k = 0; k < z; k++) out[(o * z + k) * n + c] = block[(o * n + c) * z + k]!;
    }
  }
  return out;
}

function transposed(data: Float64Array, rows: number, cols: number): Float64Array {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j]!;
  return out;
}
