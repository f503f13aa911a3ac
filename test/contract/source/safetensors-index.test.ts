import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveModels } from "../../../connectors/sources/collection.ts";
import { openModelFile } from "../../../connectors/sources/open.ts";
import { safetensorsIndex } from "../../../connectors/sources/safetensors-index.ts";
import { sourceContract, type WrittenTensor } from "./contract.ts";
import { EXACT, writeSafetensors } from "./safetensors-writer.ts";

const SHARDS = ["part-1.safetensors", "part-2.safetensors"] as const;

/** Every other tensor goes into each of two shards; a lone one into the second. */
async function write(path: string, tensors: readonly WrittenTensor[]): Promise<void> {
  const home = (at: number) => SHARDS[(tensors.length - 1 - at) % 2 === 0 ? 1 : 0];
  for (const shard of SHARDS) {
    await writeSafetensors(join(dirname(path), shard), tensors.filter((_, at) => home(at) === shard));
  }
  const entries = tensors.map(({ name }, at) => `${JSON.stringify(name)}:${JSON.stringify(home(at))}`);
  // An index names only shards that hold something.
  await writeFile(path, `{"metadata":{},"weight_map":{${entries.join(",")}}}`);
}

sourceContract(safetensorsIndex, {
  write,
  unreadable: "C64",
  exact: EXACT,
  files: (path) => [path, join(dirname(path), SHARDS[1])],
});

describe("an index of shards", () => {
  let folder = "";
  let path = "";
  const tensor = (name: string): WrittenTensor => ({ name, dtype: "F32", shape: [1, 2], values: [1, 2] });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "index-"));
    path = join(folder, "model.safetensors.index.json");
    await write(path, [tensor("a"), tensor("b")]);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const index = (map: unknown) => writeFile(path, JSON.stringify({ weight_map: map }));

  it("is one model of a folder, and its shards are none", async () => {
    await writeSafetensors(join(folder, "other.safetensors"), [tensor("c")]);
    expect((await resolveModels(folder, "/")).map(({ id }) => id)).toEqual(
      [`${folder.split("/").at(-1)}/model`, `${folder.split("/").at(-1)}/other`],
    );
  });

  it.each([
    ["a file elsewhere", { a: "../part-1.safetensors", b: SHARDS[1] }, /tensor "a": found "\.\.\/part-1/],
    ["an absolute file", { a: "/etc/passwd" }, /tensor "a": found "\/etc\/passwd"/],
    ["no file", { a: 7 }, /tensor "a": found 7/],
    ["a tensor that its shard lacks", { a: SHARDS[0], b: SHARDS[1], c: SHARDS[1] }, /tensor "c": found none/],
    ["a tensor in another shard", { a: SHARDS[1], b: SHARDS[1] }, /tensor "a": found none in "part-2/],
    ["fewer tensors than its shards", { a: SHARDS[0] }, null],
    ["a shard that is not there", { a: SHARDS[0], b: "part-3.safetensors" }, /part-3.*no such file/],
    ["nothing", {}, /found 0 files/],
    ["a list", [], /weight_map: found \[\]/],
  ])("that names %s", async (_, map, says) => {
    await index(map);
    if (says === null) {
      const model = await safetensorsIndex.open(path, "x");
      expect(model.tensors.map(({ name }) => name)).toEqual(["a"]);
      await model.close();
    } else await expect(safetensorsIndex.open(path, "x")).rejects.toThrow(says);
  });

  it("refuses tensors of a shard that it does not name", async () => {
    await writeSafetensors(join(folder, SHARDS[0]), [tensor("a"), tensor("extra")]);
    await expect(safetensorsIndex.open(path, "x")).rejects.toThrow(/tensor "extra".*in no file/);
  });

  it("is not read where it is no JSON", async () => {
    await writeFile(path, "{");
    await expect(safetensorsIndex.open(path, "x")).rejects.toThrow(/index\.json: found .*JSON/);
  });
});

describe("config.json beside a model", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "config-"));
    await writeSafetensors(join(folder, "model.safetensors"), [
      { name: "w", dtype: "F32", shape: [1, 1], values: [1] },
    ]);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const open = async (text?: string) => {
    if (text !== undefined) await writeFile(join(folder, "config.json"), text);
    const model = await openModelFile(join(folder, "model.safetensors"), "x");
    await model.close();
    return model.config;
  };

  it("is the model's config", async () => {
    expect(await open()).toBeUndefined();
    expect(await open('{"model_type": "llama"}')).toEqual({ model_type: "llama" });
  });

  it("is refused by name where it is broken or endless", async () => {
    await expect(open("{")).rejects.toThrow(/config\.json: found .*JSON/);
    await expect(open(" ".repeat(2 ** 20 + 1))).rejects.toThrow(/config\.json: found 1048577 bytes/);
  });
});
