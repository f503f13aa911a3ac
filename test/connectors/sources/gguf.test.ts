import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dequantized, typeOf } from "../../../connectors/sources/gguf/blocks.ts";
import type { ByteSource } from "../../../connectors/bytes.ts";
import { gguf } from "../../../connectors/sources/gguf/gguf.ts";
import { readHeader } from "../../../connectors/sources/gguf/header.ts";
import { safetensors } from "../../../connectors/sources/safetensors.ts";
import { canonicalName } from "../../../src/compare/layer-pairs.ts";
import { openModel, resolveModels } from "../../../src/mod.ts";
import type { Model } from "../../../src/model/ports.ts";
import { ggufFile, type GgufStyle, type RawTensor, value } from "../../support/files/gguf-file.ts";
import { describeWithShared, shared } from "../../support/shared.ts";

/** Random blocks of each type, and what ggml's own Python package makes of them, as float32. */
interface Blocks {
  readonly cases: Readonly<
    Record<string, {
      readonly type: number;
      readonly block_size: number;
      readonly type_size: number;
      readonly bytes: string;
      readonly values: readonly number[];
    }>
  >;
}
async function golden(name: string): Promise<unknown> {
  return JSON.parse(
    await readFile(fileURLToPath(new URL(`../../golden/gguf/${name}`, import.meta.url)), "utf8"),
  );
}
const { cases } = await golden("blocks.json") as Blocks;

it("more tensors than a header has room for are refused at once, however long the file is", async () => {
  const head = Buffer.alloc(24);
  head.write("GGUF");
  head.writeUInt32LE(3, 4);
  head.writeBigUInt64LE(10n ** 9n, 8);
  const asked: number[] = [];
  const source: ByteSource = {
    size: 10 ** 12,
    slice(start, end) {
      asked.push(end);
      const bytes = new Uint8Array(end - start);
      if (start === 0) bytes.set(head);
      return Promise.resolve(bytes);
    },
    close: () => Promise.resolve(),
  };
  await expect(readHeader("large.gguf", source)).rejects.toThrow(
    /large\.gguf: number of tensors before byte 16: found 1000000000, required at most 4166666/,
  );
  expect(asked).toHaveLength(1);
});

describe("the number types of GGUF", () => {
  it.each(Object.entries(cases))("%s gives what ggml gives, as float32", (name, each) => {
    expect(typeOf(each.type)).toMatchObject({ name, count: each.block_size, bytes: each.type_size });
    const found = dequantized(each.type, Uint8Array.from(Buffer.from(each.bytes, "hex")));
    expect(found).toBeInstanceOf(Float64Array);
    expect([...found]).toEqual(each.values.map(Math.fround));
  });

  it("NVFP4 has the scales that ggml makes of each byte", () => {
    const bytes = Buffer.alloc(64 * 36);
    // Code 2 is the number 1.
    for (let block = 0; block < 64; block++) bytes.fill(0x22, block * 36 + 4, block * 36 + 36);
    for (let byte = 0; byte < 256; byte++) bytes[Math.floor(byte / 4) * 36 + byte % 4] = byte;
    const found = dequantized(40, bytes).filter((_, i) => i % 16 === 0);
    // As ggml-impl.h has it.
    const expected = Array.from({ length: 256 }, (_, x) => {
      const [exp, man] = [x >> 3 & 15, x & 7];
      if (x === 0 || x === 0x7f) return 0;
      return exp === 0 ? man * 2 ** -9 : (1 + man / 8) * 2 ** (exp - 7);
    });
    expect([...found]).toEqual(expected);
  });

  it("Q8_K is a scale of 32 bits and 256 integers", () => {
    const bytes = Buffer.alloc(292);
    bytes.writeFloatLE(0.5, 0);
    for (let i = 0; i < 256; i++) bytes.writeInt8(i - 128, 4 + i);
    expect([...dequantized(15, bytes)]).toEqual(Array.from({ length: 256 }, (_, i) => (i - 128) / 2));
  });
});

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gguf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function opened(name: string, tensors: readonly RawTensor[], style: GgufStyle): Promise<Model> {
  const path = join(folder, name);
  await writeFile(path, ggufFile(tensors, style));
  return await gguf.open(path, "x");
}

