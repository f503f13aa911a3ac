/** Number formats of weight files, converted to float64. All of them fit without rounding, or are refused where they do not. */

import type { TensorInfo } from "../../src/model/tensor.ts";

/** Bytes per element of every dtype that safetensors names. */
export const DTYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ["F64", 8],
  ["F32", 4],
  ["F16", 2],
  ["BF16", 2],
  ["I64", 8],
  ["U64", 8],
  ["I32", 4],
  ["U32", 4],
  ["I16", 2],
  ["U16", 2],
  ["I8", 1],
  ["U8", 1],
  ["BOOL", 1],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["F8_E8M0", 1],
  ["C64", 8],
  ["C128", 16],
]);

const READERS: ReadonlyMap<string, (view: DataView, count: number) => Float64Array> = new Map([
  [
    "F64",
    (view: DataView, count: number) =>
      stored(Float64Array, view, count) ?? each(count, (i) => view.getFloat64(i * 8, true)),
  ],
  [
    "F32",
    (view: DataView, count: number) =>
      stored(Float32Array, view, count) ?? each(count, (i) => view.getFloat32(i * 4, true)),
  ],
  ["F16", (view: DataView, count: number) => each(count, (i) => HALF[view.getUint16(i * 2, true)]!)],
  // bfloat16 is the upper half of a float32.
  ["BF16", (view: DataView, count: number) => {
    const upper = new DataView(new ArrayBuffer(4));
    return each(count, (i) => {
      upper.setUint32(0, view.getUint16(i * 2, true) << 16);
      return upper.getFloat32(0);
    });
  }],
  ["I64", (view: DataView, count: number) => each(count, (i) => exact(view.getBigInt64(i * 8, true)))],
  ["U64", (view: DataView, count: number) => each(count, (i) => exact(view.getBigUint64(i * 8, true)))],
  ["I32", (view: DataView, count: number) => each(count, (i) => view.getInt32(i * 4, true))],
  ["U32", (view: DataView, count: number) => each(count, (i) => view.getUint32(i * 4, true))],
  ["I16", (view: DataView, count: number) => each(count, (i) => view.getInt16(i * 2, true))],
  ["U16", (view: DataView, count: number) => each(count, (i) => view.getUint16(i * 2, true))],
  ["I8", (view: DataView, count: number) => each(count, (i) => view.getInt8(i))],
  ["U8", (view: DataView, count: number) => each(count, (i) => view.getUint8(i))],
  ["BOOL", (view: DataView, count: number) => each(count, (i) => view.getUint8(i) === 0 ? 0 : 1)],
  ["F8_E4M3", (view: DataView, count: number) => each(count, (i) => E4M3[view.getUint8(i)]!)],
  // The upper half of a float16.
  ["F8_E5M2", (view: DataView, count: number) => each(count, (i) => HALF[view.getUint8(i) << 8]!)],
  ["F8_E8M0", (view: DataView, count: number) => each(count, (i) => E8M0[view.getUint8(i)]!)],
]);

/** Types that mean something only with others: what is read of them is what is stored, and no weight. */
const WITH_SCALES = /^F[468]_/;

/** An integer that float64 would round is refused: a value that is not in the file helps nobody. */
function exact(value: bigint): number {
  const number = Number(value);
  if (BigInt(number) === value) return number;
  throw new RangeError(`integer: found ${value}, required one that float64 holds exactly`);
}

/** Every value that a float16 can take, by its bits. */
const HALF = Float64Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
});

/** Every value that a float8 with four bits of exponent can take, by its bits: the kind without infinities. */
export const E4M3: Float64Array = Float64Array.from({ length: 256 }, (_, bits) => {
  const sign = bits >> 7 === 1 ? -1 : 1;
  const [exponent, fraction] = [bits >> 3 & 15, bits & 7];
  if ((bits & 127) === 127) return NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7));
});

/** Powers of two, by their bits. */
export const E8M0: Float64Array = Float64Array.from(
  { length: 256 },
  (_, bits) => bits === 255 ? NaN : 2 ** (bits - 127),
);

/** Values of four bits with one bit of mantissa, by their bits. */
export const E2M1: readonly number[] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6];

function each(count: number, value: (index: number) => number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = value(i);
  return out;
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Copied at once, where the elements lie as this machine has them; else null. */
function stored(
  type: typeof Float64Array | typeof Float32Array,
  { buffer, byteOffset }: DataView,
  count: number,
): Float64Array | null {
  if (!LITTLE_ENDIAN || byteOffset % type.BYTES_PER_ELEMENT !== 0) return null;
  return new Float64Array(new type(buffer as ArrayBuffer, byteOffset, count));
}

/** Whether elements of this dtype are real numbers that can be read, and mean something by themselves. */
export function isReadable(dtype: string): boolean {
  return READERS.has(dtype) && !WITH_SCALES.test(dtype);
}

/** Why elements of this dtype cannot be read as real numbers; undefined where they can. */
export function unreadable(dtype: string): string | undefined {
  if (isReadable(dtype)) return undefined;
  if (WITH_SCALES.test(dtype)) {
    return `dtype ${dtype} means something only with scales, which stand in other tensors (convert it to F32 or BF16)`;
  }
  return `dtype ${dtype} is not one of the real number types ${
    [...READERS.keys()].filter(isReadable).join(", ")
  }`;
}

/** Whether `toFloat64` reads what is stored of a tensor: it is readable, or lacks no more than scales. */
export function isStored({ dtype, unreadable: reason }: Pick<TensorInfo, "dtype" | "unreadable">): boolean {
  return READERS.has(dtype) && (reason === undefined || reason === unreadable(dtype));
}

/**
 * Converts little-endian elements to float64. Those of float8 are the numbers as stored, without their scales.
 *
 * @throws {TypeError} when the dtype is none of those
 * @throws {RangeError} when an integer of 64 bits is none that float64 holds exactly
 */
export function toFloat64(dtype: string, bytes: Uint8Array): Float64Array {
  const reader = READERS.get(dtype);
  if (reader === undefined) {
    throw new TypeError(`dtype: found ${dtype}, required one of ${[...READERS.keys()].join(", ")}`);
  }
  const size = DTYPE_BYTES.get(dtype) ?? 1;
  return reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes.byteLength / size);
}
