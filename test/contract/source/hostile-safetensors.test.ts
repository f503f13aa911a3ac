import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, open as openHandle, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process, { platform } from "node:process";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { safetensors } from "../../../connectors/sources/safetensors.ts";
import { expectRefusal } from "./refusals.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of these bytes. */
async function file(...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const path = join(folder, `${count++}.safetensors`);
  await writeFile(path, Buffer.concat(parts.map((part) => Buffer.from(part as string))));
  return path;
}

function length(value: bigint | number): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

/** A file with this header, honestly announced, and zeros for data. */
const headed = (header: string, data = 0) =>
  file(length(Buffer.byteLength(header)), header, new Uint8Array(data));
const entry = (fields: Readonly<Record<string, unknown>>) =>
  JSON.stringify({ dtype: "F32", shape: [2, 2], data_offsets: [0, 16], ...fields });
const single = (fields: Readonly<Record<string, unknown>>, data = 16) =>
  headed(`{"w":${entry(fields)}}`, data);

async function openAndClose(path: string): Promise<void> {
  const model = await safetensors.open(path, "id");
  await model.close();
}

const DAMAGED: readonly (readonly [what: string, make: () => Promise<string>, says: RegExp])[] = [
  ["empty", () => file(), /found 0 bytes, required at least 8/],
  ["seven bytes", () => file("1234567"), /found 7 bytes, required at least 8/],
  ["no header", () => file(length(0), "{}"), /header length at byte 0: found 0, required 2 to/],
  ["a header longer than the file", () => file(length(100), "{}"), /found 100, required 2 to 2/],
  [
    "a header of 2^63 bytes",
    () => file(length(2n ** 63n), "{}"),
    /found 9223372036854775808, required 2 to 2/,
  ],
  ["a header of 2^64 - 1 bytes", () => file(length(2n ** 64n - 1n), "{}"), /found 18446744073709551615/],
  ["a zip (PyTorch)", () => file("PK\u0003\u0004", new Uint8Array(1000)), /header/],
  [
    "a pickle",
    () => file(Uint8Array.of(0x80, 2, 0x63), "os\nsystem\n", new Uint8Array(1000)),
    /header length at byte 0/,
  ],
  ["GGUF", () => file("GGUF", length(3), new Uint8Array(100)), /header length at byte 0/],
  [
    "text that is not UTF-8",
    () => file(length(4), Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)),
    /byte 8: found bytes that are not UTF-8/,
  ],
  ["no JSON", () => headed("{nonsense}"), /byte 8: found invalid JSON/],
  ["a cut header", () => headed('{"w":{"dtype":"F32"'), /found invalid JSON/],
  ["an array", () => headed("[1, 2, 3]"), /found "\[1, 2, 3\]", required \{/],
  [
    "JSON nested a hundred thousand deep",
    () => headed(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
    /required an object|invalid JSON/,
  ],
  ["an entry that is no object", () => headed('{"w": 3}'), /"w": found 3, required an object/],
  [
    "metadata that is no object",
    () => headed('{"__metadata__": [1]}'),
    /"__metadata__": found \[1\], required an object/,
  ],
  ["no dtype", () => headed('{"w":{"shape":[1],"data_offsets":[0,4]}}', 4), /"w", dtype: found undefined/],
  ["no shape", () => headed('{"w":{"dtype":"F32","data_offsets":[0,4]}}', 4), /"w", shape: found undefined/],
  ["no offsets", () => headed('{"w":{"dtype":"F32","shape":[1]}}', 4), /"w", data_offsets: found undefined/],
  ["a shape of text", () => single({ shape: ["2", "2"] }), /"w", shape: found \["2","2"\]/],
  ["a negative extent", () => single({ shape: [-2, -2] }), /"w", shape: found \[-2,-2\]/],
  ["a fractional extent", () => single({ shape: [1.5, 2] }), /"w", shape/],
  [
    "an extent beyond 2^53",
    () => headed('{"w":{"dtype":"F32","shape":[18014398509481984],"data_offsets":[0,16]}}', 16),
    /"w", shape/,
  ],
  ["too many axes", () => single({ shape: Array.from({ length: 40 }, () => 1) }), /"w", shape/],
  [
    "a shape that does not match its bytes",
    () => single({ shape: [2, 3] }),
    /"w", shape \[2,3\] of F32: found 16 bytes, required 24/,
  ],
  ["10^12 elements", () => single({ shape: [1e6, 1e6] }), /found 16 bytes, required 4000000000000/],
  [
    "a shape whose product wraps around 2^64",
    () => single({ shape: [2 ** 32, 2 ** 32, 4] }),
    /"w", shape.*found 16 bytes, required/,
  ],
  [
    "offsets out of range",
    () => single({ data_offsets: [0, 17] }),
    /"w", data_offsets: found \[0,17\], required ascending and within 16/,
  ],
  ["offsets beyond 2^53", () => single({ data_offsets: [2 ** 60, 2 ** 60 + 4096] }), /"w", data_offsets/],
  ["offsets that descend", () => single({ data_offsets: [16, 0] }), /"w", data_offsets: found \[16,0\]/],
  ["negative offsets", () => single({ data_offsets: [-16, 0] }), /"w", data_offsets: found \[-16,0\]/],
  ["fractional offsets", () => single({ data_offsets: [0.5, 16.5] }), /"w", data_offsets/],
  [
    "offsets 1e999",
    () => headed('{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,1e999]}}', 16),
    /"w", data_offsets/,
  ],
  ["one offset", () => single({ data_offsets: [0] }), /"w", data_offsets: found \[0\], required two/],
  [
    "tensors that overlap",
    () => headed(`{"a":${entry({})},"b":${entry({ data_offsets: [8, 24] })}}`, 24),
    /"b", data_offsets \[8, 24\]: found an overlap/,
  ],
  ["the same tensor twice", () => headed(`{"a":${entry({})},"b":${entry({})}}`, 16), /found an overlap/],
  [
    "a gap",
    () => headed(`{"a":${entry({})},"b":${entry({ data_offsets: [20, 36] })}}`, 36),
    /"b".*found a gap of 4 bytes/,
  ],
  ["data that nobody declared", () => single({}, 4096), /found 4096 bytes of data, required the 16/],
  [
    "data cut short",
    () => single({}, 12),
    /"w", data_offsets: found \[0,16\], required ascending and within 12/,
  ],
];

describe("hostile safetensors files", () => {
  it.each(DAMAGED)("%s: refused with file, place, found and required, on one line", async (_, make, says) => {
    const path = await make();
    await expectRefusal(safetensors, path, says);
  });

  it("takes __proto__ and metadata of any kind of text", async () => {
    const path = await headed(`{"__metadata__":{"__proto__":"x","epoch":"3"},"__proto__":${entry({})}}`, 16);
    const model = await safetensors.open(path, "id");
    expect(model.tensors.map(({ name }) => name)).toEqual(["__proto__"]);
    expect(model.metadata.get("__proto__")).toBe("x");
    expect([...await model.read("__proto__")]).toEqual([0, 0, 0, 0]);
    expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
    await model.close();
  });

  it("takes tensors without elements", async () => {
    const model = await safetensors.open(await single({ shape: [0, 5], data_offsets: [0, 0] }, 0), "id");
    expect(await model.read("w")).toHaveLength(0);
    await model.close();
  });

  it("reads one tensor of a sparse file of 6 GB without reading the rest", async () => {
    const gib = 2 ** 30;
    const header = JSON.stringify({
      big: { dtype: "F32", shape: [3 * gib / 2], data_offsets: [0, 6 * gib] },
      w: { dtype: "F32", shape: [2, 2], data_offsets: [6 * gib, 6 * gib + 16] },
    });
    const path = await headed(header);
    const handle = await openHandle(path, "r+");
    await handle.truncate(8 + header.length + 6 * gib);
    await handle.write(Buffer.from(Float32Array.of(1, 2, 3, 4).buffer), 0, 16, 8 + header.length + 6 * gib);
    await handle.close();
    const before = process.memoryUsage().rss;
    const model = await safetensors.open(path, "id");
    expect([...await model.read("w")]).toEqual([1, 2, 3, 4]);
    expect(process.memoryUsage().rss - before).toBeLessThan(gib);
    await model.close();
    await rm(path);
  });

  it("refuses a folder, a missing file, a loop of links and a pipe, each by its path", async () => {
    const at = (name: string) => join(folder, name);
    await mkdir(at("dir.safetensors"));
    await symlink(at("loop.safetensors"), at("loop.safetensors"));
    const paths = [at("dir.safetensors"), at("none.safetensors"), at("loop.safetensors")];
    if (platform !== "win32") {
      execFileSync("mkfifo", [at("pipe.safetensors")]);
      paths.push(at("pipe.safetensors"));
    }
    for (const path of paths) await expect(openAndClose(path)).rejects.toThrow(path);
  });

  it("refuses a file that it may not read (root may read all)", async () => {
    const path = await single({});
    await chmod(path, 0);
    const root = process.getuid?.() === 0 || platform === "win32";
    if (root) await openAndClose(path);
    else await expect(openAndClose(path)).rejects.toThrow(/required a readable file/);
  });

  it("never fails otherwise than with an error of its own, however a file is damaged", async () => {
    const header = `{"__metadata__":{"a":"b"},"a":${entry({})},"b":${entry({ data_offsets: [16, 32] })}}`;
    const good = Buffer.concat([
      length(header.length),
      Buffer.from(header),
      Buffer.from(Float32Array.from({ length: 8 }, (_, i) => i).buffer),
    ]);
    const edit = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255) });
    const damage = fc.record({
      edits: fc.array(edit, { maxLength: 6 }),
      keep: fc.nat(good.length),
      cut: fc.boolean(),
    });
    const path = join(folder, "damaged.safetensors");
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(damage, async ({ edits, keep, cut }) => {
        const bytes = Buffer.from(good);
        for (const { at, byte } of edits) bytes[at] = byte;
        await writeFile(path, cut ? bytes.subarray(0, keep) : bytes);
        try {
          const model = await safetensors.open(path, "id");
          for (const { name, unreadable } of model.tensors) {
            if (unreadable === undefined) await model.read(name);
          }
          await model.close();
        } catch (failure) {
          refused++;
          expect([SyntaxError, RangeError, TypeError]).toContain((failure as Error).constructor);
          expect((failure as Error).message.startsWith(path)).toBe(true);
        }
      }),
      { seed: 11, numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(300);
  });
});