/** Rows that hold their own number. */
const rows = (name: string, count: number, width = 2): RawTensor => ({
  name,
  shape: width === 1 ? [count] : [count, width],
  type: 0,
  data: new Uint8Array(Float32Array.from({ length: count * width }, (_, i) => Math.floor(i / width)).buffer),
});
const LLAMA = [
  ["general.architecture", value.text("llama")],
  ["llama.embedding_length", value.uint32(8)],
  ["llama.block_count", value.uint32(2)],
  ["llama.attention.head_count", value.uint32(2)],
  ["llama.attention.head_count_kv", value.uint32s([1, 1])],
] as const;

describe("what GGUF says of its network", () => {
  it("is a config as transformers has it; an unembedding that is not there is the embedding", async () => {
    const model = await opened("config.gguf", [rows("token_embd.weight", 4)], { keys: LLAMA });
    expect(model.config).toEqual({
      model_type: "llama",
      hidden_size: 8,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      tie_word_embeddings: true,
    });
    expect(model.metadata.get("llama.attention.head_count_kv")).toBe("1, 1");
    await model.close();
    const plain = await opened("plain.gguf", [rows("output.weight", 4)], {});
    expect(plain.config).toBeUndefined();
    await plain.close();
  });

  it("has rows of q and k in pairs, which are taken apart per head", async () => {
    const names = ["blk.1.attn_q.weight", "blk.1.attn_k.weight", "blk.1.attn_v.weight"] as const;
    const bias = rows("blk.1.attn_q.bias", 8, 1);
    const tensors = [...names.map((name) => rows(name, 8)), bias];
    const model = await opened("rotary.gguf", tensors, { keys: LLAMA });
    const read = async (name: string) =>
      [...await model.read(name)].filter((_, i) => name.endsWith("bias") || i % 2 === 0);
    expect(await read(names[0])).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    expect(await read(names[1])).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
    expect(await read(names[2])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await read("blk.1.attn_q.bias")).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    expect(names.map((name) => typeof (model.rows?.(name) ?? null))).toEqual([
      "object",
      "object",
      "function",
    ]);
    expect(model.metadata.get("rotary rows")).toMatch(/order of transformers/);
    expect(model.warnings).toBeUndefined();
    await model.close();
  });

  it.each("llama mistral mistral3 granite granitemoe granitehybrid smollm3 arcee".split(" "))(
    "has rows in pairs where it is %s",
    async (architecture) => {
      const keys = [
        ["general.architecture", value.text(architecture)],
        [`${architecture}.attention.head_count`, value.uint32(2)],
      ] as const;
      const model = await opened(`${architecture}.gguf`, [rows("blk.0.attn_q.weight", 8, 1)], { keys });
      expect([...await model.read("blk.0.attn_q.weight")]).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
      await model.close();
    },
  );

  it("leaves rows that are no heads as they are, and says so; other networks have none in pairs", async () => {
    const model = await opened("odd.gguf", [rows("blk.0.attn_q.weight", 6)], { keys: LLAMA });
    expect((await model.read("blk.0.attn_q.weight"))[2]).toBe(1);
    expect(model.warnings).toEqual([
      expect.stringMatching(/^1 tensor of q or k: .*"blk\.0\.attn_q\.weight"/),
    ]);
    await model.close();
    const keys = [["general.architecture", value.text("qwen2")], [
      "qwen2.attention.head_count",
      value.uint32(1),
    ]] as const;
    const other = await opened("qwen2.gguf", [rows("blk.0.attn_q.weight", 8)], { keys });
    expect((await other.read("blk.0.attn_q.weight"))[2]).toBe(1);
    expect(other.metadata.has("rotary rows")).toBe(false);
    await other.close();
  });
});

