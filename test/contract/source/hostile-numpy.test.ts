import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { numpy } from "../../../connectors/sources/numpy/numpy.ts";
import { npyOf } from "../../support/files/npy-file.ts";
import { mutationContract } from "./mutations.ts";

const FILES = fileURLToPath(new URL("../../golden/files/numpy/", import.meta.url));

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

  const good = npyOf({ name: "w", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] });
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
    ["10^12 elements", edited("(2, 3)", "(1000000, 1000000,)"), /found 24 bytes, required 4000000000000/],
    [
      "more elements than can be counted",
      edited("(2, 3)", "(999999999, 999999999, 9,)"),
      /found 24 bytes, required 35999999928000000000/,
    ],
    ["negative extents", edited("(2, 3)", "(-2, 3,)"), /required descr, fortran_order and a shape/],
    ["code for a header", edited("False", "quit()"), /required descr, fortran_order and a shape/],
    ["fewer elements than it says", good.subarray(0, good.length - 4), /found 20 bytes, required 24/],
  ])("%s: refused", async (_, bytes, says) => {
    const path = join(folder, "w.npy");
    await writeFile(path, bytes);
    await expect(numpy.open(path, "x")).rejects.toThrow(says);
    await expect(numpy.open(path, "x")).rejects.toThrow(path);
  });
});
