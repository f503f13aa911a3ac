/** Weights that are stored as small integers: they are read as the real numbers that the operators on them compute with. */

import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { OnnxNode } from "./proto.ts";
import { type OnnxTensor, storedBytes } from "./tensor.ts";

/** The constant tensor of a name. */
export type ConstantLookup = (name: string) => OnnxTensor | undefined;

/** Which scale an element has: along each axis as many as `extents` says, each for `steps` neighbours. */
interface Grid {
  readonly extents: readonly number[];
  readonly steps: readonly number[];
}

/** Numbers of `bits` each, the first in the lowest bits, rows of a row of bytes each. */
interface Packing {
  readonly bits: number;
  /** Numbers of a row, and how many of them are used. */
  readonly row: number;
  readonly used: number;
}

/** Numbers that elements share: their scales or zero points. */
interface Shared {
  readonly tensor: OnnxTensor;
  readonly grid: Grid;
  readonly packing?: Packing;
}

/** A tensor of real numbers that is made of stored ones. */
export interface Dequantized {
  readonly info: TensorInfo;
  readonly quantized: OnnxTensor;
  readonly packing?: Packing;
  readonly scale: Shared;
  readonly zero: Shared | number;
}

/** Without its name. */
export type Unnamed = Omit<Dequantized, "info"> & { readonly info: Omit<TensorInfo, "name"> };

/** Extents without those of one place: `[1, 8]`, `[8, 1, 1]` and `[8]` hold the same numbers. */
const solid = (shape: readonly number[]) => String(shape.filter((extent) => extent !== 1));

/** The same number of scales along one axis as it is long, and one for all others. */
const along = (shape: readonly number[], ...axes: readonly number[]): Grid => ({
  extents: shape.map((extent, axis) => axes.includes(axis) ? extent : 1),
  steps: shape.map((extent, axis) => axes.includes(axis) ? 1 : Math.max(1, extent)),
});

/** One scale for each block along an axis, and one for each place along the others. */
const blocks = (shape: readonly number[], axis: number, block: number): Grid => ({
  extents: shape.map((extent, at) => at === axis ? Math.ceil(extent / block) : extent),
  steps: shape.map((_, at) => at === axis ? block : 1),
});

/**
 * A weight with its scales and zero points.
 *
 * @param grids how scales may lie, first fit
 * @param said how the axis was given, for the reason where none fits
 */
export function scaled(
  quantized: OnnxTensor,
  scale: OnnxTensor | null,
  zero: OnnxTensor | null,
  grids: readonly Grid[],
  said: string,
): Unnamed {
  const { shape, type } = quantized;
  const gridOf = (tensor: OnnxTensor) =>
    grids.find(({ extents }) =>
      elementCount(extents) === elementCount(tensor.shape) && solid(extents) === solid(tensor.shape)
    );
  const readable = [quantized, scale, zero].every((each) => each === null || each.type.readable);
  const [own, zeros] = [scale, zero].map((each) => each === null ? undefined : gridOf(each));
  const reason = scale === null
    ? "quantized, and its scale cannot be found"
    : !readable
    ? `dtype ${type.name} cannot be read as numbers`
    : own === undefined || zero !== null && zeros === undefined
    ? `scales of shape [${scale.shape}] do not fit shape [${shape}] along ${said}`
    : null;
  const anywhere = along(shape);
  return {
    info: {
      dtype: type.name,
      shape,
      byteLength: storedBytes(quantized),
      ...reason === null ? {} : { unreadable: reason },
    },
    quantized,
    scale: { tensor: scale ?? quantized, grid: own ?? anywhere },
    zero: zero === null ? 0 : { tensor: zero, grid: zeros ?? anywhere },
  };
}

/** Scales of a whole tensor, or one for each place along any of some axes together. */
export function gridsOf(shape: readonly number[], ...axes: readonly (readonly number[])[]): readonly Grid[] {
  return [along(shape), ...axes.map((each) => along(shape, ...each))];
}

/**
 * The tensor that a node makes of constants; null where it is no `DequantizeLinear`, or its inputs are no constants.
 */
export function dequantized(node: OnnxNode, constant: ConstantLookup): Unnamed | null {
  if (node.op !== "DequantizeLinear") return null;
  const [x = "", s = "", z = ""] = node.inputs;
  const [quantized, scale, zero] = [constant(x), constant(s), z === "" ? null : constant(z)];
  if (quantized === undefined || scale === undefined || zero === undefined) return null;
  const { shape } = quantized;
  const given = node.attributes.get("axis")?.i ?? 1;
  const axis = given < 0 ? given + shape.length : given;
  const block = node.attributes.get("block_size")?.i ?? 0;
  if (block === 0) return scaled(quantized, scale, zero, gridsOf(shape, [axis]), `axis ${given}`);
  const grids = block > 0 ? [blocks(shape, axis, block)] : [];
  return scaled(quantized, scale, zero, grids, `axis ${given} in blocks of ${block}`);
}

