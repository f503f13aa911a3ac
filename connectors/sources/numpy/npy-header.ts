/**
 * The header of NumPy's arrays: a magic number, a version, a length, and a Python dict written as text, which is read by a grammar
 * of its own and never evaluated.
 */

import { show } from "../../../src/model/errors.ts";
import { elementCount } from "../../../src/model/tensor.ts";
import { DTYPE_BYTES, unreadable } from "../floats.ts";

/** An array as its header declares it. */
export interface NpyHeader {
  /** As safetensors calls it where it has a name for it, else as NumPy does. */
  readonly dtype: string;
  /** Bytes per element; 0 where they cannot be read. */
  readonly bytes: number;
  readonly littleEndian: boolean;
  /** Column-major. */
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Where the data begins. */
  readonly data: number;
  readonly unreadable?: string;
}

/** NumPy itself trusts no longer header (`max_header_size`); a shape of 16 axes takes 400 bytes. */
const LONGEST_HEADER = 10_000;

/** No framework makes tensors of more axes. */
const MOST_AXES = 16;

/** Bytes that hold any header which is read. */
export const NPY_HEAD = 12 + LONGEST_HEADER;

/** NumPy's kinds and sizes, as safetensors calls them. */
const DTYPES: ReadonlyMap<string, string> = new Map([
  ["f8", "F64"],
  ["f4", "F32"],
  ["f2", "F16"],
  ["i8", "I64"],
  ["i4", "I32"],
  ["i2", "I16"],
  ["i1", "I8"],
  ["u8", "U64"],
  ["u4", "U32"],
  ["u2", "U16"],
  ["u1", "U8"],
  ["b1", "BOOL"],
  ["c8", "C64"],
  ["c16", "C128"],
]);

/** Whether bytes begin as a `.npy` file does. */
export function isNpy(head: Uint8Array): boolean {
  return [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59].every((byte, at) => head[at] === byte);
}

/**
 * Reads a header.
 *
 * @param place the array in messages
 * @param head the first `NPY_HEAD` bytes, or all where there are fewer
 * @param size of the whole file, in bytes
 * @throws {SyntaxError} when it is damaged, or does not fit the size
 */
export function npyHeader(place: string, head: Uint8Array, size: number): NpyHeader {
  const version = head[6] ?? 0;
  if (!isNpy(head) || version < 1 || version > 3 || head.length < 12) {
    throw new SyntaxError(
      `${place}: found ${
        show(String.fromCharCode(...head.subarray(0, 8)))
      } at byte 0, required a NumPy array (\\x93NUMPY), version 1 to 3`,
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const data = (version === 1 ? 10 : 12) + length;
  if (length > LONGEST_HEADER || data > head.length) {
    throw new SyntaxError(
      `${place}: header length: found ${length}, required up to ${Math.min(LONGEST_HEADER, head.length)}`,
    );
  }
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(head.subarray(data - length, data));
  const { descr, fortran, shape } = fields(place, text);
  const header = { ...typed(descr), fortran, shape, data };
  const required = elementCount(shape) * header.bytes;
  if (header.bytes > 0 && size - data !== required) {
    throw new SyntaxError(
      `${place}, shape ${show(shape)} of ${header.dtype}: found ${size - data} bytes, required ${required}`,
    );
  }
  return header;
}

function typed(descr: string): Pick<NpyHeader, "dtype" | "bytes" | "littleEndian" | "unreadable"> {
  const [, order = "", kind = ""] = /^([<>|=]?)([a-zA-Z]\d+)$/.exec(descr) ?? [];
  const dtype = DTYPES.get(kind);
  const littleEndian = order !== ">";
  if (dtype === undefined) {
    const reason = descr.endsWith("O")
      ? `dtype ${descr} holds Python objects, which are pickled and never read (save plain arrays of numbers)`
      : kind === "V2"
      ? `dtype ${descr} may be bfloat16, whose name NumPy does not write (save it with .astype("float32"))`
      : `dtype ${descr} holds no real numbers`;
    return { dtype: descr, bytes: 0, littleEndian, unreadable: reason };
  }
  const known = { dtype, bytes: DTYPE_BYTES.get(dtype) ?? 0, littleEndian };
  const reason = unreadable(dtype);
  return reason === undefined ? known : { ...known, unreadable: reason };
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, its keys in any order. */
function fields(place: string, text: string): { descr: string; fortran: boolean; shape: readonly number[] } {
  const descr = /'descr'\s*:\s*(?:'([^'\\]{1,100})'|(\[))/.exec(text);
  const fortran = /'fortran_order'\s*:\s*(True|False)\s*[,}]/.exec(text);
  const shape = /'shape'\s*:\s*\(([\dL,\s]*)\)\s*[,}]/.exec(text);
  const extents = (shape?.[1] ?? "").split(",").map((part) => part.trim().replace(/L$/, "")).filter(Boolean)
    .map(Number);
  if (
    !text.startsWith("{") || descr === null || fortran === null || shape === null ||
    extents.length > MOST_AXES || !extents.every((extent) => Number.isSafeInteger(extent))
  ) {
    throw new SyntaxError(
      `${place}: header: found ${
        show(text.trim())
      }, required descr, fortran_order and a shape of at most ${MOST_AXES} extents`,
    );
  }
  return {
    descr: descr[2] === undefined ? descr[1] ?? "" : "structured",
    fortran: fortran[1] === "True",
    shape: extents,
  };
}
