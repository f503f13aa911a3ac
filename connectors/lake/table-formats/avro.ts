/** Avro object container files, as far as Iceberg's manifests need them: records of a few types, without compression or deflated. */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { inflateRawSync } from "node:zlib";

/** A type, as the specification writes it in JSON. Attributes that it does not name (`field-id`) are kept. */
export type AvroType =
  | "null"
  | "boolean"
  | "int"
  | "long"
  | "float"
  | "double"
  | "bytes"
  | "string"
  | readonly AvroType[]
  | { readonly type: "record"; readonly name: string; readonly fields: readonly AvroField[] }
  | { readonly type: "array"; readonly items: AvroType; readonly [attribute: string]: unknown }
  | { readonly type: "map"; readonly values: AvroType };

/** A field of a record. */
export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  readonly [attribute: string]: unknown;
}

/** Values: integers of `int` are numbers, those of `long` bigints; of a union of null and another type, null or the other's. */
export type AvroValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly AvroValue[]
  | { readonly [name: string]: AvroValue };

const MAGIC = Buffer.from("Obj\x01", "latin1");
const SYNC = 16;
const HEADER: AvroType = { type: "map", values: "bytes" };

/** A container file of records, in one block. @param metadata beside the schema */
export function avroFile(
  schema: AvroType,
  metadata: Readonly<Record<string, string>>,
  records: readonly AvroValue[],
): Uint8Array {
  const pairs = { "avro.schema": JSON.stringify(schema), "avro.codec": "null", ...metadata };
  const header = Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, Buffer.from(value)]));
  const sync = randomBytes(SYNC);
  const out = new Writer();
  out.bytes(MAGIC);
  out.value(HEADER, header);
  out.bytes(sync);
  if (records.length > 0) {
    const block = new Writer();
    for (const record of records) block.value(schema, record);
    const bytes = block.all();
    out.long(BigInt(records.length));
    out.long(BigInt(bytes.length));
    out.bytes(bytes);
    out.bytes(sync);
  }
  return out.all();
}

