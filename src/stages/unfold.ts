/** Stage 2: a weight tensor as a matrix, one per group. */

import { type Layer, unfoldedShape, type Unfolding } from "../model/layer.ts";
import { elementCount, type Matrix, matrix } from "../model/tensor.ts";

/** Bytes below which memory is no question. */
const LARGE = 2 ** 28;

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
 * @param weight the whole tensor, row-major; its memory may become a matrix's
 * @returns `layer.groups` matrices of shape `unfoldedShape(layer, unfolding)`
 * @throws {RangeError} when `weight` does not hold as many numbers as the tensor's shape says
 */
export function unfold(layer: Layer, weight: Float64Array, unfolding: Unfolding): Matrix[] {
  const { groups } = layer;
  const { offset, strides, shape } = layer.weight;
  if (weight.length !== elementCount(shape)) {
    throw new RangeError(
      `unfold ${layer.name}: found ${weight.length} weights, required ${shape.join(" x ")} = ${
        elementCount(shape)
      }`,
    );
  }
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const axes = axesOf(layer, unfolding);
  const asStored = axes.every(isAsStored);
  if (isWholeTensor(layer, unfolding)) return [matrix(rows, cols, weight)];
  if (isPermuted(layer, unfolding) && isLarge(weight)) {
    // What fits into single precision is kept so meanwhile: beside the weight there is half of it at most.
    const single = new Float32Array(weight);
    if (single.every((value, at) => value === weight[at])) {
      copyStrided(single, 0, weight, axes);
      return [matrix(rows, cols, weight)];
    }
  }
  return Array.from({ length: groups }, (_, group) => {
    const first = offset + group * strides.group;
    if (asStored) return matrix(rows, cols, weight.slice(first, first + rows * cols));
    const out = matrix(rows, cols);
    copyStrided(weight, first, out.data, axes);
    return out;
  });
}

/** Out channels, in channels and positions of a group, in the tensor and in its matrix. */
function axesOf(layer: Layer, unfolding: Unfolding): readonly Axis[] {
  const { groups, positions: z, weight: { strides } } = layer;
  const { cols } = unfoldedShape(layer, unfolding);
  const svr = unfolding === "svr";
  return [
    { count: layer.outChannels / groups, from: strides.out, to: (svr ? 1 : z) * cols },
    { count: layer.inChannels / groups, from: strides.in, to: svr ? z : 1 },
    { count: z, from: strides.position, to: svr ? 1 : cols },
  ];
}

const isAsStored = ({ count, from, to }: Axis) => count === 1 || from === to;

/** Whether a layer's matrix is the whole tensor, as it is stored: then it needs no memory of its own. */
export function isWholeTensor(layer: Layer, unfolding: Unfolding): boolean {
  return isPermuted(layer, unfolding) && axesOf(layer, unfolding).every(isAsStored);
}

/** Whether a layer's matrix has all numbers of the tensor, in whatever order. */
export function isPermuted(layer: Layer, unfolding: Unfolding): boolean {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const { offset, shape } = layer.weight;
  return layer.groups === 1 && offset === 0 && elementCount(shape) === rows * cols;
}

/** Whether a weight is so large that its matrix is made in its own memory, if it can. @param weight with `length` numbers of double precision */
export function isLarge({ length }: { readonly length: number }): boolean {
  return 8 * length >= LARGE;
}

/** Entries of a square's side: a square's lines of source and matrix lie in the cache together. */
const SQUARE = 32;

/**
 * Copies along three axes, the one whose source elements lie closest innermost: sources are large and read in order. The two innermost go in squares,
 * because a matrix may be written across its rows.
 */
function copyStrided(
  source: Float64Array | Float32Array,
  first: number,
  out: Float64Array,
  axes: readonly Axis[],
): void {
  const [a, b, c] = [...axes].sort((x, y) =>
    Number(x.count > 1) - Number(y.count > 1) || y.from - x.from
  ) as [Axis, Axis, Axis];
  for (let i = 0; i < a.count; i++) {
    for (let j0 = 0; j0 < b.count; j0 += SQUARE) {
      for (let k0 = 0; k0 < c.count; k0 += SQUARE) {
        const [rows, cols] = [Math.min(SQUARE, b.count - j0), Math.min(SQUARE, c.count - k0)];
        for (let j = j0; j < j0 + rows; j++) {
          let from = first + i * a.from + j * b.from + k0 * c.from;
          let to = i * a.to + j * b.to + k0 * c.to;
          for (let k = 0; k < cols; k++, from += c.from, to += c.to) out[to] = source[from]!;
        }
      }
    }
  }
}
