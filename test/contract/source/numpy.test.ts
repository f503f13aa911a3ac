import { crc32, deflateRawSync } from "node:zlib";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { numpy } from "../../../connectors/sources/numpy.ts";
import { sourceContract, type WrittenTensor } from "./contract.ts";
import { mutationContract } from "./mutations.ts";

const FILES = fileURLToPath(new URL("../../golden/files/numpy/", import.meta.url));

const DESCR: Readonly<Record<string, string>> = {
  F64: "<f8",
  F32: "<f4",
  F16: "<f2",
  I64: "<i8",
  C64: "<c8",
};

function npyBytes({ dtype, shape, values }: WrittenTensor, version = 1): Buffer {
  const size = Number(DESCR[dtype]!.slice(2));
  const tuple = `(${shape.map((extent) => `${extent},`).join(" ")})`;
  const dictionary = `{'descr': '${DESCR[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = version === 1 ? 10 : 12;
  const header = dictionary.padEnd(Math.ceil((start + dictionary.length + 1) / 64) * 64 - start - 1) + "\n";
  const out = Buffer.alloc(start + header.length + values.length * size);
  out.write("\x93NUMPY", "latin1");
  out[6] = version;
  if (version === 1) out.writeUInt16LE(header.length, 8);
  else out.writeUInt32LE(header.length, 8);
  out.write(header, start, "latin1");
  const view = new DataView(out.buffer, out.byteOffset + start + header.length);
  values.forEach((value, i) => {
    if (dtype === "F64") view.setFloat64(8 * i, value, true);
    else if (dtype === "F32") view.setFloat32(4 * i, value, true);
    else if (dtype === "F16") view.setFloat16(2 * i, value, true);
    else if (dtype === "I64") view.setBigInt64(8 * i, BigInt(value), true);
  });
  return out;
}

/** A zip archive, every other entry deflated. */
function zipBytes(files: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  files.forEach(([text, bytes], index) => {
    const name = Buffer.from(text);
    const method = index % 2 === 1 ? 8 : 0;
    const data = method === 8 ? deflateRawSync(bytes) : bytes;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x800, 2); // names are UTF-8
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const offset = Buffer.alloc(14);
    offset.writeUInt32LE(at, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\0", "latin1"), fields, offset, name);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), fields, name, data);
    at += 30 + name.length + data.length;
  });
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, central, end]);
}

const COMMON = [0, -0, 1, -1, 0.5, -2.5, NaN, Infinity, -Infinity];

sourceContract(numpy, {
  write: (path, tensors) =>
    writeFile(
      path,
      zipBytes(tensors.map((tensor, i) => [`${tensor.name}.npy`, npyBytes(tensor, 1 + i % 3)] as const)),
    ),
  unreadable: "C64",
  exact: {
    F32: [...COMMON, 2 ** -149, Math.fround(0.1), Math.fround(3.4028234663852886e38)],
    F64: [...COMMON, 5e-324, 0.1, Number.MAX_VALUE, 2 ** 53 + 2],
    F16: [...COMMON, 2 ** -24, 65504, 1 + 2 ** -10],
    I64: [0, 1, -1, 2 ** 53, -(2 ** 53), 2 ** 62],
  },
});

mutationContract(numpy, async () => {
  const names = (await readdir(FILES)).filter((name) => /\.np[yz]$/.test(name));
  return await Promise.all(names.map((name) => readFile(join(FILES, name))));
});

describe("files that NumPy wrote", () => {
  /** `numpy.arange(24) ** 2 - 7`, row-major. */
  const expected = Array.from({ length: 24 }, (_, i) => i * i - 7);

  it("are read whatever their order, endianness and type", async () => {
    const model = await numpy.open(join(FILES, "orders.npz"), "x");
    for (const name of ["c", "fortran", "big", "half", "bighalf", "ints"]) {
      expect([...await model.read(name)], name).toEqual(expected);
      expect(model.tensors.find((tensor) => tensor.name === name)?.shape).toEqual([2, 3, 4]);
    }
    expect([...await model.read("scalar")]).toEqual([2.5]);
    expect([...await model.read("empty")]).toEqual([]);
    const listed = Object.fromEntries(model.tensors.map(({ name, unreadable }) => [name, unreadable]));
    expect([...await model.read("flags")]).toEqual(expected.map((value) => value > 0 ? 1 : 0));
    expect(listed["complex"]).toMatch(/C64/);
    expect(listed["text"]).toMatch(/<U1/);
    expect(Object.keys(listed)).toHaveLength(11);
    await model.close();
  });

  it("are read compressed, by names that are paths or worse", async () => {
    const model = await numpy.open(join(FILES, "compressed.npz"), "x");
    expect(model.tensors.map(({ name }) => name)).toEqual(["conv0/W", "__proto__"]);
    expect([...await model.read("__proto__")]).toEqual(expected);
    await model.close();
  });

  it.each(
    [["objects.npz", "o", /pickle/], ["records.npz", "r", /structured holds no real numbers/]] as const,
  )(
    "%s: what is no array of floats is listed and never loaded",
    async (file, name, says) => {
      const model = await numpy.open(join(FILES, file), "x");
      expect(model.tensors.find((tensor) => tensor.name === name)?.unreadable).toMatch(says);
      await expect(model.read(name)).rejects.toThrow(says);
      expect([...await model.read("w")]).toEqual(expected);
      await model.close();
    },
  );

  it.each(["fortran.npy", "version3.npy"])("%s is one tensor, called as its file", async (file) => {
    const model = await numpy.open(join(FILES, file), "x");
    expect(model.tensors.map(({ name, shape }) => [name, shape])).toEqual([[file.slice(0, -4), [2, 3, 4]]]);
    expect([...await model.read(file.slice(0, -4))]).toEqual(expected);
    await model.close();
  });
});

describe("hostile NumPy files", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "npy-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const good = npyBytes({ name: "w", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] });
  /** The same length: what is put in takes from the spaces behind the header. */
  const edited = (from: string, to: string) => {
    const text = good.toString("latin1").replace(from, to);
    const spare = to.length - from.length;
    return Buffer.from(spare > 0 ? text.replace(" ".repeat(spare) + "\n", "\n") : text, "latin1");
  };

  it.each([
    ["nothing", Buffer.alloc(0), /found "" at byte 0/],
    ["another magic", Buffer.concat([Buffer.from("PICKLE"), good.subarray(6)]), /required a NumPy array/],
    ["version 4", Buffer.from(good.map((byte, at) => at === 6 ? 4 : byte)), /version 1 to 3/],
    [
      "a header longer than the file",
      Buffer.from(good.map((b, at) => at === 9 ? 255 : b)),
      /header length: found 65398/,
    ],
    ["10^12 elements", edited("(2, 3,)", "(1000000, 1000000,)"), /found 24 bytes, required 4000000000000/],
    [
      "more elements than can be counted",
      edited("(2, 3,)", "(999999999, 999999999, 9,)"),
      /found 24 bytes, required 35999999928000000000/,
    ],
    ["negative extents", edited("(2, 3,)", "(-2, 3,)"), /required descr, fortran_order and a shape/],
    ["code for a header", edited("False", "quit()"), /required descr, fortran_order and a shape/],
    ["fewer elements than it says", good.subarray(0, good.length - 4), /found 20 bytes, required 24/],
  ])("%s: refused", async (_, bytes, says) => {
    const path = join(folder, "w.npy");
    await writeFile(path, bytes);
    await expect(numpy.open(path, "x")).rejects.toThrow(says);
    await expect(numpy.open(path, "x")).rejects.toThrow(path);
  });
});
