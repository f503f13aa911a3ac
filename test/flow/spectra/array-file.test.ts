/** How a file gets its bytes: also where the system takes fewer at a time than it is given. */

import { type FileHandle, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeNew, writeParts } from "../../../src/flow/spectra/array-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "new-file-"));
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

describe("a new file", () => {
  it("has all arrays in it, and takes no other's place", async () => {
    const path = join(folder, "f");
    await writeNew(path, parts);
    expect([...await readFile(path)]).toEqual(whole);
    await expect(writeNew(path, [Uint8Array.of(9)])).rejects.toThrow("EEXIST");
    expect([...await readFile(path)]).toEqual(whole);
  });
});
