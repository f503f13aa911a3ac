/**
 * Plain values with typed arrays in them as bytes: a line of JSON, in which an array is its kind and length, then the arrays one after
 * another as they lie in memory.
 *
 *     0 "SVRPACK1"   8 SHA-256 of all that follows   40 bytes of JSON (u32)   44 JSON   then the arrays
 */

import { createHash } from "node:crypto";
import { endianness } from "node:os";

const MAGIC = "SVRPACK1";
const DIGEST = 8;
const LENGTH = 40;
const HEAD = 44;

const KINDS = { f64: Float64Array, i32: Int32Array, u8: Uint8Array } as const;
type Kind = keyof typeof KINDS;
type Packable = Float64Array | Int32Array | Uint8Array;

/** Typed arrays are written as they lie in memory. */
const LITTLE = endianness() === "LE";

/**
 * Packs a value of plain objects, arrays, texts, numbers, truth values, null and typed arrays (float64, int32, uint8).
 *
 * @returns null on a big-endian machine, whose files no other could read
 */
export function packed(value: unknown): readonly Uint8Array[] | null {
  if (!LITTLE) return null;
  const arrays: Uint8Array[] = [];
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "number" && !Number.isFinite(inner)) return { $: "number", is: String(inner) };
    const kind = kindOf(inner);
    if (kind === null) return inner;
    const array = inner as Packable;
    arrays.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return { $: kind, length: array.length };
  });
  const json = Buffer.from(text);
  const head = Buffer.alloc(HEAD);
  head.write(MAGIC, "latin1");
  head.writeUInt32LE(json.length, LENGTH);
  const hash = createHash("sha256").update(head.subarray(LENGTH)).update(json);
  for (const array of arrays) hash.update(array);
  head.set(hash.digest(), DIGEST);
  return [head, json, ...arrays];
}

/** The value again; null where the bytes are not whole. */
export function unpacked(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!LITTLE || buffer.length < HEAD || buffer.toString("latin1", 0, DIGEST) !== MAGIC) return null;
  const digest = createHash("sha256").update(buffer.subarray(LENGTH)).digest();
  if (!digest.equals(buffer.subarray(DIGEST, LENGTH))) return null;
  let at = HEAD + buffer.readUInt32LE(LENGTH);
  const taken = (kind: Kind, length: number): Packable => {
    const size = length * KINDS[kind].BYTES_PER_ELEMENT;
    if (!Number.isSafeInteger(length) || length < 0 || at + size > buffer.length) {
      throw new SyntaxError(
        `packed values: found an array of ${length} at byte ${at}, required one that fits`,
      );
    }
    // Copied, for arrays lie anywhere and a view must begin at a multiple of its elements' size.
    const own = new KINDS[kind](length);
    new Uint8Array(own.buffer).set(buffer.subarray(at, at + size));
    at += size;
    return own;
  };
  try {
    return restored(JSON.parse(buffer.toString("utf8", HEAD, at)), taken);
  } catch (failure) {
    if (failure instanceof SyntaxError) return null;
    throw failure;
  }
}

function kindOf(value: unknown): Kind | null {
  for (const kind of Object.keys(KINDS) as Kind[]) if (value instanceof KINDS[kind]) return kind;
  return null;
}

/** In the order of the text, which is that of the arrays. What has been parsed is changed where it stands. */
function restored(value: unknown, taken: (kind: Kind, length: number) => Packable): unknown {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restored(value[i], taken);
    return value;
  }
  if (typeof value !== "object" || value === null) return value;
  const { $: kind, length, is } = value as Partial<Record<string, unknown>>;
  if (kind === "number") return Number(is);
  if (typeof kind === "string" && Object.hasOwn(KINDS, kind)) return taken(kind as Kind, Number(length));
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) parts[key] = restored(parts[key], taken);
  return value;
}
