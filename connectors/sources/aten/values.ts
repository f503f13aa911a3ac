/** Values of PyTorch's operators (ATen) while a network is walked: tensors as in an ONNX walk, numbers, and lists of them. */

import type { Known } from "../onnx/integers.ts";
import { type Constant, type Value } from "../onnx/values.ts";

/** Any value that an operator takes or gives. Numbers that depend on the network's input are constants without axes. */
export type AtenValue = Value | AtenList | number | boolean | string | null;

/** A list or a tuple. */
export interface AtenList {
  readonly kind: "list";
  readonly items: readonly AtenValue[];
}

/** A list of values. */
export function listOf(items: readonly AtenValue[]): AtenList {
  return { kind: "list", items };
}

/** Whether a value is a list. */
export function isList(value: AtenValue | undefined): value is AtenList {
  return typeof value === "object" && value?.kind === "list";
}

/** Whether a value is a tensor, or a number that is not known. */
export function isTensor(value: AtenValue | undefined): value is Value {
  return typeof value === "object" && value !== null && value.kind !== "list";
}

/** A number that may be a symbol, or not known, as a value. */
export function scalar(known: Known): number | Constant {
  return typeof known === "number" ? known : constant([], [known]);
}

/** A constant of numbers, row-major. */
export function constant(shape: readonly number[], data: readonly Known[]): Constant {
  return { kind: "constant", shape, views: [], integers: { shape, data } };
}

/** The number that a value is; a symbol; null where it is not known, undefined where it is none. */
export function knownOf(value: AtenValue | undefined): Known | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  if (!isTensor(value) || value.kind !== "constant") return undefined;
  const { shape, integers, views } = value;
  if (integers?.data.length === 1) return integers.data[0] ?? null;
  return shape?.length === 0 && views.length === 0 ? null : undefined;
}

/** The number of axes of a tensor; null where it is not known. */
export function rankOf(value: Value | null): number | null {
  if (value === null) return null;
  return (value.kind === "constant" ? value.shape : value.axes)?.length ?? null;
}
