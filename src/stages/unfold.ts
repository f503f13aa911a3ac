/** Stage 2: a weight tensor as a matrix, one per group. */

import { type Layer, unfoldedShape, type Unfolding } from "../model/layer.ts";
import { elementCount, type Matrix, matrix } from "../model/tensor.ts";

/** One index of a strided copy: how often, and how far apart its elements lie on either side. */
interface Axis {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Unfolds (matricizes) a layer's weight. `svr`: `m x (n*z)`, channel-major. `cosvr`: `(m*z) x n`, row `o*z + k` holds output
 * `o` at position `k`. Of a grouped layer, each group's block.
 *
 * @param weight the whole tensor, row-major; not changed, but its memory may become a matrix's
 * @returns `layer.groups` matrices of shape `unfoldedShape(layer, unfolding)`
 * @throws {RangeError} when `weight` does not hold as many numbers as the tensor's shape says
 */
export function unfold(layer: Layer, weight: Float64Array, unfolding: Unfolding): Matrix[] {
  const { groups, positions: z } = layer;
  const { offset, strides, shape } = layer.weight;
  const m = layer.outChannels / groups;
  const n = layer.inChannels / groups;
  if (weight.length !== elementCount(shape)) {
    throw new RangeError(
      `unfold ${layer.name}: found ${weight.length} weights, required ${shape.join(" x ")} = ${
        elementCount(shape)
      }`,
    );
  }
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const svr = unfolding === "svr";
  const axes: readonly Axis[] = [
    { count: m, from: strides.out, to: (svr ? 1 : z) * cols },
    { count: n, from: strides.in, to: svr ? z : 1 },
    { count: z, from: strides.position, to: svr ? 1 : cols },
  ];
  const asStored = axes.every(({ count, from, to }) => count === 1 || from === to);
  // A matrix that is the whole tensor, as it is stored, needs no memory of its own.
  if (groups === 1 && asStored && offset === 0 && weight.length === rows * cols) {
    return [matrix(rows, cols, weight)];
  }
  return Array.from({ length: groups }, (_, group) => {
    const first = offset + group * strides.group;
    if (asStored) return matrix(rows, cols, weight.slice(first, first + rows * cols));
    const out = matrix(rows, cols);
    copyStrided(weight, first, out.data, axes);
    return out;
  });
}

/** Copies along three axes, the one whose source elements lie closest innermost: sources are large and read in order. */
function copyStrided(source: Float64Array, first: number, out: Float64Array, axes: readonly Axis[]): void {
  const [a, b, c] = [...axes].sort((x, y) => y.from - x.from) as [Axis, Axis, Axis];
  for (let i = 0; i < a.count; i++) {
    for (let j = 0; j < b.count; j++) {
      let from = first + i * a.from + j * b.from;
      let to = i * a.to + j * b.to;
      for (let k = 0; k < c.count; k++, from += c.from, to += c.to) out[to] = source[from]!;
    }
  }
}
