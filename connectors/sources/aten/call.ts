/** One call of an operator of PyTorch's: its arguments, by position or by name, and what it makes of them. */

import { axisOf, type Value } from "../onnx/values.ts";
import type { Known } from "../onnx/integers.ts";
import { type AtenValue, constant, isList, isTensor, knownOf, rankOf } from "./values.ts";

/** An operator and what it is given. */
export interface AtenCall {
  /** `aten`, or whose operator it is. */
  readonly namespace: string;
  /** Without its namespace and overload: `conv2d`. */
  readonly op: string;
  /** `default`, `Tensor`, …; empty where nothing says it. */
  readonly overload: string;
  /** What the file calls the result. */
  readonly name: string;
  readonly positional: readonly AtenValue[];
  readonly named: ReadonlyMap<string, AtenValue>;
}

/** The arguments of a call. */
export class Arguments {
  readonly call: AtenCall;
  readonly #note: (value: Value, role: string) => void;

  /** @param note told of each tensor that is asked for, and under which name */
  constructor(call: AtenCall, note: (value: Value, role: string) => void) {
    this.call = call;
    this.#note = note;
  }

  /** An argument by its name, else by its place; undefined where it is left out. */
  get(at: number, name: string): AtenValue | undefined {
    const { named, positional } = this.call;
    // The first argument is `self` or `input`; where all are named it is the first one.
    const [first] = at === 0 && positional.length === 0 ? named.values() : [];
    return named.get(name) ?? positional[at] ?? first;
  }

  /** A tensor; numbers become constants. Null where there is none. */
  tensor(at: number, name: string): Value | null {
    const value = this.get(at, name);
    if (isTensor(value)) {
      this.#note(value, name);
      return value;
    }
    const known = knownOf(value);
    return known === undefined ? null : constant([], [known]);
  }

  /** All tensors of a list. */
  tensors(at: number, name: string): readonly (Value | null)[] {
    const value = this.get(at, name);
    const items = isList(value) ? value.items : value === undefined ? [] : [value];
    for (const each of items) if (isTensor(each)) this.#note(each, name);
    return items.map((each) => isTensor(each) ? each : null);
  }

  /** A number; `otherwise` where it is left out, null where it is not known. */
  number<T>(at: number, name: string, otherwise: T): number | T | null {
    const value = this.get(at, name);
    if (value === undefined || value === null) return otherwise;
    const known = knownOf(value);
    return typeof known === "number" ? known : null;
  }

  /** Numbers, some of which may be symbols or not known; undefined where they are left out. One number is a list of it. */
  numbers(at: number, name: string): readonly Known[] | undefined {
    const value = this.get(at, name);
    if (value === undefined || value === null) return undefined;
    if (!isList(value)) {
      const known = knownOf(value);
      if (known !== undefined) return [known];
      return isTensor(value) && value.kind === "constant" ? value.integers?.data : undefined;
    }
    return value.items.map((each) => knownOf(each) ?? null);
  }

  /** Numbers for so many axes, all of them known: one number stands for all. Null where they are not. */
  extents(at: number, name: string, count: number, otherwise: number): readonly number[] | null {
    const numbers = this.numbers(at, name) ?? [];
    if (numbers.length === 0) return Array.from({ length: count }, () => otherwise);
    if (numbers.some((each) => typeof each !== "number")) return null;
    const known = numbers as readonly number[];
    return known.length === 1 ? Array.from({ length: count }, () => known[0]!) : known;
  }

  /** The axis that a number means; null where the tensor has no such axis, or its axes are not known. */
  axis(at: number, name: string, value: Value | null, otherwise: number): number | null {
    const rank = rankOf(value);
    const number = this.number(at, name, otherwise);
    return rank === null || number === null ? null : axisOf(number, rank);
  }

  /** The tensors among all arguments, also those in lists. */
  all(): readonly Value[] {
    const every = [...new Set([...this.call.positional, ...this.call.named.values()])];
    return every.flatMap((each) => isTensor(each) ? [each] : isList(each) ? each.items.filter(isTensor) : []);
  }
}
