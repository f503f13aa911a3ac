/** Writes GGUF files for tests, well formed or not. */

import { encoded, type WrittenTensor } from "./written-tensor.ts";

/** Ids of number types. */
const IDS: Readonly<Record<string, number>> = {
  F32: 0,
  F16: 1,
  Q8_1: 9,
  I8: 24,
  I16: 25,
  I32: 26,
  I64: 27,
  F64: 28,
  BF16: 30,
};

export function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

export function u64(value: bigint | number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

/** A length and bytes. */
export function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** Values of metadata, each with its type before it. */
export const value = {
  uint32: (number: number): Buffer => Buffer.concat([u32(4), u32(number)]),
  text: (words: string): Buffer => Buffer.concat([u32(8), text(words)]),
  texts: (words: readonly string[]): Buffer =>
    Buffer.concat([u32(9), u32(8), u64(words.length), ...words.map(text)]),
  uint32s: (numbers: readonly number[]): Buffer =>
    Buffer.concat([u32(9), u32(4), u64(numbers.length), ...numbers.map(u32)]),
};

/** A tensor with its bytes as they are. */
export interface RawTensor {
  readonly name: string;
  /** Outermost first. */
  readonly shape: readonly (number | bigint)[];
  readonly type: number;
  readonly data: Uint8Array;
  /** Default: behind the tensor before it. */
  readonly offset?: number | bigint;
}

export interface GgufStyle {
  readonly version?: number;
  readonly keys?: readonly (readonly [key: string, value: Buffer])[];
  /** Default: 32, and no key that says so. */
  readonly alignment?: number;
  /** Instead of the true numbers of tensors and of keys. */
  readonly counts?: readonly [tensors: bigint | number, keys: bigint | number];
}

const padding = (length: number, to: number) => Buffer.alloc((to - length % to) % to);

/** Any bytes, where nothing encodes the type. */
const bytesOf = (tensor: WrittenTensor) =>
  encoded({ ...tensor, dtype: tensor.dtype === "Q8_1" ? "F32" : tensor.dtype });

/** A file with these tensors, of plain numbers or of raw bytes. */
export function ggufFile(
  tensors: readonly (WrittenTensor | RawTensor)[],
  { version = 3, keys = [], alignment = 32, counts = [tensors.length, keys.length] }: GgufStyle = {},
): Buffer {
  let at = 0;
  const data: Uint8Array[] = [];
  const infos = tensors.map((tensor) => {
    const raw = "data" in tensor ? tensor : { ...tensor, type: IDS[tensor.dtype]!, data: bytesOf(tensor) };
    const { offset = at }: RawTensor = raw;
    const pad = padding(raw.data.length, alignment);
    data.push(raw.data, pad);
    at += raw.data.length + pad.length;
    const extents = raw.shape.map(u64).reverse();
    return Buffer.concat([text(raw.name), u32(raw.shape.length), ...extents, u32(raw.type), u64(offset)]);
  });
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    u32(version),
    ...counts.map(u64),
    ...keys.flatMap(([key, each]) => [text(key), each]),
    ...infos,
  ]);
  return Buffer.concat([header, padding(header.length, alignment), ...data]);
}
