/** Values of TorchScript code: tensors and numbers as operators know them, and objects, functions and types. */

import { type AtenValue, isList } from "../aten/values.ts";
import type { PickleRecord } from "../pytorch/pickle-values.ts";

/** Any value. */
export type ScriptValue = AtenValue | ScriptObject | ScriptName;

/** A module, or another instance of a class. */
export interface ScriptObject {
  readonly kind: "object";
  readonly record: PickleRecord;
  /** Its place in the root module, keys joined by dots; empty for the root. */
  readonly path: string;
}

/** Something that is known by its name only: an operator, a function, a type. */
export interface ScriptName {
  readonly kind: "name";
  readonly name: string;
}

/** Whether a value is one that operators take. */
export function isAten(value: ScriptValue): value is AtenValue {
  return typeof value !== "object" || value === null || value.kind !== "object" && value.kind !== "name";
}

/** What operators take of a value: objects and types are nothing to them. */
export function atenOf(value: ScriptValue): AtenValue {
  return isAten(value) ? value : null;
}

/** One of several values; of what is no list each is that. */
export function partOf(value: ScriptValue, at: number): ScriptValue {
  return isAten(value) && isList(value) ? value.items[at] ?? null : value;
}
