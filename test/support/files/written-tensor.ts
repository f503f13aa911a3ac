/** Tensors as tests write them, encoded element by element. */

/** A tensor to be written. The values are exact in its dtype. */
export interface WrittenTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

type Encoder = readonly [
  bytes: number,
  set: (view: DataView, at: number, value: number, little: boolean) => void,
];

const ENCODERS: Readonly<Record<string, Encoder>> = {
  F64: [8, (view, at, value, little) => view.setFloat64(at, value, little)],
  F32: [4, (view, at, value, little) => view.setFloat32(at, value, little)],
  F16: [2, (view, at, value, little) => view.setFloat16(at, value, little)],
  BF16: [2, (view, at, value, little) => {
    const wide = new DataView(new ArrayBuffer(4));
    wide.setFloat32(0, value);
    view.setUint16(at, wide.getUint16(0), little);
  }],
  I64: [8, (view, at, value, little) => view.setBigInt64(at, BigInt(value), little)],
  U64: [8, (view, at, value, little) => view.setBigUint64(at, BigInt(value), little)],
  I32: [4, (view, at, value, little) => view.setInt32(at, value, little)],
  U32: [4, (view, at, value, little) => view.setUint32(at, value, little)],
  I16: [2, (view, at, value, little) => view.setInt16(at, value, little)],
  U16: [2, (view, at, value, little) => view.setUint16(at, value, little)],
  I8: [1, (view, at, value) => view.setInt8(at, value)],
  U8: [1, (view, at, value) => view.setUint8(at, value)],
  BOOL: [1, (view, at, value) => view.setUint8(at, value)],
  // A real number is its real part.
  C64: [8, (view, at, value, little) => view.setFloat32(at, value, little)],
};

/** Integers at the ends of their types, and as far as float64 is exact. */
export const EXACT_INTEGERS: Readonly<Record<string, readonly number[]>> = {
  I64: [0, 1, -1, 2 ** 53, -(2 ** 53), 2 ** 62],
  U64: [0, 1, 2 ** 53, 2 ** 63],
  I32: [0, -1, 2 ** 31 - 1, -(2 ** 31)],
  U32: [0, 1, 2 ** 32 - 1],
  I16: [0, -1, 32767, -32768],
  U16: [0, 1, 65535],
  I8: [0, -1, 127, -128],
  U8: [0, 1, 255],
  BOOL: [0, 1],
};

const COMMON = [0, -0, 1, -1, 0.5, -2.5, NaN, Infinity, -Infinity];

/** Hard values that are exact in their type. */
export const EXACT_FLOATS = {
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
} as const;

/** The tensor's elements as bytes, little-endian unless said otherwise. */
export function encoded({ dtype, values }: WrittenTensor, little = true): Buffer {
  const [bytes, set] = ENCODERS[dtype]!;
  const out = Buffer.alloc(bytes * values.length);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  values.forEach((value, at) => set(view, at * bytes, value, little));
  return out;
}
