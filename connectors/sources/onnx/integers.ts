/** Integers in an ONNX graph: shapes, axes, indices and slices, as far as they are known. */

import type { OnnxNode } from "./proto.ts";
import { axisOf, type Constant, type Size, type Value } from "./values.ts";

/** An integer, a symbol that stands for one, or nothing known. */
export type Known = Size | null;

/** A vector of integers as a constant. */
export function vector(data: readonly Known[]): Constant {
  return { kind: "constant", shape: [data.length], views: [], integers: { shape: [data.length], data } };
}

/** The integers of a value, in order; null where it has none. */
export function integersOf(value: Value | null | undefined): readonly Known[] | null {
  return value?.kind === "constant" ? value.integers?.data ?? null : null;
}

/** The integers of a value, where all of them are numbers. */
export function numbersOf(value: Value | null | undefined): readonly number[] | null {
  const data = integersOf(value);
  return data?.every((each) => typeof each === "number") === true ? data : null;
}

/** Axes as an attribute (older operators) or an input (newer ones); null where they are not given, or not known. */
export function axesOf(node: OnnxNode, input: Value | null | undefined): readonly number[] | null {
  return node.attributes.get("axes")?.ints ?? numbersOf(input);
}

/** Starts, ends, axes and steps of a `Slice`, by axis; null where they are not known. */
export function slicesOf(
  node: OnnxNode,
  rank: number,
  inputs: readonly (Value | null)[],
): ReadonlyMap<number, { readonly start: number; readonly end: number; readonly step: number }> | null {
  const older = node.attributes.get("starts")?.ints;
  const starts = older ?? numbersOf(inputs[1]);
  const ends = older === undefined ? numbersOf(inputs[2]) : node.attributes.get("ends")?.ints ?? null;
  if (starts === null || ends === null || starts.length !== ends.length) return null;
  const given = older === undefined
    ? inputs[3] == null ? undefined : numbersOf(inputs[3])
    : node.attributes.get("axes")?.ints;
  const steps = older === undefined && inputs[4] != null ? numbersOf(inputs[4]) : starts.map(() => 1);
  const axes = given === undefined ? starts.map((_, i) => i) : given;
  if (axes === null || steps === null) return null;
  const out = new Map<number, { start: number; end: number; step: number }>();
  for (const [i, each] of axes.entries()) {
    const axis = axisOf(each, rank);
    if (axis === null || starts[i] === undefined || steps[i] === undefined || steps[i] === 0) return null;
    out.set(axis, { start: starts[i], end: ends[i]!, step: steps[i] });
  }
  return out;
}

/** The indices that a slice takes of an axis of `size`; null where there are more than `most`. */
export function placesOf(
  size: number,
  { start, end, step }: { readonly start: number; readonly end: number; readonly step: number },
  most = 2 ** 17,
): number[] | null {
  const clamp = (value: number, low: number, high: number) =>
    Math.min(high, Math.max(low, value < 0 ? value + size : value));
  const [from, to] = step > 0
    ? [clamp(start, 0, size), clamp(end, 0, size)]
    : [clamp(start, 0, size - 1), end < -size ? -1 : clamp(end, -1, size - 1)];
  const count = Math.max(0, Math.ceil((to - from) / step));
  return count > most ? null : Array.from({ length: count }, (_, i) => from + i * step);
}

/** The shape that a reshape asks for; null where it is not known, or does not fit. */
export function targetShape(shape: readonly number[], target: readonly number[] | null): number[] | null {
  if (target === null) return null;
  const total = shape.reduce((a, b) => a * b, 1);
  const to = target.map((extent, i) => extent === 0 ? shape[i] ?? 0 : extent);
  const rest = to.reduce((a, b) => b === -1 ? a : a * b, 1);
  const done = to.map((extent) => extent === -1 ? total / rest : extent);
  return done.every((extent) => Number.isInteger(extent) && extent >= 0) &&
      done.reduce((a, b) => a * b, 1) === total
    ? done
    : null;
}

/** The shape behind a `Squeeze` or `Unsqueeze`; null where it is not known. */
export function resized(
  { op }: OnnxNode,
  shape: readonly number[],
  axes: readonly number[] | null,
): number[] | null {
  if (op === "Squeeze") {
    const gone = axes?.map((axis) => axisOf(axis, shape.length));
    return shape.filter((extent, axis) => gone === undefined ? extent !== 1 : !gone.includes(axis));
  }
  if (axes === null) return null;
  const rank = shape.length + axes.length;
  const fresh = new Set(axes.map((axis) => axisOf(axis, rank)));
  if (fresh.size !== axes.length || fresh.has(null) || rank > 64) return null;
  const rest = [...shape];
  return Array.from({ length: rank }, (_, axis) => fresh.has(axis) ? 1 : rest.shift()!);
}
