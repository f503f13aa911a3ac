import { mkdtemp, open as openHandle, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesInMemory } from "../../../connectors/sources/zip/byte-window.ts";
import { openFile } from "../../../connectors/sources/file.ts";
import { numpy } from "../../../connectors/sources/numpy/numpy.ts";
import { openZip } from "../../../connectors/sources/zip/zip.ts";
import { npyHeaderText, npyOf, npyRaw } from "../../support/files/npy-file.ts";
import { mutationContract } from "./mutations.ts";
import { type ZipMember, zipOf } from "../../support/files/zip-file.ts";

const opened = (bytes: Uint8Array) => openZip("a.zip", bytesInMemory(bytes, "a.zip"));
const data = Buffer.from("some data, some data, some data");
const A: ZipMember = { name: "a", data };
const B: ZipMember = { name: "b", data, deflate: true };

async function everything(bytes: Uint8Array): Promise<string[]> {
  const archive = await opened(bytes);
  const read: string[] = [];
  for (const entry of archive.entries.values()) read.push(Buffer.from(await archive.read(entry)).toString());
  return read;
}

describe("zip archives", () => {
  it("give every entry back, stored and deflated, with and without zip64, whole, by its head and by position", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.record({
            name: fc.string({ unit: "binary" }),
            data: fc.uint8Array({ maxLength: 300 }),
            deflate: fc.boolean(),
            zip64: fc.boolean(),
          }),
          { maxLength: 6, selector: ({ name }) => Buffer.from(name).toString("hex") },
        ),
        fc.boolean(),
        async (members, zip64) => {
          const archive = await opened(zipOf(members, members.length, zip64));
          expect(archive.entries.size).toBe(members.length);
          for (const { name, data } of members) {
            const entry = archive.entries.get(Buffer.from(name).toString());
            if (entry === undefined) throw new Error(`no entry ${name}`);
            expect(Buffer.from(await archive.read(entry))).toEqual(Buffer.from(data));
            expect(Buffer.from(await archive.head(entry, 7))).toEqual(Buffer.from(data.subarray(0, 7)));
            const source = await archive.source(entry);
            expect(Buffer.from(await source.slice(1 % (data.length + 1), data.length))).toEqual(
              Buffer.from(data.subarray(1 % (data.length + 1))),
            );
          }
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it("may have a comment that looks like an end", async () => {
    const plain = zipOf([A]);
    const comment = Buffer.from("PK\x05\x06 and more of it, twenty-two bytes at the least");
    plain.writeUInt16LE(comment.length, plain.length - 2);
    expect(await everything(Buffer.concat([plain, comment]))).toEqual([data.toString()]);
  });

  it.each<[string, () => Uint8Array, RegExp]>([
    ["nothing", () => Buffer.alloc(0), /found no end of a zip archive in its last 0 bytes/],
    ["an end cut off", () => zipOf([A]).subarray(0, -1), /found no end of a zip archive/],
    ["an encrypted entry", () => zipOf([{ ...A, flags: 1 }]), /entry "a": found it encrypted/],
    ["an entry named twice", () => zipOf([A, A]), /entry "a": found twice/],
    [
      "entries that overlap",
      () => zipOf([{ ...A, name: "big", data: Buffer.alloc(100) }, { ...B, at: 40 }]),
      /found an overlap with/,
    ],
    [
      "the same bytes under many names",
      () => zipOf([A, { ...A, name: "c", at: 0 }]),
      /found an overlap with/,
    ],
    [
      "a bomb by its size",
      () => zipOf([{ ...B, size: 2 ** 31 }]),
      /found 2147483648 bytes deflated to \d+, required at most 1032 to 1/,
    ],
    ["a size of 2^60", () => zipOf([{ ...B, zip64: true, size: 2 ** 60 }]), /required at most/],
    [
      "an entry beyond the file",
      () => zipOf([{ ...A, at: 5000 }]),
      /found 31 bytes at byte 5000, required to end before/,
    ],
    ["an offset of 2^60", () => zipOf([{ ...A, at: 2 ** 60, zip64: true }]), /required at most/],
    ["more entries than the directory holds", () => zipOf([A], 60_000), /found 60000 entries in/],
    [
      "one entry more than there is",
      () => zipOf([{ ...A, name: "x".repeat(80) }], 2),
      /entry 2: found no header/,
    ],
    ["another size stored", () => zipOf([{ ...A, size: 30 }]), /found 30 bytes stored in 31/],
    ["method 12", () => zipOf([{ ...A, method: 12 }]), /found compression method 12, required 0 or 8/],
    ["another CRC", () => zipOf([{ ...A, crc: 7 }]), /found CRC [0-9a-f]+, required 7/],
    ["another CRC, deflated", () => zipOf([{ ...B, crc: 7 }]), /found CRC [0-9a-f]+, required 7/],
    [
      "deflated data that is none",
      () => zipOf([{ ...A, method: 8 }]),
      /entry "a": found .*, required 31 bytes, deflated/,
    ],
    [
      "more data than was declared",
      () => zipOf([{ ...B, size: 5 }]),
      /entry "b": found .*, required 5 bytes, deflated/,
    ],
    [
      "less data than was declared",
      () => zipOf([{ ...B, size: 50 }]),
      /entry "b": found 31 bytes, required 50 bytes/,
    ],
    ["a local header that is none", () => {
      const bytes = zipOf([A]);
      bytes[0] = 0;
      return bytes;
    }, /found no local header of its kind at byte 0/],
  ])("are refused with %s", async (_, bytes, says) => {
    const failure = await everything(bytes()).then(() => null, (thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(SyntaxError);
    expect((failure as Error).message).toMatch(says);
    expect((failure as Error).message.startsWith("a.zip: ")).toBe(true);
  });
});

mutationContract(
  numpy,
  () => Promise.resolve([npyOf({ name: "w", dtype: "F32", shape: [2, 2], values: [1, 2, 3, 4] })]),
  2000,
  (data) => zipOf([{ name: "w.npy", data, deflate: true }]),
);

describe("hostile NumPy files", () => {
  let folder = "";
  let count = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hostile-numpy-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const file = async (bytes: Uint8Array, extension = ".npy") => {
    const path = join(folder, `${count++}${extension}`);
    await writeFile(path, bytes);
    return path;
  };
  const npy = (header: string, size = 16) => npyRaw(header, Buffer.alloc(size));
  const w = { name: "w", dtype: "F32", shape: [2, 2], values: [1, 2, 3, 4] };

  it.each<[string, () => Uint8Array, RegExp]>([
    ["nothing", () => Buffer.alloc(0), /required a NumPy array or a zip archive/],
    [
      "a header that is code",
      () => npy("__import__('os').system('touch x')"),
      /header: found .*, required descr/,
    ],
    [
      "a shape that is code",
      () => npy("{'descr': '<f4', 'fortran_order': False, 'shape': (exit(), 2), }"),
      /header: found/,
    ],
    [
      "a negative extent",
      () => npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2), }"),
      /header: found/,
    ],
    ["10^12 elements", () => npy(npyHeaderText("<f4", [1e6, 1e6])), /found 16 bytes, required 4000000000000/],
    [
      "an extent beyond 2^53",
      () => npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
      /header: found/,
    ],
    [
      "forty axes",
      () => npy(npyHeaderText("<f4", Array.from({ length: 40 }, () => 1))),
      /at most 16 extents/,
    ],
    ["data cut short", () => npy(npyHeaderText("<f4", [2, 3])), /found 16 bytes, required 24/],
    ["data behind the data", () => npy(npyHeaderText("<f4", [2])), /found 16 bytes, required 8/],
    ["version 9", () => {
      const bytes = npyOf(w);
      bytes[6] = 9;
      return bytes;
    }, /version 1 to 3/],
    ["a header longer than the file", () => {
      const bytes = npyOf(w);
      bytes.writeUInt16LE(9999, 8);
      return bytes;
    }, /header length: found 9999/],
    ["an archive without arrays", () => zipOf([{ name: "readme", data: "x" }]), /found no array/],
    ["an array that is none", () => zipOf([{ name: "w.npy", data: "x" }]), /array "w": found no NumPy array/],
    [
      "two arrays of one name",
      () => zipOf([{ name: "w", data: npyOf(w) }, { name: "w.npy", data: npyOf(w) }]),
      /array "w": found two/,
    ],
  ])("%s: refused", async (_, bytes, says) => {
    const path = await file(bytes());
    const failure = await numpy.open(path, "id").then((model) => model.close(), (thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(SyntaxError);
    const { message } = failure as Error;
    expect(message).toMatch(says);
    expect(message.startsWith(`${path}: `)).toBe(true);
    expect(message).not.toContain("\n");
  });

  it("reads one array of a sparse archive of 6 GB without reading the rest", async () => {
    const gib = 2 ** 30;
    const big = npyRaw(npyHeaderText("<f4", [3 * gib / 2]), Buffer.alloc(0));
    // Written by hand: the first entry's data is a hole in the file.
    const first = zipOf([{
      name: "big.npy",
      data: big,
      size: big.length + 6 * gib,
      compressedSize: big.length + 6 * gib,
      zip64: true,
    }]);
    const path = await file(Buffer.alloc(0), ".npz");
    const handle = await openHandle(path, "r+");
    const head = 30 + "big.npy".length + big.length;
    await handle.write(first, 0, head, 0);
    const second = zipOf([{ name: "w.npy", data: npyOf(w), at: head + 6 * gib, zip64: true }]);
    const local = 30 + "w.npy".length + npyOf(w).length;
    await handle.write(second, 0, local, head + 6 * gib);
    const directory = Buffer.concat([
      first.subarray(head, first.length - 22),
      second.subarray(local, second.length - 22),
    ]);
    const at = head + 6 * gib + local;
    await handle.write(Buffer.concat([directory, zip64End(2, directory.length, at)]), 0, undefined, at);
    await handle.close();
    const before = process.memoryUsage().rss;
    const source = await openFile(path);
    expect((await openZip(path, source)).entries.size).toBe(2);
    await source.close();
    const model = await numpy.open(path, "id");
    expect(model.tensors.map(({ name, shape }) => [name, shape])).toEqual([["big", [3 * gib / 2]], ["w", [
      2,
      2,
    ]]]);
    expect([...await model.read("w")]).toEqual(w.values);
    expect(process.memoryUsage().rss - before).toBeLessThan(gib / 2);
    await model.close();
    await rm(path);
  });
});

/** The three records at an archive's end, for a directory that lies elsewhere. */
function zip64End(count: number, size: number, at: number): Buffer {
  const end = zipOf([], 0, true);
  const [end64, locator] = [end.subarray(0, 56), end.subarray(56, 76)];
  end64.writeBigUInt64LE(BigInt(count), 24);
  end64.writeBigUInt64LE(BigInt(count), 32);
  end64.writeBigUInt64LE(BigInt(size), 40);
  end64.writeBigUInt64LE(BigInt(at), 48);
  locator.writeBigUInt64LE(BigInt(at + size), 8);
  return end;
}
