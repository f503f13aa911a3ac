/** PyTorch's tensors, recognized among the inert records of a pickle and bounded. */

import { show } from "../../../src/model/errors.ts";
import { elementCount } from "../../../src/model/tensor.ts";
import { DTYPE_BYTES, unreadable } from "../floats.ts";
import {
  isKind,
  isRecordOf,
  type PicklePersistent,
  type PickleRecord,
  type PickleValue,
} from "./pickle-values.ts";
import { spanOf, type Strided } from "../strided.ts";

/** A run of elements that stands elsewhere in the file. */
export interface TorchStorage {
  readonly key: string;
  /** Elements of the storage's own type, as the pickle says. */
  readonly elements: number;
  /** Bytes per element of that type. */
  readonly elementBytes: number;
}

/** A tensor as the pickle describes it. */
export interface TorchTensor extends Strided {
  readonly dtype: string;
  /** Bytes per element. */
  readonly bytes: number;
  /** Null where there is none to read from; then `unreadable` says why. */
  readonly storage: TorchStorage | null;
  readonly unreadable?: string;
}

/** Types of storages, by torch's class, as safetensors calls them. */
const STORAGES: ReadonlyMap<string, readonly [dtype: string, bytes: number]> = new Map([
  ["DoubleStorage", ["F64", 8]],
  ["FloatStorage", ["F32", 4]],
  ["HalfStorage", ["F16", 2]],
  ["BFloat16Storage", ["BF16", 2]],
  ["LongStorage", ["I64", 8]],
  ["IntStorage", ["I32", 4]],
  ["ShortStorage", ["I16", 2]],
  ["CharStorage", ["I8", 1]],
  ["ByteStorage", ["U8", 1]],
  ["BoolStorage", ["BOOL", 1]],
  ["ComplexFloatStorage", ["C64", 8]],
  ["ComplexDoubleStorage", ["C128", 16]],
  ["UntypedStorage", ["U8", 1]],
  ["QInt8Storage", ["QI8", 1]],
  ["QUInt8Storage", ["QU8", 1]],
  ["QInt32Storage", ["QI32", 4]],
  ["QUInt4x2Storage", ["QU4", 1]],
  ["QUInt2x4Storage", ["QU2", 1]],
]);

/** Types that newer tensors name themselves, over a storage without a type. */
const DTYPES: ReadonlyMap<string, string> = new Map([
  ["uint16", "U16"],
  ["uint32", "U32"],
  ["uint64", "U64"],
  ["float8_e4m3fn", "F8_E4M3"],
  ["float8_e4m3fnuz", "F8_E4M3FNUZ"],
  ["float8_e5m2", "F8_E5M2"],
  ["float8_e5m2fnuz", "F8_E5M2FNUZ"],
  ["float8_e8m0fnu", "F8_E8M0"],
]);

/** No framework makes tensors of more axes. */
const MOST_AXES = 16;

/** A tensor with stride 0 says the same element again and again; what is worth it has up to a million elements, 8 MB here. */
const MOST_REPEATED = 2 ** 20;

/** Parameters wrap tensors, and subclasses wrap parameters. */
const MOST_WRAPPERS = 8;

/**
 * The tensor that torch would make of a record.
 *
 * @param what the file in messages
 * @param path the tensor's place in the file, likewise
 * @returns null where the record is none
 * @throws {SyntaxError} when its numbers do not fit together
 */
export function torchTensor(
  value: PickleValue,
  what: string,
  path: readonly { readonly key: string }[],
): TorchTensor | null {
  return isKind(value, "record") && isKind(value.callable, "global") &&
      value.callable.module.startsWith("torch.")
    ? unwrapped(value, `${what}: tensor ${show(path.map(({ key }) => key).join("."))}`, 0)
    : null;
}

function unwrapped(value: PickleValue, place: string, depth: number): TorchTensor | null {
  if (!isKind(value, "record") || depth > MOST_WRAPPERS) return null;
  const { args } = value;
  const name = globalOf(value);
  if (
    /^torch\._utils\._rebuild_parameter(_with_state)?$|^torch\.nn\.parameter\.(Parameter|Buffer)$/.test(name)
  ) {
    return unwrapped(args[0] ?? parameterData(value), place, depth + 1);
  }
  if (/^torch\._tensor\._rebuild_from_type(_v2)?$/.test(name) && isKind(args[2], "list")) {
    return unwrapped({ ...value, callable: args[0] ?? null, args: args[2].items }, place, depth + 1);
  }
  if (/^torch\._utils\._rebuild_tensor(_v2|_v3)?$/.test(name)) return strided(value, place);
  if (/^torch\._utils\._rebuild_qtensor$/.test(name)) {
    return { ...strided(value, place), unreadable: "a quantized tensor (dequantize it before saving)" };
  }
  if (/^torch\._utils\._rebuild_sparse/.test(name)) {
    const parts = isKind(args[1], "list") ? args[1].items : [];
    const shape = parts.map(counts).find((each, index) => index >= 2 && each !== null) ?? [];
    return without(shape, "a sparse tensor (call to_dense() before saving)");
  }
  if (/^torch\._utils\._rebuild_(\w*tensor\w*|wrapper_subclass|nested\w*)$/.test(name)) {
    const shape = args.map(counts).find((each) => each !== null) ?? [];
    return without(shape, `a tensor without data of its own (${show(name)})`);
  }
  return null;
}

