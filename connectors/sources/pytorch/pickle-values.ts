/**
 * What a pickle holds, as inert values. Whatever Python would import, call or build is a record of what was asked for:
 * nothing here runs, and no object of ours ever gets a property by a name from a file.
 */

/** Any value of a pickle. `bigint` where an integer leaves the safe range. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleDict
  | PickleRecord
  | PickleGlobal
  | PicklePersistent;

/** A list, tuple or set. */
export interface PickleList {
  readonly kind: "list";
  readonly items: PickleValue[];
}

/** A dict, in its order. Keys that are lists or records are compared by identity. */
export interface PickleDict {
  readonly kind: "dict";
  readonly entries: Map<PickleValue, PickleValue>;
}

/** The name of something that Python would import. */
export interface PickleGlobal {
  readonly kind: "global";
  readonly module: string;
  readonly name: string;
}

/** A reference to something outside the pickle, such as a storage. */
export interface PicklePersistent {
  readonly kind: "persistent";
  readonly id: PickleValue;
}

/** A call or an instance that Python would make, with whatever was to be done to it. */
export interface PickleRecord {
  readonly kind: "record";
  /** The function or class. */
  readonly callable: PickleValue;
  readonly args: readonly PickleValue[];
  /** What `__setstate__` would get; undefined where nothing was said. */
  state: PickleValue | undefined;
  /** Items that a subclass of dict would be given. */
  entries: Map<PickleValue, PickleValue> | undefined;
  /** Items that a subclass of list would be given. */
  items: PickleValue[] | undefined;
}

/** Whether a value is a call or instance of `module.name`. */
export function isRecordOf(value: PickleValue | undefined, pattern: RegExp): value is PickleRecord {
  return isKind(value, "record") && isKind(value.callable, "global") &&
    pattern.test(`${value.callable.module}.${value.callable.name}`);
}

type Kinds = {
  list: PickleList;
  dict: PickleDict;
  record: PickleRecord;
  global: PickleGlobal;
  persistent: PicklePersistent;
};

/** Whether a value is of this kind. */
export function isKind<K extends keyof Kinds>(value: PickleValue | undefined, kind: K): value is Kinds[K] {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && value.kind === kind;
}