/** The records of a container file. @throws {SyntaxError} when it is none, or of another codec; names the file */
export function avroRecords(bytes: Uint8Array, name: string): readonly AvroValue[] {
  const refuse = (found: string, required: string): never => {
    throw new SyntaxError(`${name}: found ${found}, required ${required}`);
  };
  try {
    const source = new Reader(bytes);
    if (!MAGIC.equals(source.bytes(MAGIC.length))) {
      refuse("another beginning", "an Avro object container file");
    }
    const header = source.value(HEADER) as Readonly<Record<string, Uint8Array>>;
    const text = (key: string) => Buffer.from(header[key] ?? []).toString();
    const codec = text("avro.codec") || "null";
    if (codec !== "null" && codec !== "deflate") refuse(`codec ${codec}`, "null or deflate");
    const schema = JSON.parse(text("avro.schema")) as AvroType;
    source.bytes(SYNC);
    const records: AvroValue[] = [];
    while (!source.ended) {
      const count = Number(source.long());
      const stored = source.bytes(Number(source.long()));
      const block = new Reader(codec === "deflate" ? inflateRawSync(stored) : stored);
      block.requireItems(count);
      for (let at = 0; at < count; at++) records.push(block.value(schema));
      source.bytes(SYNC);
    }
    return records;
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw new SyntaxError(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

class Writer {
  readonly #parts: Uint8Array[] = [];

  all(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  /** Zigzag, then 7 bits a byte, the lowest first. */
  long(value: bigint): void {
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    const bytes: number[] = [];
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.bytes(Uint8Array.from(bytes));
  }

  value(type: AvroType, value: AvroValue): void {
    if (isUnion(type)) {
      const at = type.findIndex((each) => (each === "null") === (value === null));
      this.long(BigInt(at));
      return this.value(type[at]!, value);
    }
    switch (typeof type === "string" ? type : type.type) {
      case "null":
        return;
      case "boolean":
        return this.bytes(Uint8Array.of(value === true ? 1 : 0));
      case "int":
      case "long":
        return this.long(BigInt(value as number | bigint));
      case "string":
      case "bytes": {
        const bytes = typeof value === "string" ? Buffer.from(value) : value as Uint8Array;
        this.long(BigInt(bytes.length));
        return this.bytes(bytes);
      }
      case "record":
        for (const { name, type: of } of (type as { fields: readonly AvroField[] }).fields) {
          this.value(of, (value as Readonly<Record<string, AvroValue>>)[name] ?? null);
        }
        return;
      case "array":
        return this.#blocks(value as readonly AvroValue[], (item) => {
          this.value((type as { items: AvroType }).items, item);
        });
      case "map":
        return this.#blocks(Object.entries(value as Readonly<Record<string, AvroValue>>), ([key, item]) => {
          this.value("string", key);
          this.value((type as { values: AvroType }).values, item);
        });
      default:
        throw new TypeError(
          `writing Avro: found type ${JSON.stringify(type)}, required one of Iceberg's manifests`,
        );
    }
  }

  #blocks<T>(items: readonly T[], write: (item: T) => void): void {
    if (items.length > 0) this.long(BigInt(items.length));
    for (const item of items) write(item);
    this.long(0n);
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  bytes(length: number): Buffer {
    if (!(length >= 0 && this.#at + length <= this.#bytes.length)) {
      throw new RangeError(
        `byte ${this.#at}: found ${this.#bytes.length - this.#at} bytes, required ${length}`,
      );
    }
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  /** Iceberg's records and items take a byte each at least; of others, a few bytes could ask for any number. @throws {RangeError} */
  requireItems(count: number): void {
    const left = this.#bytes.length - this.#at;
    if (!(count >= 0 && count <= left)) {
      throw new RangeError(
        `byte ${this.#at}: found a count of ${count}, required 0 to ${left}, the bytes that are left`,
      );
    }
  }

  long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes(1)[0]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new RangeError(`byte ${this.#at}: found an integer of more than 10 bytes`);
  }

  value(type: AvroType): AvroValue {
    if (isUnion(type)) {
      const chosen = type[Number(this.long())];
      if (chosen === undefined) throw new RangeError(`byte ${this.#at}: found no such branch of a union`);
      return this.value(chosen);
    }
    switch (typeof type === "string" ? type : type.type) {
      case "null":
        return null;
      case "boolean":
        return this.bytes(1)[0] === 1;
      case "int":
        return Number(this.long());
      case "long":
        return this.long();
      case "float":
        return this.bytes(4).readFloatLE();
      case "double":
        return this.bytes(8).readDoubleLE();
      case "bytes":
        return Uint8Array.from(this.bytes(Number(this.long())));
      case "string":
        return this.bytes(Number(this.long())).toString();
      case "record":
        return Object.fromEntries(
          (type as { fields: readonly AvroField[] }).fields.map((
            { name, type: of },
          ) => [name, this.value(of)]),
        );
      case "array":
        return this.#blocks(() => this.value((type as { items: AvroType }).items));
      case "map":
        return Object.fromEntries(this.#blocks(() => {
          const key = this.value("string") as string;
          return [key, this.value((type as { values: AvroType }).values)] as const;
        }));
      default:
        throw new TypeError(`found type ${JSON.stringify(type)}, required one of Iceberg's manifests`);
    }
  }

  #blocks<T>(read: () => T): T[] {
    const items: T[] = [];
    for (;;) {
      const count = this.long();
      if (count === 0n) return items;
      // A negative count is followed by the block's size in bytes.
      if (count < 0n) this.long();
      const size = Math.abs(Number(count));
      this.requireItems(size);
      for (let at = 0; at < size; at++) items.push(read());
    }
  }
}

function isUnion(type: AvroType): type is readonly AvroType[] {
  return Array.isArray(type);
}
