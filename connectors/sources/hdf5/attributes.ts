/** Attributes that hold text: names of layers and weights, the JSON of a model. */

import type { Cursor, Hdf5Bytes } from "./bytes.ts";
import { MESSAGE, type Message } from "./header.ts";
import { parseDataspace, parseDatatype } from "./types.ts";

/** Text by attribute; other attributes are left out. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

/** A million names. HDF5 keeps an attribute within 64 KiB where it is not told otherwise. */
const MOST_STRINGS = 1_000_000;

/** Texts of one attribute together: the JSON of the largest models takes a few megabytes. */
const LONGEST_TEXT = 64 * 2 ** 20;

/** Reads attributes of a file; text of variable length lies in heaps, which are kept. */
export class AttributeReader {
  readonly #file: Hdf5Bytes;
  readonly #heaps = new Map<number, ReadonlyMap<number, Uint8Array>>();
  /** Bytes of heaps that are kept. */
  #kept = 0;

  constructor(file: Hdf5Bytes) {
    this.#file = file;
  }

  /** @throws {SyntaxError} when an attribute is damaged */
  async read(header: readonly Message[], signal?: AbortSignal): Promise<Attributes> {
    const found = new Map<string, readonly string[]>();
    for (const { type, shared, data } of header) {
      if (type !== MESSAGE.attribute || shared) continue;
      const parsed = parseAttribute(data);
      if (parsed === null) continue;
      const { name, count, size, variable, values } = parsed;
      if (count > MOST_STRINGS) {
        throw data.damaged(`an attribute of ${count} texts`, `at most ${MOST_STRINGS}`);
      }
      const texts: string[] = [];
      let length = 0;
      for (let i = 0; i < count; i++) {
        const bytes = variable ? await this.#variable(values, signal) : values.take(size);
        length += bytes.length;
        if (length > LONGEST_TEXT) {
          throw data.damaged(`an attribute of ${length} bytes or more`, `at most ${LONGEST_TEXT}`);
        }
        texts.push(values.text(bytes));
      }
      found.set(name, texts);
    }
    return found;
  }

  /** A text in a heap: its length, the heap's address, its number there. */
  async #variable(values: Cursor, signal?: AbortSignal): Promise<Uint8Array> {
    const length = values.u32();
    const address = values.address();
    const number = values.u32();
    if (length === 0 || address === null || address === 0) return new Uint8Array();
    const text = (await this.#heap(address, signal)).get(number);
    if (text === undefined || text.length < length) {
      throw values.damaged(
        `a text of ${length} bytes as number ${number} of the heap at ${address}`,
        text === undefined ? "a number that the heap holds" : `at most its ${text.length} bytes`,
      );
    }
    return text.subarray(0, length);
  }

  async #heap(address: number, signal?: AbortSignal): Promise<ReadonlyMap<number, Uint8Array>> {
    const known = this.#heaps.get(address);
    if (known !== undefined) return known;
    const head = await this.#file.read(address, 8 + this.#file.lengthSize, signal);
    head.expect("GCOL").version("a heap", 1);
    const size = head.skip(3).length();
    this.#kept += size;
    if (this.#kept > 2 * LONGEST_TEXT) {
      throw head.damaged(`heaps of ${this.#kept} bytes`, `at most ${2 * LONGEST_TEXT}`);
    }
    const heap = await this.#file.read(address, size, signal);
    heap.skip(head.at);
    const objects = new Map<number, Uint8Array>();
    while (heap.left >= 8 + this.#file.lengthSize) {
      const number = heap.u16();
      const length = heap.skip(6).length();
      if (number === 0) break; // the rest is free
      // A copy: what is cached is no page's.
      objects.set(number, heap.take(length).slice());
      heap.skip(Math.min(heap.left, (8 - length % 8) % 8));
    }
    this.#heaps.set(address, objects);
    return objects;
  }
}

interface Attribute {
  readonly name: string;
  readonly count: number;
  readonly size: number;
  readonly variable: boolean;
  readonly values: Cursor;
}

/** Null where it holds no text. */
function parseAttribute(message: Cursor): Attribute | null {
  const version = message.version("an attribute", 1, 2, 3);
  const flags = message.u8();
  const [nameSize, typeSize, spaceSize] = [message.u16(), message.u16(), message.u16()];
  if (version === 3) message.skip(1);
  const padded = (size: number) => version === 1 ? Math.ceil(size / 8) * 8 : size;
  const name = message.text(message.take(padded(nameSize)));
  // Types and spaces that several objects share lie elsewhere; nobody writes text so.
  if (version > 1 && (flags & 3) !== 0) return null;
  const type = parseDatatype(message.part(padded(typeSize)));
  const space = parseDataspace(message.part(padded(spaceSize)));
  if (space === null || (type.kind !== "text" && type.kind !== "variable text")) return null;
  const variable = type.kind === "variable text";
  const count = space.reduce((product, extent) => product * extent, 1);
  return { name, count, size: type.size, variable, values: message.part(message.left) };
}
