import { mkdtemp, open as openHandle, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gguf } from "../../../connectors/sources/gguf/gguf.ts";
import {
  ggufFile,
  type GgufStyle,
  type RawTensor,
  text,
  u32,
  u64,
  value,
} from "../../support/files/gguf-file.ts";
import { mutationContract } from "./mutations.ts";
import { expectRefusal } from "./refusals.ts";

const w: RawTensor = { name: "w", shape: [2, 4], type: 0, data: new Uint8Array(32) };
const of = (fields: Partial<RawTensor>, ...others: readonly RawTensor[]) =>
  ggufFile([{ ...w, ...fields }, ...others]);
const keyed = (...keys: NonNullable<GgufStyle["keys"]>) => ggufFile([w], { keys });
const start = (...parts: readonly Uint8Array[]) => Buffer.concat([Buffer.from("GGUF"), u32(3), ...parts]);
/** Arrays in arrays, the innermost empty. */
const nested = (deep: number) =>
  Buffer.concat([
    ...Array.from({ length: deep }, () => Buffer.concat([u32(9), u64(1)])),
    u32(4),
    u64(0),
  ]);
const huge = 2n ** 63n;

const DAMAGED: readonly (readonly [what: string, bytes: Buffer, says: RegExp])[] = [
  ["nothing", Buffer.alloc(0), /magic before byte 0: found 4 bytes, required at most the 0 that are left/],
  [
    "another magic",
    Buffer.from("GGML".padEnd(100)),
    /magic before byte 0: found something else, required "GGUF"/,
  ],
  ["a magic alone", Buffer.from("GGUF"), /version before byte 4: found 4 bytes, required at most the 0/],
  ["version 1", ggufFile([w], { version: 1 }), /version before byte 8: found 1, required 2 or 3/],
  ["version 4", ggufFile([w], { version: 4 }), /found 4, required 2 or 3/],
  [
    "big-endian numbers",
    ggufFile([w], { version: 3 << 24 }),
    /found big-endian numbers, required a little-endian/,
  ],
  [
    "2^63 tensors",
    ggufFile([w], { counts: [huge, 0] }),
    /number of tensors .*: found 9223372036854775808, required at most/,
  ],
  [
    "more tensors than fit",
    ggufFile([w], { counts: [5, 0] }),
    /number of tensors .*: found 5, required at most/,
  ],
  [
    "one tensor more than there are",
    ggufFile([w], { counts: [2, 0] }),
    /"w", offset 0: found an overlap with ""/,
  ],
  [
    "2^64 - 1 keys",
    ggufFile([w], { counts: [1, 2n ** 64n - 1n] }),
    /number of keys .*: found 18446744073709551615/,
  ],
  [
    "a key of 2^63 bytes",
    start(u64(0), u64(1), u64(huge), Buffer.alloc(64)),
    /length of key 0 .*: found 9223372036854775808, required at most/,
  ],
  [
    "a key longer than the format allows",
    keyed(["k".repeat(70_000), value.uint32(1)]),
    /length of key 0 .*: found 70000, required at most 65535/,
  ],
  [
    "a text of 2^63 bytes",
    keyed(["a", Buffer.concat([u32(8), u64(huge)])]),
    /length of key "a" .*: found 9223372036854775808/,
  ],
  [
    "a text that is not UTF-8",
    keyed(["a", Buffer.concat([u32(8), u64(1), Uint8Array.of(0xff)])]),
    /key "a" .*: found bytes that are not UTF-8/,
  ],
  [
    "a type of value that there is not",
    keyed(["a", u32(13)]),
    /type of key "a" .*: found 13, required 0 to 12/,
  ],
  [
    "2^63 numbers",
    keyed(["a", Buffer.concat([u32(9), u32(4), u64(huge)])]),
    /length of key "a" .*: found 9223372036854775808/,
  ],
  [
    "2^60 texts",
    keyed(["a", Buffer.concat([u32(9), u32(8), u64(2n ** 60n)])]),
    /length of key "a" .*: found 1152921504606846976/,
  ],
  [
    "2^60 arrays",
    keyed(["a", Buffer.concat([u32(9), u32(9), u64(2n ** 60n)])]),
    /length of key "a" .*: found 1152921504606846976/,
  ],
  [
    "a text of 2^63 bytes in an array",
    keyed(["a", Buffer.concat([u32(9), u32(8), u64(1), u64(huge)])]),
    /length of text 0 of key "a" .*: found 9223372036854775808/,
  ],
  [
    "arrays in arrays, a thousand deep",
    keyed(["a", Buffer.concat([u32(9), nested(1000)])]),
    /key "a" .*: found arrays more than 4 deep/,
  ],
  ["a key twice", keyed(["a", value.uint32(1)], ["a", value.uint32(2)]), /key "a" .*: found it twice/],
  [
    "an alignment of 0",
    keyed(["general.alignment", value.uint32(0)]),
    /general\.alignment .*: found 0, required a power of two/,
  ],
  ["an alignment of 48", keyed(["general.alignment", value.uint32(48)]), /found 48, required a power of two/],
  [
    "an alignment in words",
    keyed(["general.alignment", value.text("a\nb")]),
    /found "a\\nb", required a power of two/,
  ],
  [
    "a name of 2^63 bytes",
    start(u64(1), u64(0), u64(huge), Buffer.alloc(64)),
    /length of name of tensor 0 .*: found 9223372036854775808/,
  ],
  [
    "forty axes",
    of({ shape: Array.from({ length: 40 }, () => 1) }),
    /"w", axes .*: found 40, required at most 4/,
  ],
  ["an extent beyond 2^53", of({ shape: [2n ** 60n] }), /"w", shape .*: found 1152921504606846976/],
  [
    "10^12 numbers",
    of({ shape: [1e6, 1e6] }),
    /"w", shape \[1000000,1000000\] of F32 .*: found 4000000000000 bytes, required within 32/,
  ],
  [
    "a product that wraps around 2^64",
    of({ shape: [2 ** 32, 2 ** 32, 4] }),
    /"w", shape .*required within 32 bytes/,
  ],
  [
    "rows that are no whole blocks",
    of({ type: 2, shape: [1, 33] }),
    /"w", shape \[1,33\] of Q4_0: found rows of 33, required a multiple of 32/,
  ],
  ["an offset of 2^63", of({ offset: huge }), /"w", offset .*: found 9223372036854775808/],
  [
    "an offset behind the file",
    of({ offset: 64 }),
    /"w", shape .* at offset 64: found 32 bytes, required within 32/,
  ],
  ["an offset between", of({ offset: 8 }), /"w", offset: found 8, required a multiple of 32/],
  [
    "tensors over each other",
    of({}, { ...w, name: "x", offset: 0 }),
    /"x", offset 0: found an overlap with "w"/,
  ],
  ["a name twice", of({}, w), /"w": found it twice/],
  ["data cut short", of({}).subarray(0, -4), /found 32 bytes, required within 28/],
  [
    "a file of three alone",
    ggufFile([w], { keys: [["split.count", value.uint32(3)]] }),
    /split\.count: found a file of 3, required the first/,
  ],
];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hostile-gguf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("hostile GGUF files", () => {
  it.each(DAMAGED)(
    "%s: refused with file, place, found and required, on one line",
    async (_, bytes, says) => {
      const path = join(folder, "model.gguf");
      await writeFile(path, bytes);
      await expectRefusal(gguf, path, says);
    },
  );

  it("passes over what is long, and takes names and keys of any kind", async () => {
    const path = join(folder, "long.gguf");
    const long = "x".repeat(3_000_000);
    const keys = [
      ["__proto__", value.text("p")],
      ["long", value.text(long)],
      ["words", value.texts([long, "b"])],
      ["many", value.uint32s(Array.from({ length: 5000 }, () => 1))],
      ["deep", Buffer.concat([u32(9), nested(2)])],
    ] as const;
    await writeFile(path, ggufFile([{ ...w, name: "__proto__" }], { keys }));
    const model = await gguf.open(path, "x");
    expect([...model.metadata]).toEqual([
      ["__proto__", "p"],
      ["long", "text of 3000000 bytes"],
      ["words", "2 texts"],
      ["many", "5000 numbers"],
      ["deep", "1 arrays"],
    ]);
    expect([...await model.read("__proto__")]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(({} as Record<string, unknown>)["type"]).toBeUndefined();
    await model.close();
  });

  it("reads one tensor of a sparse file of 6 GB without reading the rest", async () => {
    const gib = 2 ** 30;
    const path = join(folder, "sparse.gguf");
    const big = { name: "big", shape: [3 * gib / 2], type: 0, data: new Uint8Array(), offset: 0 };
    const file = ggufFile([big, { ...w, offset: 6 * gib }]);
    const header = file.length - w.data.length;
    await writeFile(path, file.subarray(0, header));
    const handle = await openHandle(path, "r+");
    await handle.truncate(header + 6 * gib);
    await handle.write(
      Buffer.from(Float32Array.from({ length: 8 }, (_, i) => i).buffer),
      0,
      32,
      header + 6 * gib,
    );
    await handle.close();
    const before = process.memoryUsage().rss;
    const model = await gguf.open(path, "x");
    expect([...await model.read("w")]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(process.memoryUsage().rss - before).toBeLessThan(gib);
    await model.close();
    await rm(path);
  });
});

mutationContract(gguf, () => {
  const blocks = (type: number, bytes: number, name: string): RawTensor => ({
    name,
    shape: [2, 256],
    type,
    data: Uint8Array.from({ length: 2 * bytes }, (_, i) => i * 37 & 255),
  });
  const keys = [
    ["general.architecture", value.text("llama")],
    ["general.alignment", value.uint32(32)],
    ["llama.attention.head_count", value.uint32(1)],
    ["llama.attention.head_count_kv", value.uint32s([1, 1])],
    ["tokenizer.ggml.tokens", value.texts(["<s>", "a", "b"])],
    ["nested", Buffer.concat([u32(9), nested(2)])],
    ["note", Buffer.concat([u32(8), text("of a file")])],
  ] as const;
  return Promise.resolve([
    ggufFile([blocks(8, 272, "blk.0.attn_q.weight"), w, blocks(19, 50, "b"), {
      ...w,
      name: "n",
      type: 27,
      shape: [4],
    }], {
      keys,
    }),
    ggufFile([blocks(12, 144, "a"), blocks(16, 66, "b"), blocks(40, 144, "c"), blocks(34, 54, "d")], {
      version: 2,
    }),
  ]);
});