describe("a GGUF model in several files", () => {
  const part = (number: number, of: number) => join(folder, "split", `net-0000${number}-of-0000${of}.gguf`);
  const split = (number: number) =>
    [["split.no", value.uint32(number - 1)], ["split.count", value.uint32(2)]] as const;

  it("is one model, whose metadata stand in the first", async () => {
    await mkdir(join(folder, "split"));
    await writeFile(part(1, 2), ggufFile([rows("token_embd.weight", 4)], { keys: [...LLAMA, ...split(1)] }));
    await writeFile(part(2, 2), ggufFile([rows("blk.0.attn_q.weight", 8)], { keys: split(2) }));
    const found = await resolveModels(join(folder, "split"), folder);
    expect(found.map(({ name }) => name)).toEqual(["net-00001-of-00002.gguf"]);
    const model = await openModel(part(1, 2));
    expect(model.format).toBe("gguf");
    expect(model.tensors.map(({ name }) => name)).toEqual(["token_embd.weight", "blk.0.attn_q.weight"]);
    expect([...await model.read("blk.0.attn_q.weight")].filter((_, i) => i % 2 === 0)).toEqual([
      0,
      2,
      1,
      3,
      4,
      6,
      5,
      7,
    ]);
    expect((await model.inputs()).map(({ path }) => path)).toEqual([part(1, 2), part(2, 2)]);
    await model.close();
  });

  it("is refused by any file but the first, and where files are of different models", async () => {
    await expect(gguf.open(part(2, 2), "x")).rejects.toThrow(
      /split\.count: found a file of 2, required the first/,
    );
    await writeFile(part(1, 3), ggufFile([], { keys: split(1) }));
    await expect(gguf.open(part(1, 3), "x")).rejects.toThrow(/net-00002-of-00003\.gguf/);
    await writeFile(part(2, 3), ggufFile([], {}));
    await writeFile(part(3, 3), ggufFile([], {}));
    await expect(gguf.open(part(1, 3), "x")).rejects.toThrow(/split\.count: found a file of 2, required 3/);
    await writeFile(part(1, 2), ggufFile([], { keys: split(2) }));
    await expect(gguf.open(part(1, 2), "x")).rejects.toThrow(/split\.no: found 1, required 0/);
    await writeFile(part(1, 2), ggufFile([rows("blk.0.attn_q.weight", 8)], { keys: split(1) }));
    await expect(gguf.open(part(1, 2), "x")).rejects.toThrow(/"blk\.0\.attn_q\.weight": found in .* too/);
  });
});

describeWithShared("tiny-llama as GGUF", ["our-models/tiny-llama", "our-models/tiny-llama-gguf"], () => {
  // Relative to the weights: half a unit in the last place of float16; 8, 5 and 4 bits.
  it.each([["F16", 2 ** -11], ["Q8_0", 0.01], ["Q5_1", 0.05], ["Q4_0", 0.1], ["MXFP4", 0.15]])(
    "%s is near the weights that it was made from",
    async (type, near) => {
      const [base, quantized] = [
        await safetensors.open(shared("our-models/tiny-llama/model.safetensors"), "base"),
        await gguf.open(shared(`our-models/tiny-llama-gguf/tiny-llama-${type}.gguf`), "x"),
      ];
      const bare = (name: string) => canonicalName(name.replace(/\.weight$/, ""));
      const originals = new Map(base.tensors.map(({ name }) => [bare(name), name]));
      expect(quantized.tensors).toHaveLength(base.tensors.length);
      const layers = quantized.tensors.filter(({ shape }) => shape.length === 2);
      expect(layers).toHaveLength(4 * 7 + 2);
      for (const { name, shape } of layers) {
        const original = originals.get(bare(name)) ?? "";
        expect(base.tensors.find((tensor) => tensor.name === original)?.shape, name).toEqual(shape);
        const [expected, found] = [await base.read(original), await quantized.read(name)];
        const two = await quantized.rows?.(name)?.(1, 2);
        if (two !== undefined) expect([...two]).toEqual([...found.subarray(shape[1], 3 * shape[1]!)]);
        else expect(name).toMatch(/attn_[qk]\.weight$/);
        let [apart, length] = [0, 0];
        expected.forEach((each, i) => {
          apart += (each - found[i]!) ** 2;
          length += each * each;
          // Below 2^-14, float16 has steps of 2^-24.
          if (type === "F16") {
            expect(Math.abs(each - found[i]!)).toBeLessThanOrEqual(Math.max(Math.abs(each) * near, 2 ** -25));
          }
        });
        expect(Math.sqrt(apart / length), name).toBeLessThan(near);
      }
      await base.close();
      await quantized.close();
    },
  );

  it.each(["F16", "MXFP4", "Q4_0", "Q5_1", "Q8_0"])("%s has the weights that ggml gives", async (type) => {
    const digests = await golden("tiny-llama.json") as Record<string, Record<string, string>>;
    const model = await gguf.open(shared(`our-models/tiny-llama-gguf/tiny-llama-${type}.gguf`), "x");
    const found: Record<string, string> = {};
    for (const { name } of model.tensors) {
      const values = Float32Array.from(await model.read(name));
      found[name] = createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex");
    }
    expect(found).toEqual(digests[`tiny-llama-${type}`]);
    await model.close();
  });
});
