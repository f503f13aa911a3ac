import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { giveBack } from "../../connectors/bytes.ts";
import { openFile } from "../../connectors/sources/file.ts";
import { bytesInMemory, windowOf } from "../../connectors/sources/zip/byte-window.ts";

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, at) => at * 7);

describe("slices of a source", () => {
  it.each([
    ["a Node buffer of its own", () => bytesInMemory(Buffer.from(CONTENT), "it")],
    ["a Node buffer of the pool", () => bytesInMemory(Buffer.from(CONTENT.subarray(0, 100)), "it")],
    ["an array", () => bytesInMemory(CONTENT.slice(), "it")],
    ["a window", () => windowOf(bytesInMemory(Buffer.from(CONTENT), "it"), "part", 10, 1000)],
  ])("can be given back, and the source has all of its bytes still: %s", async (_, open) => {
    const source = open();
    const first = await source.slice(0, source.size);
    const before = first.slice();
    giveBack(first, await source.slice(1, 5), await source.slice(0, 0));
    expect(first).toHaveLength(0);
    expect(await source.slice(0, source.size)).toEqual(before);
  });

  it("of a file are gone when they are given back, and part of something larger stays", async () => {
    const folder = await mkdtemp(join(tmpdir(), "byte-source-"));
    try {
      await writeFile(join(folder, "f"), CONTENT);
      const source = await openFile(join(folder, "f"));
      const bytes = await source.slice(0, 1000);
      const part = bytes.subarray(10, 20);
      giveBack(part);
      expect(part).toEqual(CONTENT.subarray(10, 20));
      giveBack(bytes);
      expect([bytes.length, part.length]).toEqual([0, 0]);
      await source.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
