/** Floating point formats of weight files, converted to float64. All of them fit without rounding. */

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
]);

const READERS: ReadonlyMap<string, (view: DataView, count: number) => Float64Array> = new Map([
  ["F64", (view: DataView, count: number) => each(count, (i) => view.getFloat64(i * 8, true))],
  ["F32", (view: DataView, count: number) => each(count, (i) => view.getFloat32(i * 4, true))],
  ["F16", (view: DataView, count: number) => each(count, (i) => HALF[view.getUint16(i * 2, true)]!)],
  // bfloat16 is the upper half of a float32.
  ["BF16", (view: DataView, count: number) => {
    const upper = new DataView(new ArrayBuffer(4));
    return each(count, (i) => {
      upper.setUint32(0, view.getUint16(i * 2, true) << 16);
      return upper.getFloat32(0);
    });
  }],
]);

/** Every value that a float16 can take, by its bits. */
const HALF = Float64Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
});

function each(count: number, value: (index: number) => number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = value(i);
  return out;
}

/** Whether elements of this dtype are real numbers that can be read. */
export function isReadable(dtype: string): boolean {
  return READERS.has(dtype);
}

/**
 * Converts little-endian elements to float64.
 *
 * @throws {TypeError} when the dtype is none of F64, F32, F16 and BF16
 */
export function toFloat64(dtype: string, bytes: Uint8Array): Float64Array {
  const reader = READERS.get(dtype);
  if (reader === undefined) {
    throw new TypeError(`dtype: found ${dtype}, required one of ${[...READERS.keys()].join(", ")}`);
  }
  const size = DTYPE_BYTES.get(dtype) ?? 1;
  return reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes.byteLength / size);
}
