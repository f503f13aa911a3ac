/** How a file gets its bytes: also where the system takes fewer at a time than it is given. */

import { type FileHandle, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyedFiles } from "../../src/flow/keyed-files.ts";
import { writeNew, writeParts } from "../../src/flow/new-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyed-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const parts = [3, 0, 5, 1, 8].map((length, at) => new Uint8Array(length).fill(at + 1));
const whole = [1, 1, 1, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5];

describe("writing arrays one after another", () => {
  it("writes all of each", async () => {
    const file = await open(join(folder, "f"), "wx");
    await writeParts(file, parts);
    await file.close();
    expect([...await readFile(join(folder, "f"))]).toEqual(whole);
  });

  it.each([1, 2, 3, 4, 7, 16])("goes on where %i bytes were taken", async (most) => {
    const taken: number[] = [];
    const file = {
      writev(pieces: readonly Uint8Array[]) {
        const bytes = pieces.flatMap((piece) => [...piece]).slice(0, most);
        taken.push(...bytes);
        return Promise.resolve({ bytesWritten: bytes.length, buffers: [] });
      },
    };
    await writeParts(file as unknown as FileHandle, parts);
    expect(taken).toEqual(whole);
  });

  it("does not try for ever where nothing is taken", async () => {
    const file = { writev: () => Promise.resolve({ bytesWritten: 0, buffers: [] }) };
    await expect(writeParts(file as unknown as FileHandle, parts)).rejects.toThrow(/no more/);
  });
});

describe("a folder of files by key", () => {
  it("is made with the first file, and again where it is gone", async () => {
    const key = (digit: number) => String(digit).repeat(64);
    const inside = join(folder, "a/b");
    const files = await KeyedFiles.open({ folder: inside, limit: 1000, alone: true }, ".x");
    await files.put(key(1), 3, (path) => writeNew(path, [Uint8Array.of(1, 2, 3)]));
    await rm(inside, { recursive: true });
    await files.put(key(2), 2, (path) => writeNew(path, [Uint8Array.of(4, 5)]));
    expect([...await readFile(files.path(key(2)))]).toEqual([4, 5]);
  });
});
