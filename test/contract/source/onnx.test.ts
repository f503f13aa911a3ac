import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onnx } from "../../../connectors/sources/onnx/onnx.ts";
import {
  type Bytes,
  field,
  integer,
  integers,
  joined,
  node,
  tensor,
  TYPE,
  weight,
  writeOnnx,
} from "../../support/files/onnx-file.ts";
import { sourceContract, type WrittenTensor } from "./contract.ts";

function bytes(count: number, size: number, set: (view: DataView, i: number) => void): Bytes {
  const view = new DataView(new ArrayBuffer(count * size));
  for (let i = 0; i < count; i++) set(view, i);
  return new Uint8Array(view.buffer);
}

const bfloat = (value: number) => {
  const wide = new DataView(new ArrayBuffer(4));
  wide.setFloat32(0, value);
  return wide.getUint16(0);
};

const ENCODERS: Readonly<Record<string, (values: readonly number[]) => Bytes>> = {
  F64: (values) => bytes(values.length, 8, (view, i) => view.setFloat64(i * 8, values[i]!, true)),
  F32: (values) => bytes(values.length, 4, (view, i) => view.setFloat32(i * 4, values[i]!, true)),
  F16: (values) => bytes(values.length, 2, (view, i) => view.setFloat16(i * 2, values[i]!, true)),
  BF16: (values) => bytes(values.length, 2, (view, i) => view.setUint16(i * 2, bfloat(values[i]!), true)),
  I64: (values) => bytes(values.length, 8, (view, i) => view.setBigInt64(i * 8, BigInt(values[i]!), true)),
  I32: (values) => bytes(values.length, 4, (view, i) => view.setInt32(i * 4, values[i]!, true)),
  I8: (values) => bytes(values.length, 1, (view, i) => view.setInt8(i, values[i]!)),
  U8: (values) => bytes(values.length, 1, (view, i) => view.setUint8(i, values[i]!)),
  BOOL: (values) => bytes(values.length, 1, (view, i) => view.setUint8(i, values[i]!)),
};

const type = (dtype: string) => TYPE[dtype as keyof typeof TYPE];

/** Initializers and `Constant` nodes by turns. */
async function write(path: string, tensors: readonly WrittenTensor[]): Promise<void> {
  const parts = tensors.map(({ name, dtype, shape, values }, i) => {
    const message = (own: string) => tensor(own, type(dtype), shape, field(9, ENCODERS[dtype]!(values)));
    return i % 3 === 2
      ? node("Constant", [], [name], { value: { tensor: message("") } })
      : field(5, message(name));
  });
  await writeOnnx(path, ...parts);
}

const COMMON = [0, -0, 1, -1, 0.5, -2.5, NaN, Infinity, -Infinity];

sourceContract(onnx, {
  write,
  unreadable: "BOOL",
  exact: {
    F32: [...COMMON, 2 ** -149, Math.fround(3.4028234663852886e38), Math.fround(0.1)],
    F64: [...COMMON, 5e-324, Number.MAX_VALUE, 0.1, 2 ** 53 + 2, 2 ** -1022],
    F16: [...COMMON, 2 ** -24, 65504, -65504, 2 ** -14, 1 + 2 ** -10],
    BF16: [...COMMON, 2 ** -133, 2 ** 127 * (2 - 2 ** -7), 1 + 2 ** -7],
    I64: [0, 1, -1, 2 ** 53, -(2 ** 53), 4_294_967_296],
    I32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
    I8: [0, 1, -1, 127, -128],
    U8: [0, 1, 255],
  },
});

