import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharded } from "../../../connectors/sources/sharded.ts";
import { openModel, resolveModels } from "../../../src/mod.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { torchFile } from "../../support/files/torch-file.ts";
import { encoded, EXACT_FLOATS, type WrittenTensor } from "../../support/files/written-tensor.ts";
import { sourceContract } from "./contract.ts";

function safetensorsOf(tensors: readonly WrittenTensor[]): Buffer {
  let at = 0;
  const parts = tensors.map((tensor) => encoded(tensor));
  const entries = tensors.map(({ name, dtype, shape }, i) => {
    const begin = at;
    at += parts[i]!.length;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, at] })}`;
  });
  const header = Buffer.from(`{${entries.join(",")}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...parts]);
}

const shard = (path: string, number: number) => join(dirname(path), `shard-${number}.safetensors`);

/** Every other tensor in the second file; the map's text by hand, since an object could not hold `__proto__`. */
async function write(path: string, tensors: readonly WrittenTensor[]): Promise<void> {
  const numbers = tensors.length === 1 ? [1] : [2, 1];
  const map = tensors.map(({ name }, at) =>
    `${JSON.stringify(name)}:"shard-${numbers[at % numbers.length]}.safetensors"`
  );
  await writeFile(path, `{"metadata":{"total_size":0},"weight_map":{${map.join(",")}}}`);
  for (const number of numbers) {
    const own = tensors.filter((_, at) => numbers[at % numbers.length] === number);
    await writeFile(shard(path, number), safetensorsOf(own));
  }
}

sourceContract(sharded, {
  write,
  unreadable: "C64",
  exact: EXACT_FLOATS,
  files: (path) => [path, shard(path, 1)],
});

describe("a model in several files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sharded-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const w = (name: string): WrittenTensor => ({ name, dtype: "F32", shape: [2, 1], values: [1, 2] });
  let count = 0;
  const indexed = async (index: unknown, files: Readonly<Record<string, Buffer>> = {}) => {
    const own = join(folder, String(count++));
    await mkdir(own);
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(own, name), bytes);
    const path = join(own, "model.safetensors.index.json");
    await writeFile(path, typeof index === "string" ? index : JSON.stringify(index));
    return path;
  };
  const opened = async (path: string) => {
    const model = await sharded.open(path, "id");
    await model.close();
    return model;
  };

  it("may have PyTorch's files for shards", async () => {
    const path = await indexed({ weight_map: { a: "one.bin", b: "two.bin" } }, {
      "one.bin": torchFile("zip", [w("a")]),
      "two.bin": torchFile("legacy", [w("b")]),
    });
    const model = await sharded.open(path, "id");
    expect([...await model.read("a"), ...await model.read("b")]).toEqual([1, 2, 1, 2]);
    await model.close();
  });

  it.each([
    "../one.safetensors",
    "/etc/passwd",
    "sub/one.safetensors",
    "..\\one.safetensors",
    "C:one.safetensors",
    "..",
    ".safetensors",
    "one.safetensors\0",
    "one.json",
    7,
  ])("leads to no file but those beside it: %j", async (file) => {
    const path = await indexed({ weight_map: { a: file } });
    await expect(opened(path)).rejects.toThrow(
      /weight_map, "a": found .*, required a file of the same folder/,
    );
  });

  it.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /found no JSON/],
    ["no map", { metadata: {} }, /weight_map: found none/],
    ["an empty map", { weight_map: {} }, /weight_map: found 0 files/],
    ["a map that is a list", { weight_map: ["one.safetensors"] }, /weight_map: found none/],
    ["a missing file", { weight_map: { a: "none.safetensors" } }, /none\.safetensors: found no such file/],
    [
      "a tensor in two files",
      { weight_map: { a: "one.safetensors", b: "two.safetensors", d: "twice.safetensors" } },
      /"a": found in "one.safetensors" and in "twice.safetensors", required in one file/,
    ],
  ])("is refused with %s", async (_, index, says) => {
    const path = await indexed(index, {
      "one.safetensors": safetensorsOf([w("a")]),
      "two.safetensors": safetensorsOf([w("b"), ...JSON.stringify(index).includes('"c"') ? [w("c")] : []]),
      "twice.safetensors": safetensorsOf([w("a"), w("d")]),
    });
    await expect(opened(path)).rejects.toThrow(says);
  });

  const files = { "one.safetensors": safetensorsOf([w("a")]), "two.safetensors": safetensorsOf([w("b")]) };

  it.each([
    [
      "a tensor that the files lack",
      { a: "one.safetensors", b: "two.safetensors", c: "one.safetensors" },
      /^1 tensor that the index names: in none of its files \(the first: "c"\)/,
    ],
    [
      "no place for a tensor of the files",
      { a: "one.safetensors", c: "two.safetensors" },
      /^1 tensor that the index does not name there: read all the same \(the first: "b"\)/,
    ],
    [
      "another file for a tensor",
      { a: "two.safetensors", b: "one.safetensors" },
      /^2 tensors that the index does not name there/,
    ],
  ])("is read with a warning where its index has %s", async (_, map, says) => {
    const model = await sharded.open(await indexed({ weight_map: map }, files), "id");
    expect(model.tensors.map(({ name }) => name).sort()).toEqual(["a", "b"]);
    expect([...await model.read("b")]).toEqual([1, 2]);
    expect(layerGraph(model).warnings).toContainEqual(expect.stringMatching(says));
    await model.close();
  });

  it.each([
    ["without an index", "", null],
    ["of a variant, with the variant's index", ".fp16", "model.safetensors.index.fp16.json"],
  ])("is one model %s", async (_, variant, index) => {
    const own = join(folder, String(count++));
    await mkdir(own);
    const names = [1, 2].map((number) => `model-0000${number}-of-00002${variant}.safetensors`);
    await writeFile(join(own, names[0]!), safetensorsOf([w("a")]));
    await writeFile(join(own, names[1]!), safetensorsOf([w("b")]));
    if (index !== null) {
      await writeFile(join(own, index), JSON.stringify({ weight_map: { a: names[0], b: names[1] } }));
    }
    const found = await resolveModels(own, ".");
    expect(found).toHaveLength(1);
    const model = await openModel(found[0]!.path);
    expect(model.tensors.map(({ name }) => name)).toEqual(["a", "b"]);
    expect([...await model.read("b")]).toEqual([1, 2]);
    expect((await model.inputs()).map(({ path }) => basename(path))).toEqual([
      ...index === null ? [] : [index],
      ...names,
    ]);
    expect(layerGraph(model).warnings.filter((each) => /index/.test(each))).toEqual([]);
    await model.close();
  });
});
