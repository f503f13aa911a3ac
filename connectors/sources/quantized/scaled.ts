/** Numbers of eight bits with scales: one for the tensor, for each row, or for each block of it. The weight is `scale * number`. */

import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import { computedOf, FLOATS, isCount, misfit, partOf, recordOf, type Rule, type Stored } from "./rule.ts";

const FLOAT8 = ["F8_E4M3", "F8_E5M2"];

/** Scales as DeepSeek and transformers call them (despite the name they are multiplied with), and as compressed-tensors and others do. */
const NAMES = ["_scale_inv", "_scale"];

/** Types that scales of these have; other types belong to other formats, which are not read. */
const SCALES: readonly string[] = [...FLOATS, "F8_E8M0"];

/** What compressed-tensors calls formats whose `weight` of integers has one number each. */
const INTEGER_FORMATS: readonly unknown[] = ["int-quantized", "naive-quantized"];

/**
 * Of float8 by the names, and blocks by the config, or of a power of two that divides the shape; of integers only where the config says that
 * compressed-tensors wrote them.
 */
export const scaled: Rule = (tensor, stored) => {
  const { name, shape } = tensor;
  const isFloat = FLOAT8.includes(tensor.dtype);
  const isInteger = tensor.dtype === "I8" && stored.config?.["quant_method"] === "compressed-tensors" &&
    INTEGER_FORMATS.includes(stored.config["format"]);
  if (!(isFloat || isInteger) || shape.length < 2) return null;
  const found = NAMES.filter((ending) => stored.tensors.has(name + ending));
  // A second scale belongs to another format, which is not read.
  if (found.length !== 1 || stored.tensors.has(`${name}_scale_2`)) return null;
  const scale = stored.tensors.get(name + found[0]!)!;
  const extents = SCALES.includes(scale.dtype) ? extentsOf(tensor, scale, stored) : null;
  if (extents === null) return null;
  const zeroName = `${name}_zero_point`;
  const zeros = stored.tensors.has(zeroName)
    ? [partOf(stored, zeroName, ["I8", tensor.dtype], scale.shape)]
    : [];
  const sizes = extents.map((extent, axis) => Math.min(extent.size, shape[axis]!));
  const isWhole = extents.every(({ count }) => count === 1);
  return computedOf(
    {
      name,
      dtype: isFloat ? tensor.dtype : "INT8",
      shape,
      rule: `${isFloat ? "float8" : "int8"}, a scale for ${
        isWhole ? "the tensor" : `each block of ${sizes.join(" x ")}`
      } (${scale.name.slice(scale.name.lastIndexOf(".") + 1)}${
        extents.some(({ isConfigured }) => isConfigured) ? ", quantization_config" : ""
      })`,
    },
    [tensor, scale, ...zeros],
    (values, scales, zero) => {
      const blockOf = blocks(shape, extents);
      for (let at = 0; at < values.length; at++) {
        const block = blockOf(at);
        values[at] = Math.fround((values[at]! - (zero?.[block] ?? 0)) * scales[block]!);
      }
      return values;
    },
  );
};

/** Blocks along an axis: all but the last are of a size. */
interface Extent {
  readonly count: number;
  readonly size: number;
  readonly isConfigured?: boolean;
}

/**
 * @returns null where it is not certain which numbers a scale is for
 * @throws {SyntaxError} when there is no scale at all, or not one for each block that the config says
 */
function extentsOf(tensor: TensorInfo, scale: TensorInfo, stored: Stored): readonly Extent[] | null {
  const { shape } = tensor;
  if (scale.shape.includes(0)) misfit(stored, scale, "at least one scale");
  const all = (count: number, size: number): Extent => ({ count, size });
  if (elementCount(scale.shape) === 1) return shape.map((extent) => all(1, extent));
  const counts = scale.shape.length === 1 ? [scale.shape[0]!, ...shape.slice(1).map(() => 1)] : scale.shape;
  if (counts.length !== shape.length || (scale.shape.length === 1 && counts[0] !== shape[0])) return null;
  const configured = blockOf(stored);
  const extents: Extent[] = [];
  for (const [axis, count] of counts.entries()) {
    const extent = shape[axis]!;
    const block = configured?.[axis - shape.length + 2];
    if (count === 1) extents.push(all(1, extent));
    else if (count === extent) extents.push(all(count, 1));
    else if (block !== undefined && count === Math.ceil(extent / block)) {
      extents.push({ count, size: block, isConfigured: true });
    } else if (block !== undefined) {
      misfit(
        stored,
        scale,
        `blocks of ${configured!.join(" x ")} (quantization_config) of [${shape.join(",")}]`,
      );
    } else if (isPowerOfTwo(extent / count)) extents.push(all(count, extent / count));
    else return null;
  }
  return extents;
}

/** Of blocks of a power of two there is one that fits; a last block that is smaller may hide any other. */
const isPowerOfTwo = (size: number) => Number.isInteger(Math.log2(size)) && size >= 1;

/** The block that the config says: of the last two axes. */
function blockOf({ config }: Stored): readonly number[] | null {
  const said = [
    config?.["weight_block_size"],
    ...Object.values(recordOf(config?.["config_groups"])).map((group) =>
      recordOf(recordOf(group)["weights"])["block_structure"]
    ),
  ].filter((each) => each !== undefined && each !== null).map(sizesOf);
  const [first] = said;
  const isOne = said.every((each) => each !== null && each.join() === first?.join());
  return isOne ? first ?? null : null;
}

/** `[128, 128]`, or `"128x128"`. */
function sizesOf(value: unknown): readonly number[] | null {
  const sizes = typeof value === "string" ? value.split("x").map(Number) : value;
  return Array.isArray(sizes) && sizes.length === 2 && sizes.every(isCount) ? sizes as number[] : null;
}

/** The scale of each element. */
function blocks(shape: readonly number[], extents: readonly Extent[]): (element: number) => number {
  const [rows, cols] = shape.slice(-2) as [number, number];
  const [down, across] = extents.slice(-2) as [Extent, Extent];
  const outer = shape.slice(0, -2);
  return (element) => {
    const [col, row] = [element % cols, Math.floor(element / cols) % rows];
    let [rest, block, stride] = [Math.floor(element / (rows * cols)), 0, down.count * across.count];
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      block += Math.floor(rest % outer[axis]! / extents[axis]!.size) * stride;
      stride *= extents[axis]!.count;
      rest = Math.floor(rest / outer[axis]!);
    }
    return block + Math.floor(row / down.size) * across.count + Math.floor(col / across.size);
  };
}