describe("onnx files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "onnx-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  let count = 0;
  const opened = async (...parts: readonly Bytes[]) => {
    const path = join(folder, `${count++}.onnx`);
    await writeOnnx(path, ...parts);
    return await onnx.open(path, "id");
  };
  const stored = (name: string, code: number, shape: readonly number[], data: Bytes) =>
    field(5, tensor(name, code, shape, data));

  it("reads numbers that lie in fields of their own type, packed and one by one", async () => {
    const floats = [1.5, -2, 0.25];
    const float = (value: number) => ENCODERS["F32"]!([value]);
    const model = await opened(
      stored("packed", TYPE.F32, [3], field(4, joined(...floats.map(float)))),
      stored(
        "single",
        TYPE.F32,
        [3],
        joined(...floats.map((value) => joined(Uint8Array.of(4 * 8 + 5), float(value)))),
      ),
      stored("double", TYPE.F64, [2], field(10, ENCODERS["F64"]!([0.1, -3]))),
      stored("half", TYPE.F16, [2], integers(5, [0x3e00, 0xc000])),
      stored("brain", TYPE.BF16, [2], joined(integer(5, bfloat(1.5)), integer(5, bfloat(-2)))),
      stored("int", TYPE.I32, [3], integers(5, [7, -7, 2 ** 31 - 1])),
      stored("byte", TYPE.I8, [2], integers(5, [-128, 127])),
      stored("long", TYPE.I64, [3], integers(7, [-1, 2 ** 40, 0])),
    );
    const read = async (name: string) => [...await model.read(name)];
    expect(await read("packed")).toEqual(floats);
    expect(await read("single")).toEqual(floats);
    expect(await read("double")).toEqual([0.1, -3]);
    expect(await read("half")).toEqual([1.5, -2]);
    expect(await read("brain")).toEqual([1.5, -2]);
    expect(await read("int")).toEqual([7, -7, 2 ** 31 - 1]);
    expect(await read("byte")).toEqual([-128, 127]);
    expect(await read("long")).toEqual([-1, 2 ** 40, 0]);
    await model.close();
  });

  it("dequantizes weights by tensor, by axis, by block, and 4-bit ones", async () => {
    const bytes8 = [0, 10, 255, 128, 1, 2];
    const model = await opened(
      stored("w_quantized", TYPE.U8, [2, 3], field(9, Uint8Array.from(bytes8))),
      weight("one", [], [0.5]),
      stored("zero", TYPE.U8, [], integers(5, [128])),
      weight("rows", [2], [1, 10]),
      stored("zeros", TYPE.U8, [2], integers(5, [0, 1])),
      stored("q4", TYPE.I4, [2, 4], field(9, Uint8Array.of(0x21, 0xf7, 0x08, 0x43))),
      weight("blocks", [2, 2], [1, 2, 3, 4]),
      node("DequantizeLinear", ["w_quantized", "one", "zero"], ["whole"]),
      node("DequantizeLinear", ["w_quantized", "rows", "zeros"], ["byAxis"], { axis: 0 }),
      node("DequantizeLinear", ["q4", "blocks"], ["byBlock"], { axis: 1, block_size: 2 }),
      node("DequantizeLinear", ["w_quantized", "blocks"], ["misfit"], { axis: 1 }),
    );
    expect([...await model.read("whole")]).toEqual(bytes8.map((each) => (each - 128) * 0.5));
    expect([...await model.read("byAxis")]).toEqual([0, 10, 255, 1270, 0, 10]);
    // 0x21: 1, 2; 0xf7: 7, -1; 0x08: -8, 0; 0x43: 3, 4.
    expect([...await model.read("byBlock")]).toEqual([1, 2, 14, -2, -24, 0, 12, 16]);
    await expect(model.read("misfit")).rejects.toThrow(/scales of shape \[2,2\]/);
    await model.close();
  });

  it("reads external data by place, and digests its files", async () => {
    await mkdir(join(folder, "sub"), { recursive: true });
    await writeFile(join(folder, "sub", "w.bin"), ENCODERS["F32"]!([9, 9, 1, 2, 3, 4]));
    const entry = (key: string, text: string) => field(13, joined(field(1, key), field(2, text)));
    const external = joined(
      entry("location", "sub/w.bin"),
      entry("offset", "8"),
      entry("length", "16"),
      integer(14, 1),
    );
    const model = await opened(stored("w", TYPE.F32, [2, 2], external));
    expect([...await model.read("w")]).toEqual([1, 2, 3, 4]);
    expect((await model.inputs()).map(({ bytes: size }) => size).slice(1)).toEqual([24]);
    await model.close();
  });
});
