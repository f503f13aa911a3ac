import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { archiveParts, readArchive } from "../../../src/flow/spectra/archive.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "archive-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytesOf = (value: unknown) => Buffer.concat(archiveParts(value));

async function read(bytes: Uint8Array): Promise<unknown> {
  await writeFile(join(folder, "f"), bytes);
  return await readArchive(join(folder, "f"));
}

describe("an archive", () => {
  const value = {
    text: 'quotes " and \n lines',
    numbers: [0, -1.5, 1e300, -Infinity, NaN],
    nothing: null,
    inner: [{ overlap: Float64Array.of(Math.PI, -Infinity, NaN), places: Int32Array.of(-7, 2 ** 30) }],
    flags: Uint8Array.of(1, 0, 255),
    none: new Float64Array(),
  };

  it("gives the value back as it was, bit for bit", async () => {
    expect(await read(bytesOf(value))).toEqual(value);
  });

  it("is none where a byte is missing, added or another", async () => {
    const whole = bytesOf(value);
    for (const length of [0, 7, 15, 16, whole.length - 1]) {
      expect(await read(whole.subarray(0, length))).toBeNull();
    }
    expect(await read(Buffer.concat([whole, Buffer.of(0)]))).toBeNull();
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      expect(await read(damaged), `byte ${at}`).toBeNull();
    }
  });

  it.each(["1e9", "-1", "0.5", "null", '"x"'])(
    "with a good checksum takes no memory for an array of %s",
    async (count) => {
      const json = Buffer.from(`{"a":{"$":"f64","length":${count}}}`);
      const head = bytesOf(0).subarray(0, 16);
      head.writeUInt32LE(json.length, 12);
      head.writeUInt32LE(crc32(Buffer.concat([head.subarray(12), json, Buffer.alloc(16)])), 8);
      expect(await read(Buffer.concat([head, json, Buffer.alloc(16)]))).toBeNull();
    },
  );

  it("has at most 64 MiB of JSON, which takes many times as much when it is parsed", async () => {
    const most = 64 * 2 ** 20;
    const fitting = "x".repeat(most - 2);
    expect(archiveParts(fitting)).toHaveLength(2);
    expect(() => bytesOf(`${fitting}x`)).toThrow(
      /^an archive: found 67108865 bytes of JSON, required at most /,
    );
    const json = Buffer.alloc(most + 1, " ").fill("0", 0, 1);
    const head = bytesOf(0).subarray(0, 16);
    head.writeUInt32LE(json.length, 12);
    head.writeUInt32LE(crc32(Buffer.concat([head.subarray(12), json])), 8);
    expect(await read(Buffer.concat([head, json]))).toBeNull();
  });
});
