/** One NumPy array as `.npy` holds it: a magic, a header that is a Python dictionary in text, then the elements. */

import { show } from "../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../src/model/tensor.ts";
import { toFloat64 } from "./floats.ts";

/** Magic and version, before the header's length. */
const MAGIC_BYTES = 8;

/** Magic, version and the longer form of the length: what has to be read to know how long the header is. */
export const PREFIX_BYTES = MAGIC_BYTES + 4;

/** A plain array's header takes 128 bytes, one of records with many fields some thousand; NumPy itself refuses 10,000. */
const LONGEST_HEADER = 2 ** 16;

/** NumPy's own limit. */
const MOST_AXES = 64;

/** NumPy's kinds and sizes, by the names that floating point formats have here. */
const FLOATS: ReadonlyMap<string, string> = new Map([["f2", "F16"], ["f4", "F32"], ["f8", "F64"]]);

/** A header, read. */
export interface NpyHeader extends TensorInfo {
  /** Where the elements begin. */
  readonly data: number;
  readonly bigEndian: boolean;
  /** First index fastest: the elements are those of the transposed array in C order. */
  readonly fortranOrder: boolean;
}

/**
 * How many bytes magic, length and header take together.
 *
 * @param prefix the first `PREFIX_BYTES` of the file
 * @throws {SyntaxError} when it is no such file, or of a version that is not known
 */
export function npyHeaderBytes(what: string, prefix: Uint8Array): number {
  const magic = prefix.length === PREFIX_BYTES && prefix[0] === 0x93 &&
    new TextDecoder("latin1").decode(prefix.subarray(1, 6)) === "NUMPY";
  const version = prefix[6];
  if (!magic || version === undefined || version < 1 || version > 3) {
    throw new SyntaxError(
      `${what}: found ${
        show([...prefix.subarray(0, MAGIC_BYTES)])
      }, required the magic of a NumPy array, version 1 to 3`,
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const [at, length] = version === 1
    ? [MAGIC_BYTES + 2, view.getUint16(MAGIC_BYTES, true)]
    : [MAGIC_BYTES + 4, view.getUint32(MAGIC_BYTES, true)];
  if (length > LONGEST_HEADER) {
    throw new SyntaxError(`${what}: header: found ${length} bytes, required at most ${LONGEST_HEADER}`);
  }
  return at + length;
}

/**
 * Reads a header.
 *
 * @param head magic, length and header, as many bytes as `npyHeaderBytes` says
 * @param size bytes of the whole file
 * @param name what the tensor is to be called
 * @throws {SyntaxError} when the header does not parse, or does not fit the size
 */
export function parseNpy(what: string, head: Uint8Array, size: number, name: string): NpyHeader {
  const text = new TextDecoder("latin1").decode(
    head.subarray(head[6] === 1 ? MAGIC_BYTES + 2 : MAGIC_BYTES + 4),
  );
  const field = (key: string, value: string) => new RegExp(`'${key}'\\s*:\\s*(${value})`).exec(text)?.[1];
  const descr = field("descr", "'[^']*'|\\[[^]*\\]");
  const order = field("fortran_order", "True|False");
  const extents = field("shape", "\\(\\s*(?:\\d+L?\\s*(?:,\\s*|(?=\\))))*\\)");
  if (descr === undefined || order === undefined || extents === undefined) {
    throw new SyntaxError(
      `${what}: header: found ${show(text)}, required a dictionary of descr, fortran_order and shape`,
    );
  }
  const shape = (extents.match(/\d+/g) ?? []).map(Number);
  const count = elementCount(shape);
  if (shape.length > MOST_AXES || !Number.isSafeInteger(count)) {
    throw new SyntaxError(
      `${what}: shape: found ${show(extents)}, required at most ${MOST_AXES} axes and 2^53 elements`,
    );
  }
  const [, endian, kind = "", bytes = ""] = /^'([<>|=]?)([a-zA-Z])(\d*)'$/.exec(descr) ?? [];
  const dtype = FLOATS.get(kind + bytes);
  const data = head.length;
  if (dtype !== undefined && data + count * Number(bytes) !== size) {
    throw new SyntaxError(
      `${what}: found ${size - data} bytes of elements, required ${count} of ${bytes} bytes each`,
    );
  }
  return {
    name,
    dtype: dtype ?? descr.replaceAll("'", ""),
    shape,
    byteLength: size - data,
    data,
    bigEndian: endian === ">",
    fortranOrder: order === "True",
    ...dtype === undefined ? { unreadable: reasonOf(descr, kind) } : {},
  };
}

function reasonOf(descr: string, kind: string): string {
  const type = kind === "O" ? "Python objects, which are a pickle" : `elements of type ${show(descr)}`;
  return `holds ${type}, required f2, f4 or f8`;
}

/** Elements as float64, row-major. `bytes` may be changed. */
export function npyValues(
  { dtype, shape, bigEndian, fortranOrder }: NpyHeader,
  bytes: Uint8Array,
): Float64Array {
  if (bigEndian) reverseEach(bytes, bytes.length / Math.max(1, elementCount(shape)));
  const values = toFloat64(dtype, bytes);
  return fortranOrder ? rowMajor(values, shape) : values;
}

function reverseEach(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function rowMajor(values: Float64Array, shape: readonly number[]): Float64Array {
  const out = new Float64Array(values.length);
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, extent) => product * extent, 1)
  );
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * index[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
