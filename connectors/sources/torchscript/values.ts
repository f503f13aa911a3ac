/** Values of TorchScript code: tensors and numbers as operators know them, and objects, functions and types. */

import type { TensorInfo } from "../../../src/model/tensor.ts";
import { type AtenValue, isList } from "../aten/values.ts";
import { isKind, type PickleRecord } from "../pytorch/pickle-values.ts";
import type { ScriptFile } from "./syntax.ts";

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

/** A stored tensor, with its numbers where they are few and integers. */
export interface StoredValue {
  readonly info: TensorInfo;
  readonly data?: readonly number[];
}

/** What code may refer to. */
export interface ScriptSurroundings {
  /** The file of code of a qualified name's module, `__torch__.torch.nn.functional`; undefined where there is none. */
  file(module: string): ScriptFile | undefined;
  /** The tensor at a path of the root module. */
  tensor(path: string): StoredValue | undefined;
  /** What `CONSTANTS.c<n>` is. */
  constant(index: number): AtenValue | undefined;
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

/** What is known by its name only. */
export function named(name: string): ScriptName {
  return { kind: "name", name };
}

/** Whether a record is an instance of a class of the archive. */
export function isModule({ callable }: PickleRecord): boolean {
  return isKind(callable, "global") && callable.module.startsWith("__torch__");
}
