/** Writes ONNX files for tests: protobuf by hand, from the field numbers of onnx.proto. Shares no code with the reader. */

import { writeFile } from "node:fs/promises";

/** A message, or part of one. */
export type Bytes = Uint8Array;

/** A varint; negative numbers as ten bytes of their complement. */
export function varint(value: number | bigint): Bytes {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}

/** Bytes one after the other. */
export const joined = (...parts: readonly Bytes[]): Bytes => Buffer.concat(parts);

/** A field of bytes, text, or a message within a message. */
export function field(number: number, content: Bytes | string): Bytes {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return joined(varint(number * 8 + 2), varint(bytes.length), bytes);
}

/** A field of one integer. */
export const integer = (number: number, value: number | bigint): Bytes =>
  joined(varint(number * 8), varint(value));

/** A field of integers, packed. */
export const integers = (number: number, values: readonly (number | bigint)[]): Bytes =>
  field(number, joined(...values.map(varint)));

/** `TensorProto.DataType`. */
export const TYPE = {
  F32: 1,
  U8: 2,
  I8: 3,
  I32: 6,
  I64: 7,
  BOOL: 9,
  F16: 10,
  F64: 11,
  U4: 21,
  I4: 22,
  BF16: 16,
} as const;

/** A tensor; its numbers in whatever fields are given. */
export const tensor = (name: string, type: number, shape: readonly number[], data: Bytes): Bytes =>
  joined(integers(1, shape), integer(2, type), field(8, name), data);

/** Float32 numbers as `raw_data`. */
export const raw = (values: ArrayLike<number>): Bytes =>
  field(9, new Uint8Array(Float32Array.from(values).buffer));

/** A float32 initializer; numbers without a meaning where none are given. */
export function weight(name: string, shape: readonly number[], values?: ArrayLike<number>): Bytes {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return field(
    5,
    tensor(
      name,
      TYPE.F32,
      shape,
      raw(values ?? Array.from({ length: count }, (_, i) => (i * 7 % 13) / 13 - 0.4)),
    ),
  );
}

/** An initializer of 64-bit integers. */
export const indices = (
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Bytes => field(5, tensor(name, TYPE.I64, shape, integers(7, values)));

/** What an attribute may hold. */
export type AttributeValue = number | string | readonly number[] | { readonly graph: Bytes } | {
  readonly tensor: Bytes;
};

function attribute(name: string, value: AttributeValue): Bytes {
  const type = (code: number) => integer(20, code);
  if (typeof value === "number") return field(5, joined(field(1, name), integer(3, value), type(2)));
  if (typeof value === "string") return field(5, joined(field(1, name), field(4, value), type(3)));
  if ("graph" in value) return field(5, joined(field(1, name), field(6, value.graph), type(5)));
  if ("tensor" in value) return field(5, joined(field(1, name), field(5, value.tensor), type(4)));
  return field(5, joined(field(1, name), ...value.map((each) => integer(8, each)), type(7)));
}

/** A node of a graph; its name is `<op>_<first output>`. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Bytes {
  return field(
    1,
    joined(
      ...inputs.map((each) => field(1, each)),
      ...outputs.map((each) => field(2, each)),
      field(3, `${op}_${outputs[0] ?? ""}`),
      field(4, op),
      ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    ),
  );
}

/** A graph's input or output (field 11 or 12) of float32, extents by number or name. */
export function value(number: 11 | 12 | 13, name: string, shape: readonly (number | string)[]): Bytes {
  const extents = shape.map((extent) =>
    field(1, typeof extent === "number" ? integer(1, extent) : field(2, extent))
  );
  const type = field(1, joined(integer(1, TYPE.F32), field(2, joined(...extents))));
  return field(number, joined(field(1, name), field(2, type)));
}

/** A file of a graph's parts. */
export const file = (...graph: readonly Bytes[]): Bytes =>
  joined(
    integer(1, 8),
    field(2, "test"),
    field(7, joined(...graph)),
    field(8, joined(field(1, ""), integer(2, 17))),
  );

/** Writes a file of a graph's parts. */
export const writeOnnx = (path: string, ...graph: readonly Bytes[]): Promise<void> =>
  writeFile(path, file(...graph));
