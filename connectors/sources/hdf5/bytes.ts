/** Bytes of an HDF5 file's structures: read through a small cache, counted, and taken apart number by number. */

import { LruCache } from "../../../src/base/lru-cache.ts";
import type { ByteSource } from "../../bytes.ts";

/** Structures are small and lie near each other: a page holds some dozens. */
const PAGE = 64 * 1024;

/** 4 MiB of pages. */
const MOST_PAGES = 64;

/** A million tensors of 256 bytes of header each; whatever takes more is no model. */
const MOST_METADATA = 256 * 2 ** 20;

/** Names in groups are a path of a few words; this is what a path of the operating system may have. */
export const LONGEST_NAME = 4096;

/** The bytes of one file's structures, in its own sizes of offsets and lengths. */
export class Hdf5Bytes {
  readonly what: string;
  readonly source: ByteSource;
  /** Bytes of a file address, and of a length: 4 or 8. */
  offsetSize = 8;
  lengthSize = 8;
  /** Where address 0 lies. */
  base = 0;
  readonly #pages = new LruCache<number, Uint8Array>(MOST_PAGES);
  #left: number;

  constructor(what: string, source: ByteSource) {
    this.what = what;
    this.source = source;
    // Every structure is read once or twice; whoever makes us read more has built a circle.
    this.#left = Math.min(MOST_METADATA, 4 * source.size + PAGE);
  }

  /** An error at a place in the file. */
  damaged(at: number, found: string, required: string): SyntaxError {
    return new SyntaxError(`${this.what}: HDF5 at byte ${at}: found ${found}, required ${required}`);
  }

  /**
   * Reads a structure.
   *
   * @param at an address, from `base` on
   * @throws {SyntaxError} when it leaves the file, or the file's structures refer to each other without end
   */
  async read(at: number, length: number, signal?: AbortSignal): Promise<Cursor> {
    const start = at + this.base;
    if (!(start >= 0 && length >= 0 && start + length <= this.source.size)) {
      throw this.damaged(at, `${length} bytes`, `within the file's ${this.source.size} bytes`);
    }
    this.#left -= length + 16;
    if (this.#left < 0) {
      throw this.damaged(at, "structures read again and again", "each one once (is the file damaged?)");
    }
    return new Cursor(this, await this.#bytes(start, start + length, signal), at);
  }

  async #bytes(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const page = Math.floor(start / PAGE);
    if (Math.floor((end - 1) / PAGE) !== page) return await this.source.slice(start, end, signal);
    let bytes = this.#pages.get(page);
    if (bytes === undefined) {
      bytes = await this.source.slice(page * PAGE, Math.min(this.source.size, (page + 1) * PAGE), signal);
      this.#pages.set(page, bytes);
    }
    return bytes.subarray(start - page * PAGE, end - page * PAGE);
  }
}

/** A place in a structure, moving forward; all numbers are little-endian. */
export class Cursor {
  readonly file: Hdf5Bytes;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  at = 0;

  constructor(file: Hdf5Bytes, bytes: Uint8Array, start: number) {
    this.file = file;
    this.bytes = bytes;
    this.#start = start;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** An error at this place. */
  damaged(found: string, required: string): SyntaxError {
    return this.file.damaged(this.#start + this.at, found, required);
  }

  /** @throws {SyntaxError} when so many bytes are not left */
  skip(length: number): this {
    if (!(length >= 0 && length <= this.left)) {
      throw this.damaged(`${this.left} bytes left`, `${length} (is the file damaged?)`);
    }
    this.at += length;
    return this;
  }

  /** The next bytes, not copied. */
  take(length: number): Uint8Array {
    const from = this.at;
    this.skip(length);
    return this.bytes.subarray(from, from + length);
  }

  /** The next bytes as a structure of their own. */
  part(length: number): Cursor {
    const start = this.#start + this.at;
    return new Cursor(this.file, this.take(length), start);
  }

  u8(): number {
    const at = this.at;
    this.skip(1);
    return this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.at;
    this.skip(2);
    return this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.at;
    this.skip(4);
    return this.#view.getUint32(at, true);
  }

  /** An unsigned number of 1 to 8 bytes. Beyond 2^53 it is not exact, and larger than any file. */
  uint(size: number): number {
    const at = this.at;
    this.skip(size);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#view.getUint8(at + i);
    return value;
  }

  length(): number {
    return this.uint(this.file.lengthSize);
  }

  /** A file address; null where it is undefined (all ones). */
  address(): number | null {
    const bytes = this.take(this.file.offsetSize);
    if (bytes.every((byte) => byte === 255)) return null;
    this.at -= bytes.length;
    return this.uint(bytes.length);
  }

  /** An address that must be there. */
  defined(what: string): number {
    const address = this.address();
    if (address === null) throw this.damaged(`no address of ${what}`, "one");
    return address;
  }

  /** @throws {SyntaxError} when the next bytes are not this signature */
  expect(signature: string): this {
    const found = String.fromCharCode(...this.take(signature.length));
    if (found === signature) return this;
    this.at -= signature.length;
    throw this.damaged(JSON.stringify(found), `"${signature}" (is the file damaged?)`);
  }

  /** @throws {SyntaxError} when the next byte is none of these versions */
  version(what: string, ...known: readonly number[]): number {
    const found = this.u8();
    if (known.includes(found)) return found;
    this.at -= 1;
    throw this.damaged(`version ${found} of ${what}`, `version ${known.join(" or ")}`);
  }

  /** Text up to a NUL or the end. */
  text(bytes: Uint8Array): string {
    const end = bytes.indexOf(0);
    const whole = end < 0 ? bytes : bytes.subarray(0, end);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(whole);
    } catch {
      // Bytes as they are, so that no two names become one.
      return Array.from(whole, (byte) => String.fromCharCode(byte)).join("");
    }
  }
}