/** Bits that `MatMulNBits` packs its numbers into. */
const PACKED_BITS = [2, 4, 8];

/**
 * The weight of a `MatMulNBits`, shape `[N, K]`: blocks of each row lie in bytes of their own, with a scale and a zero point each.
 *
 * @returns null where its inputs are no constants
 */
export function packedWeight(node: OnnxNode, constant: ConstantLookup): Unnamed | null {
  const [, b = "", s = "", z = "", order = ""] = node.inputs;
  const [quantized, scale, zero] = [constant(b), constant(s), z === "" ? null : constant(z)];
  if (quantized === undefined || scale === undefined || zero === undefined) return null;
  const number = (key: string, otherwise: number) => node.attributes.get(key)?.i ?? otherwise;
  const [n, k, bits, block] = [number("N", 0), number("K", 0), number("bits", 4), number("block_size", 0)];
  const shape = [n, k];
  const many = block >= 1 ? Math.ceil(k / block) : 0;
  const bytes = block * bits / 8;
  const packedZeros = zero !== null && zero.type.name === "U8";
  const zeroCount = packedZeros ? n * Math.ceil(many * bits / 8) : n * many;
  // The weight's own bytes bound `N`, `K` and the block; so nothing here is larger than what the file holds.
  const fits = n >= 1 && k >= 1 && block >= 1 && PACKED_BITS.includes(bits) && Number.isInteger(bytes) &&
    quantized.type.name === "U8" && elementCount(quantized.shape) === n * many * bytes &&
    elementCount(scale.shape) === n * many && scale.type.readable && !scale.type.integer &&
    (zero === null || zero.type.readable && elementCount(zero.shape) === zeroCount);
  const reason = !fits
    ? `shapes [${quantized.shape}] and [${scale.shape}] do not fit ${n} x ${k} of ${bits} bits in blocks of ${block}`
    : order !== ""
    ? "its blocks are in an order of their own (g_idx)"
    : null;
  const grid = blocks(shape, 1, Math.max(1, block));
  const packing = (row: number, used: number): Packing => ({ bits, row, used });
  return {
    info: {
      dtype: `U${bits}`,
      shape,
      byteLength: storedBytes(quantized),
      ...reason === null ? {} : { unreadable: reason },
    },
    quantized,
    packing: packing(many * block, k),
    scale: { tensor: scale, grid },
    zero: zero === null ? 2 ** (bits - 1) : {
      tensor: zero,
      grid,
      ...packedZeros ? { packing: packing(Math.ceil(many * bits / 8) * 8 / bits, many) } : {},
    },
  };
}

/**
 * `(x - zero) * scale`, element by element.
 *
 * @param read reads a constant
 */
export async function dequantize(
  { info: { shape }, quantized, packing, scale, zero }: Dequantized,
  read: (tensor: OnnxTensor) => Promise<Float64Array>,
): Promise<Float64Array> {
  const unpacked = async (tensor: OnnxTensor, how?: Packing) => {
    const numbers = await read(tensor);
    return how === undefined ? numbers : unpack(numbers, how);
  };
  const values = await unpacked(quantized, packing);
  const scales = await unpacked(scale.tensor);
  if (typeof zero === "number") {
    if (zero !== 0) { for (let i = 0; i < values.length; i++) values[i]! -= zero; }
  } else {
    const zeros = await unpacked(zero.tensor, zero.packing);
    eachShared(shape, zero.grid, (i, at) => values[i]! -= zeros[at]!);
  }
  eachShared(shape, scale.grid, (i, at) => values[i]! *= scales[at]!);
  return values;
}

/** Visits every element of a shape, with the place of its number in a grid. */
function eachShared(
  shape: readonly number[],
  { extents, steps }: Grid,
  visit: (element: number, at: number) => void,
): void {
  const last = shape.length - 1;
  const [inner, step] = [shape[last] ?? 1, steps[last] ?? 1];
  const rows = elementCount(shape) / (inner || 1);
  for (let row = 0, i = 0; row < rows; row++) {
    let [rest, at, stride] = [row, 0, extents[last] ?? 1];
    for (let axis = last - 1; axis >= 0; axis--) {
      at += Math.floor(rest % shape[axis]! / steps[axis]!) * stride;
      rest = Math.floor(rest / shape[axis]!);
      stride *= extents[axis]!;
    }
    for (let j = 0; j < inner; j++) visit(i++, at + Math.floor(j / step));
  }
}

function unpack(bytes: Float64Array, { bits, row, used }: Packing): Float64Array {
  const [perByte, mask] = [8 / bits, 2 ** bits - 1];
  const rows = Math.floor(bytes.length * perByte / row);
  const out = new Float64Array(rows * used);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let j = 0; j < used; j++) {
      const at = r * row + j;
      out[i++] = bytes[Math.floor(at / perByte)]! >> at % perByte * bits & mask;
    }
  }
  return out;
}
