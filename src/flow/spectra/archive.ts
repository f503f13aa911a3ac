/**
 * Plain values with typed arrays in them as a file: a line of JSON, in which an array is its kind and length, then the arrays one
 * after another as they lie in memory. A file of a machine of the other byte order is none. The checksum finds what was cut or damaged; it is
 * no seal, and whoever can write into the folder could make a new one of any kind.
 *
 *     0 "SVRARC2", "L" or "B" for the byte order   8 CRC-32 of all that follows   12 bytes of JSON (u32)   16 JSON   then the arrays
 */

import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { crc32 } from "node:zlib";
import { readFully } from "../../base/read-fully.ts";

const MAGIC = `SVRARC2${endianness()[0]!}`;
const CHECKSUM = 8;
const LENGTH = 12;
const HEAD = 16;

/** Bytes that are summed at a time: zlib takes no 4 GiB at once. */
const PIECE = 2 ** 30;

/**
 * Bytes of the JSON. The size of a file bounds its arrays, but not what its JSON becomes: that takes many times its bytes, and is parsed before
 * the checksum can tell whether the file is whole.
 */
const LONGEST_JSON = 64 * 2 ** 20;

const KINDS = { f64: Float64Array, i32: Int32Array, u8: Uint8Array } as const;
type Kind = keyof typeof KINDS;
type TypedArray = Float64Array | Int32Array | Uint8Array;

/**
 * The bytes of an archive, the arrays' in their own memory.
 *
 * @param value plain objects, arrays, texts, numbers, truth values, null and typed arrays (float64, int32, uint8)
 * @throws {RangeError} when its JSON takes more than 64 MiB
 */
export function archiveParts(value: unknown): readonly Uint8Array[] {
  const arrays: Uint8Array[] = [];
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "number" && !Number.isFinite(inner)) return { $: "number", is: String(inner) };
    const kind = kindOf(inner);
    if (kind === null) return inner;
    arrays.push(bytesOf(inner as TypedArray));
    return { $: kind, length: (inner as TypedArray).length };
  });
  const json = Buffer.from(text);
  if (json.length > LONGEST_JSON) {
    throw new RangeError(`an archive: found ${json.length} bytes of JSON, required at most ${LONGEST_JSON}`);
  }
  const head = Buffer.alloc(HEAD);
  head.write(MAGIC, "latin1");
  head.writeUInt32LE(json.length, LENGTH);
  head.writeUInt32LE(checksumOf([head.subarray(LENGTH), json, ...arrays]), CHECKSUM);
  return [head, json, ...arrays];
}

/**
 * The value of an archive. Its arrays take no more memory than the file has bytes.
 *
 * @returns null where the file is not whole, or has more than 64 MiB of JSON
 * @throws when it cannot be read
 */
export async function readArchive(path: string): Promise<unknown> {
  const file = await open(path, "r");
  try {
    return await readValue(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

async function readValue(file: FileHandle, size: number): Promise<unknown> {
  const head = Buffer.alloc(HEAD);
  if (await readFully(file, head, 0) < HEAD || head.toString("latin1", 0, CHECKSUM) !== MAGIC) return null;
  const length = head.readUInt32LE(LENGTH);
  if (length > LONGEST_JSON || HEAD + length > size) return null;
  const json = Buffer.alloc(length);
  await readFully(file, json, HEAD);
  const arrays: Uint8Array[] = [];
  let left = size - HEAD - length;
  const arrayOf = (kind: Kind, count: number): TypedArray => {
    const bytes = count * KINDS[kind].BYTES_PER_ELEMENT;
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > left) {
      throw new SyntaxError(`an archive: found an array of ${count}, required at most ${left} bytes`);
    }
    left -= bytes;
    const array = new KINDS[kind](count);
    arrays.push(bytesOf(array));
    return array;
  };
  let value: unknown;
  try {
    value = restored(JSON.parse(json.toString()), arrayOf);
  } catch (failure) {
    if (failure instanceof SyntaxError) return null;
    throw failure;
  }
  let at = HEAD + length;
  for (const array of arrays) at += await readFully(file, array, at);
  const whole = at === size &&
    checksumOf([head.subarray(LENGTH), json, ...arrays]) === head.readUInt32LE(CHECKSUM);
  return whole ? value : null;
}

function checksumOf(parts: readonly Uint8Array[]): number {
  let checksum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE) checksum = crc32(part.subarray(at, at + PIECE), checksum);
  }
  return checksum;
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function kindOf(value: unknown): Kind | null {
  for (const kind of Object.keys(KINDS) as Kind[]) if (value instanceof KINDS[kind]) return kind;
  return null;
}

/** In the order of the text, which is that of the arrays. What has been parsed is changed where it stands. */
function restored(value: unknown, arrayOf: (kind: Kind, length: number) => TypedArray): unknown {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restored(value[i], arrayOf);
    return value;
  }
  if (typeof value !== "object" || value === null) return value;
  const { $: kind, length, is } = value as Partial<Record<string, unknown>>;
  if (kind === "number") return Number(is);
  if (typeof kind === "string" && Object.hasOwn(KINDS, kind)) return arrayOf(kind as Kind, Number(length));
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) parts[key] = restored(parts[key], arrayOf);
  return value;
}
