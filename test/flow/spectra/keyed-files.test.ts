/** Files by key in a folder that others may remove. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyedFiles } from "../../../src/flow/spectra/keyed-files.ts";
import { writeNew } from "../../../src/flow/spectra/array-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyed-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

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
