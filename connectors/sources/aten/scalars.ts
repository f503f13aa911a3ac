/** Arithmetic on numbers that are no tensors: extents, counts and conditions. */

import type { AtenCall } from "./call.ts";
import { type AtenValue, knownOf, scalar } from "./values.ts";

const remainder = (a: number, b: number) => a - b * Math.floor(a / b);

const BINARY: ReadonlyMap<string, (a: number, b: number) => number | boolean> = new Map<
  string,
  (a: number, b: number) => number | boolean
>([
  ["add", (a, b) => a + b],
  ["sub", (a, b) => a - b],
  ["rsub", (a, b) => b - a],
  ["mul", (a, b) => a * b],
  ["div", (a, b) => a / b],
  ["truediv", (a, b) => a / b],
  ["floordiv", (a: number, b: number) => Math.floor(a / b)],
  ["floor_divide", (a: number, b: number) => Math.floor(a / b)],
  ["remainder", remainder],
  ["mod", remainder],
  ["pow", (a, b) => a ** b],
  ["min", Math.min],
  ["max", Math.max],
  ["eq", (a, b) => a === b],
  ["ne", (a, b) => a !== b],
  ["lt", (a, b) => a < b],
  ["le", (a, b) => a <= b],
  ["gt", (a, b) => a > b],
  ["ge", (a, b) => a >= b],
  ["__and__", (a, b) => a !== 0 && b !== 0],
  ["__or__", (a, b) => a !== 0 || b !== 0],
]);

const UNARY: ReadonlyMap<string, (a: number) => number | boolean> = new Map<
  string,
  (a: number) => number | boolean
>([
  ["neg", (a) => -a],
  ["floor", Math.floor],
  ["ceil", Math.ceil],
  ["sqrt", Math.sqrt],
  ["trunc", Math.trunc],
  ["__not__", (a) => a === 0],
]);

/** How many passes a loop has, and the number of one of them: TorchScript writes `range(start, end, step)` so. */
const LOOPS: ReadonlyMap<string, (a: number, b: number, c: number) => number> = new Map([
  ["__range_length", (start, end, step) => Math.max(0, Math.ceil((end - start) / step))],
  ["__derive_index", (index, start, step) => start + index * step],
]);

/** Values pass as they are, symbols too. */
const SAME = new Set([
  "int",
  "Int",
  "IntImplicit",
  "ScalarImplicit",
  "NumToTensor",
  "item",
  "alias",
  "clone",
  "detach",
  "to",
]);

const IDENTITIES: ReadonlyMap<string, number> = new Map([
  ["add", 0],
  ["sub", 0],
  ["mul", 1],
  ["floordiv", 1],
  ["floor_divide", 1],
]);

/** The result of a call on numbers alone; undefined where it is none. */
export function computed({ op, positional, named }: AtenCall): AtenValue | undefined {
  const given = [...positional, ...named.values()];
  const [a, b, c] = given.map((each) => knownOf(each));
  if (a === undefined) return undefined;
  if (SAME.has(op)) return scalar(a);
  const unary = UNARY.get(op);
  if (unary !== undefined) return typeof a === "number" ? unary(a) : scalar(null);
  const loop = LOOPS.get(op);
  if (loop !== undefined) {
    if (typeof a !== "number" || typeof b !== "number" || typeof c !== "number") return scalar(null);
    const result = loop(a, b, c);
    return scalar(Number.isFinite(result) ? result : null);
  }
  const rounding = op === "div" ? named.get("rounding_mode") ?? positional[2] : undefined;
  const rounded = rounding === "floor" ? Math.floor : rounding === "trunc" ? Math.trunc : undefined;
  if (rounded !== undefined && typeof a === "number" && typeof b === "number") return rounded(a / b);
  const binary = BINARY.get(op);
  if (binary === undefined || b === undefined) return undefined;
  if (typeof a === "number" && typeof b === "number") return binary(a, b);
  return scalar(IDENTITIES.get(op) === b ? a : null);
}
