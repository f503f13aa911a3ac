import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { npyHeader, writeNpy } from "../../src/run/npy.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-npy-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

describe("a .npy file", () => {
  it("begins as NumPy's format says: magic, version 1.0, length, a dict padded to 64", () => {
    // As `numpy.save` writes a (4, 9, 3) array of float64: 128 bytes, 118 of them text.
    const dict = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 9, 3), }";
    expect(latin1(npyHeader([4, 9, 3]))).toBe(`\x93NUMPY\x01\x00\x76\x00${dict.padEnd(117)}\n`);
  });

  it.each([[[5]], [[1, 2]], [[512, 9, 512]], [[1e6, 1e6, 1e6]]])(
    "is aligned and has a tuple, of shape %j",
    (shape) => {
      const header = npyHeader(shape);
      expect(header.length % 64).toBe(0);
      expect(header[8]! + 256 * header[9]!).toBe(header.length - 10);
      expect(latin1(header)).toContain(shape.length === 1 ? "(5,)" : `(${shape.join(", ")})`);
      expect(header.at(-1)).toBe(10);
    },
  );

  it("holds its numbers behind that, and is not there when they cannot be had", async () => {
    const path = join(folder, "a.npy");
    await writeNpy(path, [2, 2], [Float64Array.of(1, 2), Float64Array.of(-0.1, Infinity)]);
    const bytes = await readFile(path);
    expect(bytes.length).toBe(128 + 32);
    expect([0, 8, 16, 24].map((at) => bytes.readDoubleLE(128 + at))).toEqual([1, 2, -0.1, Infinity]);
    const torn = function* () {
      yield Float64Array.of(1);
      throw new Error("torn");
    };
    await expect(writeNpy(join(folder, "b.npy"), [2], torn())).rejects.toThrow("torn");
    expect(await readdir(folder)).toEqual(["a.npy"]);
  });
});
