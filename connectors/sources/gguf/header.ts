/**
 * The header of a GGUF file: a magic, a version, keys with values, and the tensors with their types and offsets. All of it is bounded by
 * the file before it is used. What no reader here needs (vocabularies, merges) is passed over.
 */

import { show } from "../../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { ByteSource } from "../../bytes.ts";
import { typeOf } from "./blocks.ts";

/** Vocabularies of 256,000 words with their merges take 20 MB. */
const LONGEST_HEADER = 100_000_000;

/** What is read first; four times as much each time that it is not enough. */
const FIRST_READ = 2 ** 20;

/** The format's own limit on a key; names of tensors have 64 bytes, which not all writers keep to. */
const LONGEST_NAME = 65_535;

/** Texts and arrays beyond are passed over: nothing here reads them. */
const LONGEST_VALUE = 4096;

/** ggml has four axes. */
const MOST_AXES = 4;

/** Writers make no arrays of arrays; the format allows them. */
const DEEPEST = 4;

/** Writers take 32. */
const LARGEST_ALIGNMENT = 2 ** 20;

/** A value of the metadata; an array of no numbers, or what is longer than needed, is told by its kind and length. */
export type MetadataValue = string | number | boolean | readonly number[] | { readonly told: string };

/** A tensor and where it lies. */
export interface GgufEntry extends TensorInfo {
  /** The id of its type. */
  readonly type: number;
  /** Bytes of the file. */
  readonly begin: number;
  readonly end: number;
}

/** What a header says. */
export interface GgufHeader {
  readonly values: ReadonlyMap<string, MetadataValue>;
  /** In the file's order. */
  readonly entries: readonly GgufEntry[];
  /** Bytes of the header. */
  readonly length: number;
}

/** The header goes on behind what was read of it. */
class MoreNeeded extends Error {}

