/** Writes safetensors files, by means that share no code with the reader. */

import { writeFile } from "node:fs/promises";
import type { WrittenTensor } from "./contract.ts";

const ENCODERS: Readonly<Record<string, (values: readonly number[]) => Uint8Array>> = {
  F64: (values) => bytes(values, 8, (view, at, value) => view.setFloat64(at, value, true)),
  F32: (values) => bytes(values, 4, (view, at, value) => view.setFloat32(at, value, true)),
  F16: (values) => bytes(values, 2, (view, at, value) => view.setFloat16(at, value, true)),
  BF16: (values) =>
    bytes(values, 2, (view, at, value) => {
      const wide = new DataView(new ArrayBuffer(4));
      wide.setFloat32(0, value);
      view.setUint16(at, wide.getUint16(0), true);
    }),
  C64: (values) => bytes(values, 8, (view, at, value) => view.setFloat32(at, value, true)),
  I32: (values) => bytes(values, 4, (view, at, value) => view.setInt32(at, value, true)),
  U16: (values) => bytes(values, 2, (view, at, value) => view.setUint16(at, value, true)),
  I8: (values) => bytes(values, 1, (view, at, value) => view.setInt8(at, value)),
  BOOL: (values) => bytes(values, 1, (view, at, value) => view.setUint8(at, value)),
  I64: (values) => bytes(values, 8, (view, at, value) => view.setBigInt64(at, BigInt(value), true)),
};

function bytes(
  values: readonly number[],
  size: number,
  set: (view: DataView, at: number, value: number) => void,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, i) => set(view, i * size, value));
  return new Uint8Array(view.buffer);
}

/** Writes a file. */
export async function writeSafetensors(path: string, tensors: readonly WrittenTensor[]): Promise<void> {
  let at = 0;
  const parts = tensors.map(({ dtype, values }) => ENCODERS[dtype]!(values));
  const entries = tensors.map(({ name, dtype, shape }, i) => {
    const begin = at;
    at += parts[i]!.length;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, at] })}`;
  });
  const header = Buffer.from(`{"__metadata__":{"format":"pt"},${entries.join(",")}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(path, Buffer.concat([length, header, ...parts]));
}

const COMMON = [0, -0, 1, -1, 0.5, -2.5, NaN, Infinity, -Infinity];

/** Hard values that are exact in each element type. */
export const EXACT: Readonly<Record<string, readonly number[]>> = {
  F32: [
    ...COMMON,
    2 ** -149,
    -(2 ** -149),
    Math.fround(3.4028234663852886e38),
    Math.fround(0.1),
    2 ** -126,
  ],
  F64: [...COMMON, 5e-324, -5e-324, Number.MAX_VALUE, 0.1, Number.MIN_VALUE, 2 ** 53 + 2, 2 ** -1022],
  F16: [...COMMON, 2 ** -24, -(2 ** -24), 65504, -65504, 2 ** -14, 1 + 2 ** -10],
  BF16: [...COMMON, 2 ** -133, -(2 ** -133), 2 ** 127 * (2 - 2 ** -7), 1 + 2 ** -7, 2 ** -126],
  I64: [0, 1, -1, 2 ** 53, -(2 ** 53), 2 ** 62],
  I32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  U16: [0, 1, 2 ** 16 - 1],
  I8: [0, 1, -1, 127, -128],
  BOOL: [0, 1],
};
