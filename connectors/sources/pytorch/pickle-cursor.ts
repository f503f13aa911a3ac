/** The bytes of a pickle, taken one piece after the other. */

import { show } from "../../../src/model/errors.ts";

/** Thrown where the bytes end before the pickle does: whoever holds only a beginning reads on and tries again. */
export class PickleCutShort extends SyntaxError {}

/** Names of modules and classes, and the digits of numbers, are lines; Python itself writes none of this length. */
const LONGEST_LINE = 65_536;

/** Storage keys and sizes have up to 20 digits; torch's magic number is 10 bytes. Longer integers only cost time. */
const LONGEST_INTEGER = 256;

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** A position in bytes that are pickled. */
export class PickleCursor {
  at = 0;
  readonly what: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @param what the pickle in messages */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
  }

  /** Steps over `count` bytes and says where they began. */
  skip(count: number): number {
    const start = this.at;
    if (!(count <= this.#bytes.length - start)) {
      throw new PickleCutShort(
        `${this.what}: pickle: found its end at byte ${this.#bytes.length}, required ${count} bytes from byte ${start}`,
      );
    }
    this.at += count;
    return start;
  }

  /** Unsigned integers, little-endian. */
  unsigned(bytes: 1 | 2 | 4 | 8): number {
    const at = this.skip(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getUint16(at, true);
    if (bytes === 4) return this.#view.getUint32(at, true);
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.refused(`length ${value}`, "at most 2^53");
    return Number(value);
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** Big-endian, alone among numbers. */
  float64(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  /** A view, not a copy. */
  bytes(count: number): Uint8Array {
    const at = this.skip(count);
    return this.#bytes.subarray(at, at + count);
  }

  utf8(count: number): string {
    return utf8.decode(this.bytes(count));
  }

  latin1(count: number): string {
    return latin1.decode(this.bytes(count));
  }

  /** Up to the next line feed, without it. */
  line(encoding: "utf8" | "latin1" = "utf8"): string {
    const end = this.#bytes.indexOf(10, this.at);
    const length = (end < 0 ? this.#bytes.length : end) - this.at;
    if (length > LONGEST_LINE) throw this.refused(`a line of ${length} bytes`, `at most ${LONGEST_LINE}`);
    // Where there is no line feed, this runs over the end.
    const text = this[encoding](end < 0 ? length + 1 : length);
    this.at++;
    return text;
  }

  /** Two's complement, little-endian, of any length. */
  long(count: number): number | bigint {
    if (count > LONGEST_INTEGER) {
      throw this.refused(`an integer of ${count} bytes`, `at most ${LONGEST_INTEGER}`);
    }
    let value = 0n;
    const bytes = this.bytes(count);
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return narrow(count === 0 ? 0n : BigInt.asIntN(8 * count, value));
  }

  /** A line of decimal digits, with an `L` behind it where Python 2 wrote a long. */
  decimal(): number | bigint {
    const text = this.line();
    if (!/^[+-]?\d{1,600}L?$/.test(text)) throw this.refused(show(text), "an integer");
    return narrow(BigInt(text.replace(/^\+|L$/g, "")));
  }

  refused(found: string, required: string): SyntaxError {
    return new SyntaxError(`${this.what}: pickle at byte ${this.at}: found ${found}, required ${required}`);
  }
}

function narrow(value: bigint): number | bigint {
  return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
}
