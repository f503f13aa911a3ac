/** Writes NumPy's files by hand. Shares no code with the reader. */

import { encoded, type WrittenTensor } from "./written-tensor.ts";
import { fields } from "./zip-file.ts";

const KINDS: Readonly<Record<string, string>> = {
  F64: "f8",
  F32: "f4",
  F16: "f2",
  I64: "i8",
  U64: "u8",
  I32: "i4",
  U32: "u4",
  I16: "i2",
  U16: "u2",
  I8: "i1",
  U8: "u1",
  BOOL: "b1",
  C64: "c8",
};

/** How an array is written. */
export interface NpyStyle {
  readonly version?: 1 | 2 | 3;
  readonly little?: boolean;
  /** Replaces the header's text. */
  readonly header?: string;
}

/** An array with this header and data, as NumPy pads it. */
export function npyRaw(header: string, data: Uint8Array, version: 1 | 2 | 3 = 1): Buffer {
  const before = version === 1 ? 10 : 12;
  const text = Buffer.from(
    header.padEnd(Math.ceil((before + header.length + 1) / 64) * 64 - before - 1) + "\n",
  );
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY"),
    Buffer.from([version, 0]),
    fields([text.length, version === 1 ? 2 : 4]),
    text,
    data,
  ]);
}

/** The header that NumPy writes. */
export function npyHeaderText(descr: string, shape: readonly number[], fortran = false): string {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  return `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (${extents}), }`;
}

/** A tensor as a `.npy` file, row-major. */
export function npyOf(tensor: WrittenTensor, { version = 1, little = true }: NpyStyle = {}): Buffer {
  const descr = `${little ? "<" : ">"}${KINDS[tensor.dtype]!}`;
  return npyRaw(npyHeaderText(descr, tensor.shape), encoded(tensor, little), version);
}
