import { appendFile, mkdtemp, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ByteSource } from "../../../connectors/bytes.ts";
import { digestFile } from "../../../connectors/sources/digest.ts";
import { openFile } from "../../../connectors/sources/file.ts";
import { FileDigests } from "../../../src/run/records/file-digests.ts";
import { bytesInMemory, windowOf } from "../../../connectors/sources/zip/byte-window.ts";

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, at) => at * 7);

describe("slices of a source", () => {
  it.each([
    ["a Node buffer of its own", () => bytesInMemory(Buffer.from(CONTENT), "it")],
    ["a Node buffer of the pool", () => bytesInMemory(Buffer.from(CONTENT.subarray(0, 100)), "it")],
    ["an array", () => bytesInMemory(CONTENT.slice(), "it")],
    ["a window", () => windowOf(bytesInMemory(Buffer.from(CONTENT), "it"), "part", 10, 1000)],
  ])("can be given to a thread, and the source has all of its bytes still: %s", async (_, open) => {
    const source = open();
    const first = await source.slice(0, source.size);
    const before = first.slice();
    structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
    expect(first).toHaveLength(0);
    expect(await source.slice(0, source.size)).toEqual(before);
  });
});

describe("the digest of a file", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "digest-"));
    path = join(folder, "f");
    await writeFile(path, CONTENT);
    later();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rm(folder, { recursive: true });
  });

  /** Only `Date` is turned: what was just written is old. */
  const later = () => vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ["Date"] });

  /** The digest, and how many bytes were read for it. */
  async function digested(known?: FileDigests, needed?: { start: number; end: number }[]) {
    const source = await openFile(path);
    let read = 0;
    const counted: ByteSource = {
      ...source,
      slice: (start, end, signal) => {
        read += end - start;
        return source.slice(start, end, signal);
      },
    };
    try {
      return {
        ...await digestFile(path, counted, { known, ...needed === undefined ? {} : { needed } }),
        read,
      };
    } finally {
      await source.close();
    }
  }

  it("is known as long as the file is the same, whole or in part", async () => {
    const first = new FileDigests();
    const whole = await digested(first);
    const part = await digested(first, [{ start: 100, end: 200 }]);
    expect([whole.read, part.read, first.changed]).toEqual([CONTENT.length, 100, true]);
    const second = new FileDigests(first.record());
    expect(await digested(second)).toEqual({ ...whole, read: 0 });
    expect(await digested(second, [{ start: 100, end: 200 }])).toEqual({ ...part, read: 0 });
    expect([second.changed, second.record()]).toEqual([false, first.record()]);
    expect((await digested(second, [{ start: 100, end: 201 }])).read).toBe(101);
    expect(second.changed).toBe(true);
  });

  it.each([
    ["grows", () => appendFile(path, "x")],
    ["is written again, and has its times set back", async () => {
      const { atime, mtime } = await stat(path);
      await writeFile(path, CONTENT.slice().reverse());
      await utimes(path, atime, mtime);
    }],
    ["is another of the same size and time", async () => {
      const { atime, mtime } = await stat(path);
      await writeFile(`${path}-2`, CONTENT.slice().reverse());
      await utimes(`${path}-2`, atime, mtime);
      await rename(`${path}-2`, path);
    }],
  ])("is computed again when the file %s", async (_, change) => {
    const first = new FileDigests();
    const before = await digested(first);
    vi.useRealTimers();
    // The clock of file systems ticks slowly: Deno says when a file's inode changed in whole seconds.
    const { ctimeMs } = await stat(path);
    await vi.waitUntil(async () => {
      await writeFile(`${path}-clock`, "");
      return (await stat(`${path}-clock`)).ctimeMs > ctimeMs;
    }, 5000);
    await change();
    later();
    const after = await digested(new FileDigests(first.record()));
    expect(after.read).toBe(after.bytes);
    expect(after.sha256).not.toBe(before.sha256);
  });

  it("is not remembered of a file that has just changed: another change might not show", async () => {
    vi.useRealTimers();
    const known = new FileDigests();
    await digested(known);
    expect(known.record()).toEqual({});
    await utimes(path, new Date(), new Date(Date.now() + 3600_000));
    vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ["Date"] });
    await digested(known);
    expect(known.record()).toEqual({});
  });

  it("is not taken from a record that holds something else", async () => {
    const first = new FileDigests();
    const { sha256 } = await digested(first);
    const [key = ""] = Object.keys(first.record());
    const wrong = ["", "x".repeat(64), sha256.toUpperCase(), null, 7].map((each) => ({ [key]: each }));
    for (const record of [...wrong, null, [], "x"] as unknown as Record<string, string>[]) {
      expect(await digested(new FileDigests(record))).toMatchObject({ sha256, read: CONTENT.length });
    }
  });
});
