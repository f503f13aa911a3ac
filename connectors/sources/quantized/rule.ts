/** What the rules for quantized weights share: what they see of a file, how they answer, and how they refuse. */

import { show } from "../../../src/model/errors.ts";
import type { Model } from "../../../src/model/ports.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { Computed } from "../computed.ts";

/** A file's tensors, and what its config says of quantization. */
export interface Stored {
  readonly uri: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `quantization_config` or `quantization` of `config.json`; null where there is none. Untrusted. */
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly read: Model["read"];
}

/**
 * Finds the weight that a tensor is the main part of.
 *
 * @returns null where the rule does not apply, or does not know enough to be certain
 * @throws {SyntaxError} when it applies and the parts do not fit together; names the file, the tensor, what was found and what is required
 */
export type Rule = (tensor: TensorInfo, stored: Stored) => Computed | null | Promise<Computed | null>;

/** A part that has to be there, of one of these types. */
export function partOf(
  stored: Stored,
  name: string,
  dtypes: readonly string[],
  shape: readonly (number | null)[],
): TensorInfo {
  const tensor = stored.tensors.get(name);
  if (tensor === undefined) {
    throw new SyntaxError(`${stored.uri}: tensor ${show(name)}: found none, required for its weight`);
  }
  checkType(stored, tensor, dtypes);
  const fits = tensor.shape.length === shape.length &&
    shape.every((extent, axis) => extent === null ? tensor.shape[axis]! > 0 : extent === tensor.shape[axis]);
  if (!fits) misfit(stored, tensor, `[${shape.map((extent) => extent ?? "1 or more").join(", ")}]`);
  return tensor;
}

/** @throws {SyntaxError} when a tensor is of none of these types */
export function checkType({ uri }: Stored, { name, dtype }: TensorInfo, dtypes: readonly string[]): void {
  if (!dtypes.includes(dtype)) {
    throw new SyntaxError(
      `${uri}: tensor ${show(name)}, dtype: found ${dtype}, required ${dtypes.join(" or ")}`,
    );
  }
}

/** @throws {SyntaxError} that a tensor's shape is not what is required */
export function misfit({ uri }: Stored, { name, shape }: TensorInfo, required: string): never {
  throw new SyntaxError(`${uri}: tensor ${show(name)}, shape: found ${show(shape)}, required ${required}`);
}

/**
 * A number that the config has to say.
 *
 * @throws {SyntaxError} when it is none of those allowed
 */
export function settingOf(
  { uri }: Stored,
  place: string,
  value: unknown,
  isAllowed: (value: number) => boolean,
  required: string,
): number {
  if (typeof value === "number" && isAllowed(value)) return value;
  throw new SyntaxError(`${uri}: config.json, ${place}: found ${show(value)}, required ${required}`);
}

/** Whether a number may be an extent. */
export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value > 0;

/** Types that scales have. */
export const FLOATS: readonly string[] = ["F32", "F16", "BF16"];

/**
 * One of many codes of few bits, which lie one behind the other from the lowest bit of the first word on.
 *
 * @param first word of the run @param stride words from one of the run to the next
 */
export function codeAt(
  words: Int32Array,
  first: number,
  stride: number,
  index: number,
  bits: number,
): number {
  const bit = index * bits;
  const [word, shift] = [first + (bit >>> 5) * stride, bit & 31];
  const low = words[word]! >>> shift;
  const code = shift + bits > 32 ? low | words[word + stride]! << (32 - shift) : low;
  return code & (1 << bits) - 1;
}

/** Parts of a weight, whose main part says where it stands. */
export function computedOf(
  weight: Pick<TensorInfo, "name" | "dtype" | "shape"> & { readonly rule: string },
  parts: readonly TensorInfo[],
  compute: Computed["compute"],
): Computed {
  return {
    tensor: { ...weight, byteLength: parts.reduce((sum, { byteLength }) => sum + byteLength, 0) },
    parts: parts.map(({ name }) => name),
    compute,
  };
}

/** A part of a config; empty where it is no object. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {};
}
