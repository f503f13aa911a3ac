/**
 * Protobuf's wire format, read by position: fields are visited one by one, and what is long is skipped, not read. A file of gigabytes is
 * scanned through a small window.
 */

import { show } from "../../../src/model/errors.ts";
import type { ByteSource } from "../../bytes.ts";

/** How a field is encoded: a varint, 8 bytes, bytes with their length before them, 4 bytes. */
export type WireType = 0 | 1 | 2 | 5;

/** One field of a message. */
export interface Field {
  readonly number: number;
  readonly wire: WireType;
  /** Of a varint, as a signed 64-bit integer; rounded beyond 2^53. */
  readonly value: number;
  /** Where its tag begins. */
  readonly tag: number;
  /** Where its content begins and ends, in the file. */
  readonly start: number;
  readonly end: number;
}

/** What is read at once. */
const WINDOW = 64 * 1024;

/** A tag and a varint, ten bytes each at most. */
const LONGEST_HEAD = 20;

/** Names of nodes and tensors are paths of a few hundred characters; a megabyte is nobody's. */
const LONGEST_TEXT = 2 ** 20;

/** A graph of a million nodes has some ten million fields. */
const MOST_FIELDS = 30_000_000;

/** All that is kept of a file's texts and numbers, in bytes: a million names. */
const MOST_KEPT = 64 * 2 ** 20;

/** Visits the fields of messages within one file. */
export class WireScanner {
  readonly #path: string;
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #window: Uint8Array = new Uint8Array(0);
  #first = 0;
  #fields = 0;
  #kept = 0;

  constructor(path: string, source: ByteSource, signal?: AbortSignal) {
    this.#path = path;
    this.#source = source;
    this.#signal = signal;
  }

  /**
   * Visits the fields of the message in `[start, end)`, in order.
   *
   * @throws {SyntaxError} where the bytes are no fields, or a field leaves its message; names the place
   */
  async fields(
    start: number,
    end: number,
    place: string,
    visit: (field: Field) => Promise<void> | void,
  ): Promise<void> {
    for (let at = start; at < end;) {
      const field = await this.#field(at, end, place);
      const pending = visit(field);
      if (pending !== undefined) await pending;
      at = field.end;
    }
  }

  /** The text of a field. @throws {SyntaxError} where it is none, or longer than any name is */
  async text(field: Field, place: string): Promise<string> {
    const bytes = await this.bytes(field, place, LONGEST_TEXT);
    try {
      // The byte order mark is a character like any other: names are kept exactly.
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw this.error(place, field.start, "bytes that are not UTF-8", "text", cause);
    }
  }

  /** The bytes of a field of at most `most` bytes. */
  async bytes(field: Field, place: string, most: number): Promise<Uint8Array> {
    if (field.wire !== 2) throw this.error(place, field.tag, `wire type ${field.wire}`, "bytes");
    const length = field.end - field.start;
    if (length > most) throw this.error(place, field.start, `${length} bytes`, `at most ${most}`);
    this.#kept += length;
    if (this.#kept > MOST_KEPT) {
      throw this.error(place, field.start, `over ${MOST_KEPT} bytes of names and numbers`, "fewer");
    }
    const from = field.start - this.#first;
    if (from >= 0 && from + length <= this.#window.length) return this.#window.slice(from, from + length);
    return await this.#source.slice(field.start, field.end, this.#signal);
  }

  /** The integers of a repeated field, packed or one of the unpacked. At most `most`. */
  async integers(field: Field, place: string, most: number): Promise<number[]> {
    if (field.wire === 0) return [field.value];
    const bytes = await this.bytes(field, place, most * 10);
    const out: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const read = varint(bytes, at, bytes.length);
      if (read === null || out.length === most) {
        throw this.error(place, field.start + at, "no integer", `at most ${most} integers`);
      }
      out.push(read.value);
      at = read.next;
    }
    return out;
  }

  /** A message of a key and its value, both texts. */
  async pair(message: Field, place: string): Promise<readonly [string, string]> {
    let [key, value] = ["", ""];
    await this.fields(message.start, message.end, place, async (field) => {
      if (field.number === 1) key = await this.text(field, place);
      else if (field.number === 2) value = await this.text(field, place);
    });
    return [key, value];
  }

  /** An error that names file, place, what was found and what is required. */
  error(place: string, at: number, found: string, required: string, cause?: unknown): SyntaxError {
    const message = `${this.#path}: ${place} at byte ${at}: found ${found}, required ${required}`;
    return new SyntaxError(message, { cause });
  }

  async #field(at: number, end: number, place: string): Promise<Field> {
    if (++this.#fields > MOST_FIELDS) throw this.error(place, at, `over ${MOST_FIELDS} fields`, "fewer");
    const size = Math.min(LONGEST_HEAD, end - at);
    if (at < this.#first || at + size > this.#first + this.#window.length) {
      this.#signal?.throwIfAborted();
      this.#window = await this.#source.slice(at, Math.min(this.#source.size, at + WINDOW), this.#signal);
      this.#first = at;
    }
    const from = at - this.#first;
    const tag = varint(this.#window, from, from + size);
    if (tag === null) throw this.error(place, at, "no field", "a tag (is this an ONNX file?)");
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (!(number >= 1 && number < 2 ** 29) || wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5) {
      throw this.error(place, at, `tag ${show(tag.value)}`, "a field of protobuf (is this an ONNX file?)");
    }
    const start = this.#first + tag.next;
    if (wire === 1 || wire === 5) {
      return this.#within(
        { number, wire, value: 0, tag: at, start, end: start + (wire === 1 ? 8 : 4) },
        end,
        place,
      );
    }
    const value = varint(this.#window, tag.next, from + size);
    if (value === null) throw this.error(place, start, "no number", "a varint of at most ten bytes");
    const next = this.#first + value.next;
    if (wire === 0) return { number, wire, value: value.value, tag: at, start, end: next };
    if (value.value < 0) throw this.error(place, start, `length ${value.value}`, "0 or more");
    return this.#within(
      { number, wire, value: 0, tag: at, start: next, end: next + value.value },
      end,
      place,
    );
  }

  #within(field: Field, end: number, place: string): Field {
    if (field.end <= end) return field;
    throw this.error(
      place,
      field.tag,
      `field ${field.number} of ${field.end - field.start} bytes`,
      `at most the ${Math.max(0, end - field.start)} that its message has left`,
    );
  }
}

/**
 * Decodes a varint within `[from, to)`.
 *
 * @returns its value as a signed 64-bit integer (rounded beyond 2^53) and where it ends; null where it does not end within ten bytes
 */
export function varint(
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly value: number; readonly next: number } | null {
  let low = 0;
  for (let i = 0; i < 10 && from + i < to; i++) {
    const byte = bytes[from + i]!;
    // Seven groups of seven bits are exact in a double.
    if (i < 7) low += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { value: i < 7 ? low : large(bytes, from, i + 1), next: from + i + 1 };
  }
  return null;
}

function large(bytes: Uint8Array, from: number, length: number): number {
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = value << 7n | BigInt(bytes[from + i]! & 127);
  return Number(BigInt.asIntN(64, value));
}
