/** Weights that are stored as small integers: `DequantizeLinear` of constants is read as the real numbers that it makes. */

import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { OnnxNode } from "./proto.ts";
import { type OnnxTensor, storedBytes } from "./tensor.ts";

/** A tensor that a `DequantizeLinear` makes of constants. */
export interface Dequantized {
  /** Its name is the node's output. */
  readonly info: TensorInfo;
  readonly quantized: OnnxTensor;
  readonly scale: OnnxTensor;
  readonly zero: OnnxTensor | null;
  /** Elements of `quantized` that share a scale: element `i` has scale `floor(i / inner) % count`, or block by block. */
  readonly axis: number;
  readonly block: number;
}

/**
 * The tensor that a node makes of constants; null where it is no `DequantizeLinear`, or its inputs are no constants.
 *
 * @param constant the constant tensor of a name
 */
export function dequantized(
  node: OnnxNode,
  name: string,
  constant: (name: string) => OnnxTensor | undefined,
): Dequantized | null {
  if (node.op !== "DequantizeLinear") return null;
  const [x = "", s = "", z = ""] = node.inputs;
  const [quantized, scale, zero] = [constant(x), constant(s), z === "" ? null : constant(z)];
  if (quantized === undefined || scale === undefined || zero === undefined) return null;
  const { shape } = quantized;
  const given = node.attributes.get("axis")?.i ?? 1;
  const axis = given < 0 ? given + shape.length : given;
  const block = node.attributes.get("block_size")?.i ?? 0;
  const many = elementCount(scale.shape);
  const expected = block > 0
    ? shape.map((extent, i) => i === axis ? Math.ceil(extent / block) : extent)
    : [shape[axis] ?? NaN];
  const fits = many === 1 && block === 0 || String(scale.shape) === String(expected);
  const zeros = zero === null || elementCount(zero.shape) === many;
  const readable = [quantized, scale, ...zero === null ? [] : [zero]].every(({ type }) => type.readable);
  const reason = !readable
    ? `dtype ${quantized.type.name} cannot be read as numbers`
    : fits && zeros
    ? null
    : `scales of shape [${scale.shape}] do not fit shape [${shape}] along axis ${given}`;
  return {
    info: {
      name,
      dtype: quantized.type.name,
      shape,
      byteLength: storedBytes(quantized),
      ...reason === null ? {} : { unreadable: reason },
    },
    quantized,
    scale,
    zero,
    axis,
    block,
  };
}

/**
 * `(x - zero) * scale`, element by element; `x` is overwritten.
 *
 * @param read reads a constant
 */
export async function dequantize(
  { quantized, scale, zero, axis, block }: Dequantized,
  read: (tensor: OnnxTensor) => Promise<Float64Array>,
): Promise<Float64Array> {
  const values = await read(quantized);
  const scales = await read(scale);
  const zeros = zero === null ? null : await read(zero);
  const extent = quantized.shape[axis] ?? 1;
  const inner = elementCount(quantized.shape.slice(axis + 1));
  const blocks = block > 0 ? Math.ceil(extent / block) : 0;
  for (let i = 0; i < values.length; i++) {
    const along = Math.floor(i / inner);
    const at = scales.length === 1
      ? 0
      : block > 0
      ? (Math.floor(along / extent) * blocks + Math.floor(along % extent / block)) * inner + i % inner
      : along % extent;
    values[i] = (values[i]! - (zeros?.[at] ?? 0)) * scales[at]!;
  }
  return values;
}