/** Parameters of early versions are built by their state: (data, requires_grad, …). */
function parameterData(value: PickleRecord): PickleValue {
  return isKind(value.state, "list") ? value.state.items[0] ?? null : null;
}

function globalOf({ callable }: PickleRecord): string {
  return isKind(callable, "global") ? `${callable.module}.${callable.name}` : "";
}

function without(shape: readonly number[], reason: string): TorchTensor {
  return { dtype: "unknown", bytes: 0, storage: null, shape, strides: shape, offset: 0, unreadable: reason };
}

function strided(value: PickleRecord, place: string): TorchTensor {
  const [where, offset, size, stride] = value.args;
  const { dtype: stored, storage, shift } = storageOf(where, place);
  const named = isKind(value.args[6], "global") ? DTYPES.get(value.args[6].name) : undefined;
  const dtype = named ?? stored;
  const bytes = DTYPE_BYTES.get(dtype) ?? storage.elementBytes;
  const shape = counts(size), strides = counts(stride), first = count(offset);
  if (
    shape === null || strides === null || first === null || shape.length !== strides.length ||
    shape.length > MOST_AXES
  ) {
    throw new SyntaxError(
      `${place}: found shape ${plain(size)}, strides ${plain(stride)} and offset ${
        plain(offset)
      }, required non-negative integers, at most ${MOST_AXES} axes`,
    );
  }
  const tensor = { dtype, bytes, storage, shape, strides, offset: first + shift };
  const room = Math.floor(storage.elements * storage.elementBytes / bytes);
  const { end } = spanOf(tensor);
  const elements = elementCount(shape);
  if (!(end <= room || elements === 0)) {
    throw new SyntaxError(
      `${place}: shape ${
        show(shape)
      }: found its end at element ${end} of its storage, required within ${room}`,
    );
  }
  if (elements > room && elements > MOST_REPEATED) {
    throw new SyntaxError(
      `${place}: shape ${
        show(shape)
      }: found ${elements} elements of a storage of ${room}, required at most ${MOST_REPEATED} where they repeat`,
    );
  }
  const reason = unreadable(dtype);
  return reason === undefined ? tensor : { ...tensor, unreadable: reason };
}

/** A storage by its persistent id. */
function storageOf(
  value: PickleValue | undefined,
  place: string,
): { readonly dtype: string; readonly storage: TorchStorage; readonly shift: number } {
  const storage = isKind(value, "persistent") ? torchStorage(value) : null;
  if (storage === null) {
    const id = isKind(value, "persistent") ? value.id : value;
    throw new SyntaxError(
      `${place}: found storage ${plain(id)}, required one of torch's with a key and a size`,
    );
  }
  const view = isKind(value, "persistent") && isKind(value.id, "list") ? value.id.items[5] : null;
  if (!isKind(view, "list")) return { dtype: storage.dtype, storage, shift: 0 };
  // The legacy container has storages that are views of others: (key, offset, elements).
  const shift = count(view.items[1]), length = count(view.items[2]);
  if (shift === null || length === null || shift + length > storage.elements) {
    throw new SyntaxError(
      `${place}: found a view outside of its storage of ${storage.elements} elements, required within`,
    );
  }
  return { dtype: storage.dtype, storage, shift };
}

/** The storage that a persistent id means, `("storage", class, key, location, elements)`; null where it means none. */
export function torchStorage({ id }: PicklePersistent): TorchStorage & { readonly dtype: string } | null {
  const [tag, type, key, , size] = isKind(id, "list") ? id.items : [];
  const name = isKind(type, "global") && /^torch(\.cuda|\.storage)?$/.test(type.module) ? type.name : "";
  const [dtype, elementBytes] = STORAGES.get(name) ?? [];
  const elements = count(size);
  if (
    tag !== "storage" || dtype === undefined || elementBytes === undefined || !isKey(key) || elements === null
  ) {
    return null;
  }
  return { dtype, key: String(key), elements, elementBytes };
}

/** The legacy container's keys are text in newer versions, and were numbers. */
function isKey(value: PickleValue | undefined): value is string | number | bigint {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint";
}

function count(value: PickleValue | undefined): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** A tuple of counts, or the `torch.Size` that holds one; null where it is none. */
function counts(value: PickleValue | undefined): number[] | null {
  if (isRecordOf(value, /^torch\.Size$/)) return counts(value.args[0]);
  if (!isKind(value, "list")) return null;
  const found = value.items.map(count);
  return found.some((each) => each === null) ? null : found as number[];
}

/** For messages; one level deep, since a pickle's value may hold itself. */
function plain(value: PickleValue | undefined): string {
  if (isKind(value, "list")) return show(value.items.slice(0, 16).map((item) => isScalar(item) ? item : "…"));
  if (isKind(value, "global")) return show(`${value.module}.${value.name}`);
  return isScalar(value) ? show(value) : "an object";
}

function isScalar(value: PickleValue | undefined): value is string | number | boolean | null | undefined {
  return value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
}