/** @throws {SyntaxError} when it is no GGUF file of version 2 or 3, or damaged; names the place, what was found and is required */
export async function readHeader(
  path: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<GgufHeader> {
  const most = Math.min(source.size, LONGEST_HEADER);
  let bytes = new Uint8Array(0);
  for (let length = Math.min(FIRST_READ, most);; length = Math.min(4 * length, most)) {
    const longer = new Uint8Array(length);
    longer.set(bytes);
    longer.set(await source.slice(bytes.length, length, signal), bytes.length);
    bytes = longer;
    try {
      return parsed(new Cursor(path, bytes, source.size));
    } catch (failure) {
      if (!(failure instanceof MoreNeeded)) throw failure;
      if (length < most) continue;
      throw new SyntaxError(`${path}: found a header of more than ${most} bytes, required at most so many`);
    }
  }
}

/** Reads little-endian numbers and texts one after another. */
class Cursor {
  readonly path: string;
  readonly size: number;
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes the file's beginning @param size bytes of the whole file */
  constructor(path: string, bytes: Uint8Array, size: number) {
    this.path = path;
    this.size = size;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** An error at this place. */
  error(what: string, found: unknown, required: string): SyntaxError {
    return new SyntaxError(
      `${this.path}: ${what} before byte ${this.at}: found ${
        typeof found === "string" ? found : show(found)
      }, required ${required}`,
    );
  }

  /** Passes over bytes. @returns where they begin */
  skip(count: number, what: string): number {
    const left = this.size - this.at;
    if (count > left) throw this.error(what, `${count} bytes`, `at most the ${left} that are left`);
    if (this.at + count > this.#bytes.length) throw new MoreNeeded();
    this.at += count;
    return this.at - count;
  }

  uint32(what: string): number {
    return this.#view.getUint32(this.skip(4, what), true);
  }

  /** A count of things that take at least `each` bytes of the header, or any number where that is 0. */
  count(what: string, each: number): number {
    const found = this.#view.getBigUint64(this.skip(8, what), true);
    const most = each === 0
      ? Number.MAX_SAFE_INTEGER
      : Math.floor(Math.min(this.size - this.at, LONGEST_HEADER) / each);
    if (found > BigInt(most)) throw this.error(what, String(found), `at most ${most}`);
    return Number(found);
  }

  text(what: string, most: number): string {
    const length = this.count(`length of ${what}`, 1);
    if (length > most) throw this.error(`length of ${what}`, String(length), `at most ${most}`);
    const at = this.skip(length, what);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        this.#bytes.subarray(at, at + length),
      );
    } catch {
      throw this.error(what, "bytes that are not UTF-8", "UTF-8");
    }
  }

  /** A number of metadata. */
  number(type: number, what: string): number {
    const [bytes, read] = NUMBERS.get(type)!;
    return read(this.#view, this.skip(bytes, what));
  }
}

/** Bytes and readers of the numbers of metadata, by type. */
const NUMBERS: ReadonlyMap<number, readonly [bytes: number, read: (view: DataView, at: number) => number]> =
  new Map([
    [0, [1, (view: DataView, at: number) => view.getUint8(at)]],
    [1, [1, (view: DataView, at: number) => view.getInt8(at)]],
    [2, [2, (view: DataView, at: number) => view.getUint16(at, true)]],
    [3, [2, (view: DataView, at: number) => view.getInt16(at, true)]],
    [4, [4, (view: DataView, at: number) => view.getUint32(at, true)]],
    [5, [4, (view: DataView, at: number) => view.getInt32(at, true)]],
    [6, [4, (view: DataView, at: number) => view.getFloat32(at, true)]],
    [7, [1, (view: DataView, at: number) => view.getUint8(at)]],
    [10, [8, (view: DataView, at: number) => Number(view.getBigUint64(at, true))]],
    [11, [8, (view: DataView, at: number) => Number(view.getBigInt64(at, true))]],
    [12, [8, (view: DataView, at: number) => view.getFloat64(at, true)]],
  ]);

const [BOOL, STRING, ARRAY] = [7, 8, 9];

function parsed(cursor: Cursor): GgufHeader {
  if (cursor.uint32("magic") !== 0x46554747) {
    cursor.at = 0;
    throw cursor.error("magic", "something else", '"GGUF" (is this a GGUF file?)');
  }
  const version = cursor.uint32("version");
  if (version !== 0 && (version & 0xffff) === 0) {
    throw cursor.error("version", "big-endian numbers", "a little-endian file (convert it)");
  }
  if (version !== 2 && version !== 3) throw cursor.error("version", version, "2 or 3");
  // A tensor has a length of its name, axes, a type and an offset; a key a length, a type and a value.
  const tensors = cursor.count("number of tensors", 24);
  const keys = cursor.count("number of keys", 13);
  const values = new Map<string, MetadataValue>();
  for (let i = 0; i < keys; i++) {
    const key = cursor.text(`key ${i}`, LONGEST_NAME);
    const place = `key ${show(key)}`;
    if (values.has(key)) throw cursor.error(place, "it twice", "each key once");
    values.set(key, valueAt(cursor, place, cursor.uint32(place), DEEPEST));
  }
  const declared = Array.from({ length: tensors }, (_, i) => tensorAt(cursor, i));
  const length = cursor.at;
  const alignment = alignmentOf(cursor, values.get("general.alignment"));
  const data = Math.ceil(length / alignment) * alignment;
  return { values, entries: placed(cursor, declared, data, alignment), length };
}

function alignmentOf(cursor: Cursor, value: MetadataValue | undefined): number {
  if (value === undefined) return 32;
  if (typeof value === "number" && LARGEST_ALIGNMENT % value === 0 && Number.isInteger(value) && value > 0) {
    return value;
  }
  throw cursor.error("general.alignment", show(value), `a power of two up to ${LARGEST_ALIGNMENT}`);
}

function valueAt(cursor: Cursor, place: string, type: number, deep: number): MetadataValue {
  if (NUMBERS.has(type)) {
    const value = cursor.number(type, place);
    return type === BOOL ? value !== 0 : value;
  }
  if (type === STRING) {
    const length = cursor.count(`length of ${place}`, 1);
    if (length > LONGEST_VALUE) {
      cursor.skip(length, place);
      return { told: `text of ${length} bytes` };
    }
    cursor.at -= 8;
    return cursor.text(place, LONGEST_VALUE);
  }
  if (type !== ARRAY) throw cursor.error(`type of ${place}`, type, "0 to 12");
  if (deep === 0) throw cursor.error(place, `arrays more than ${DEEPEST} deep`, "fewer");
  const inner = cursor.uint32(`type of ${place}`);
  return arrayAt(cursor, place, inner, deep - 1);
}

function arrayAt(cursor: Cursor, place: string, inner: number, deep: number): MetadataValue {
  const [bytes] = NUMBERS.get(inner) ?? [inner === STRING ? 8 : 12];
  const count = cursor.count(`length of ${place}`, bytes);
  if (NUMBERS.has(inner)) {
    if (count <= LONGEST_VALUE) return Array.from({ length: count }, () => cursor.number(inner, place));
    cursor.skip(count * bytes, place);
    return { told: `${count} numbers` };
  }
  for (let i = 0; i < count; i++) {
    if (inner === STRING) cursor.skip(cursor.count(`length of text ${i} of ${place}`, 1), place);
    else valueAt(cursor, place, inner, deep);
  }
  return { told: `${count} ${inner === STRING ? "texts" : "arrays"}` };
}

/** What a header says of a tensor, before it is known where the data begins. */
interface Declared {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly offset: number;
}

function tensorAt(cursor: Cursor, index: number): Declared {
  const name = cursor.text(`name of tensor ${index}`, LONGEST_NAME);
  const place = `tensor ${show(name)}`;
  const axes = cursor.uint32(`${place}, axes`);
  if (axes > MOST_AXES) throw cursor.error(`${place}, axes`, axes, `at most ${MOST_AXES}`);
  // The innermost axis comes first.
  const shape = Array.from({ length: axes }, () => cursor.count(`${place}, shape`, 0)).reverse();
  const type = cursor.uint32(`${place}, type`);
  return { name, shape, type, offset: cursor.count(`${place}, offset`, 0) };
}

/** Where tensors lie: within the file, each on its alignment, none over another. */
function placed(
  cursor: Cursor,
  declared: readonly Declared[],
  data: number,
  alignment: number,
): readonly GgufEntry[] {
  const { path, size } = cursor;
  const names = new Set<string>();
  const entries = declared.map((each): GgufEntry => {
    const { name, shape, type, offset } = each;
    const place = `${path}: tensor ${show(name)}`;
    if (names.has(name)) throw new SyntaxError(`${place}: found it twice, required each name once`);
    names.add(name);
    if (offset % alignment !== 0) {
      throw new SyntaxError(`${place}, offset: found ${offset}, required a multiple of ${alignment}`);
    }
    const { name: dtype, count, bytes } = typeOf(type);
    if ((shape.at(-1) ?? 1) % count !== 0) {
      throw new SyntaxError(
        `${place}, shape ${show(shape)} of ${dtype}: found rows of ${
          shape.at(-1)
        }, required a multiple of ${count}`,
      );
    }
    const byteLength = bytes === null ? 0 : elementCount(shape) / count * bytes;
    const begin = data + offset;
    if (begin + byteLength > size) {
      throw new SyntaxError(
        `${place}, shape ${
          show(shape)
        } of ${dtype} at offset ${offset}: found ${byteLength} bytes, required within ${
          Math.max(0, size - data)
        } bytes of data`,
      );
    }
    const info = { name, dtype, shape, byteLength, type, begin, end: begin + byteLength };
    return bytes === null ? { ...info, unreadable: `GGUF type ${dtype} is not read` } : info;
  });
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  ordered.forEach(({ name, begin }, i) => {
    const before = ordered[i - 1];
    if (before === undefined || before.end <= begin) return;
    throw new SyntaxError(
      `${path}: tensor ${show(name)}, offset ${begin - data}: found an overlap with ${
        show(before.name)
      }, required behind it`,
    );
  });
  return entries;
}
