import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveModels } from "../../../connectors/sources/collection.ts";
import { formatOf } from "../../../connectors/sources/registry.ts";
import { npyOf } from "../../support/files/npy-file.ts";
import { pickle, torchFile, torchZip } from "../../support/files/torch-file.ts";
import { zipOf } from "../../support/files/zip-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "collection-"));
  const files = [
    "mlp/epoch-1.safetensors",
    "mlp/epoch-10.safetensors",
    "mlp/epoch-2.safetensors",
    "mlp/notes.txt",
    "zoo/resnet/model.safetensors",
    "zoo/vgg/model.safetensors",
    "zoo/vgg/README.md",
    "zoo/named.safetensors",
    "odd [x]/a.safetensors",
    "empty/nothing.txt",
    "deep/a/b/c/w.SAFETENSORS",
  ];
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), "");
  }
  await symlink(join(folder, "zoo"), join(folder, "mlp", "link"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}

const ids = async (pattern: string) => (await resolveModels(pattern, folder)).map(({ id }) => id);

describe("a collection", () => {
  it("of one file is named by it, with its folder's name where its own says nothing", async () => {
    expect(await ids("zoo/named.safetensors")).toEqual(["named"]);
    expect(await ids("zoo/vgg/model.safetensors")).toEqual(["vgg/model"]);
    expect(await ids("mlp/epoch-10.safetensors")).toEqual(["mlp/epoch-10"]);
  });

  it("of a folder is in natural order, and does not follow links", async () => {
    expect(await ids("mlp")).toEqual(["mlp/epoch-1", "mlp/epoch-2", "mlp/epoch-10"]);
    expect(await ids("zoo")).toEqual(["named", "resnet/model", "vgg/model"]);
  });

  it("follows links to files: of a hub's cache, and not twice to one file", async () => {
    const snapshot = "cache/models--org--net/snapshots/abc";
    await file("cache/models--org--net/blobs/6474", "");
    await mkdir(join(folder, snapshot, "onnx"), { recursive: true });
    await symlink("../../blobs/6474", join(folder, snapshot, "net.safetensors"));
    await symlink("../../../blobs/6474", join(folder, snapshot, "onnx/net.onnx"));
    await symlink("gone", join(folder, snapshot, "other.safetensors"));
    for (const pattern of ["cache", "cache/**/*", "cache/*/snapshots/*/{*,onnx/*}"]) {
      const found = await resolveModels(pattern, folder);
      expect(found.map(({ path }) => basename(path)).sort()).toEqual(["net.onnx", "net.safetensors"]);
    }
    await file("twice/epoch-2.pt", "");
    await symlink("epoch-2.pt", join(folder, "twice/last.pt"));
    expect(await ids("twice")).toEqual(["twice/epoch-2"]);
    expect(await ids("twice/l*.pt")).toEqual(["twice/last"]);
    await symlink("twice", join(folder, "reached"));
    expect(await ids("reached/*.pt")).toEqual(["reached/epoch-2"]);
  });

  it("goes on where a file beside its models cannot be opened", async () => {
    await file("broken/good.safetensors", "");
    await file("broken/model.json", zipOf([{ name: "cut", data: "x" }]).subarray(0, 30));
    const found = await resolveModels("broken", folder);
    expect(found.map(({ name }) => name)).toEqual(["good.safetensors"]);
  });

  it("says which files hold models and are not taken, and nothing of what is nobody's business", async () => {
    await file("beside/good.safetensors", "");
    const unread = ["llm.msgpack", "graph.pb", "net.tflite", "old.ckpt", "weights.bin"];
    for (const name of unread) {
      await file(`beside/${name}`, name === "weights.bin" ? "version https://git-lfs" : "");
    }
    await file("beside/tfjs/model.json", '{"format": "layers-model"}');
    for (
      const name of ["README.md", "config.json", "x.png", "x.zip", "x.tar", "x.bin", "a/model.json"]
    ) {
      await file(`beside/${name}`, "{}");
    }
    for (const name of ["optimizer.pt", "optimizer.pkl", "keras_metadata.pb"]) {
      await file(`beside/${name}`, "");
    }
    for (const pattern of ["beside", "beside/**"]) {
      const passed: Record<string, string> = {};
      const models = await resolveModels(pattern, folder, undefined, ({ path, reason }, name) => {
        passed[name] = reason;
        expect(path).toBe(join(folder, "beside", name));
      });
      expect(models.map(({ name }) => name)).toEqual(["good.safetensors"]);
      expect(Object.keys(passed).sort()).toEqual([...unread, "tfjs/model.json"].sort());
      expect(passed["llm.msgpack"]).toMatch(/^found Flax, which is not supported; convert it: /);
      expect(passed["weights.bin"]).toMatch(/Git LFS.*git lfs pull/);
    }
  });

  it("of a glob has the ids that tell its files apart", async () => {
    const found = await ids("zoo/*/model.safetensors");
    expect(new Set(found).size).toBe(2);
    expect(found.every((id) => /(resnet|vgg)\/model$/.test(id))).toBe(true);
    expect(await ids("mlp/epoch-1*.safetensors")).toHaveLength(2);
  });

  it("takes a path with the characters of a glob as it stands", async () => {
    expect(await ids("odd [x]/a.safetensors")).toEqual(["a"]);
    expect(await ids("odd [x]")).toEqual(["a"]);
  });

  it.each(["empty", "zoo/*.txt", "nowhere/**/*.safetensors"])(
    "%s holds no model, and says so",
    async (pattern) => {
      await expect(ids(pattern)).rejects.toThrow(
        /found no model, required at least one file with extension \.safetensors/,
      );
    },
  );

  it("leaves a missing file to whoever opens it, so that the message is the reader's", async () => {
    expect(await resolveModels("gone.safetensors", folder)).toEqual([{
      path: join(folder, "gone.safetensors"),
      id: "gone",
      name: "gone.safetensors",
    }]);
  });

  it("tells files apart that differ in their extension only", async () => {
    await file("twins/net.safetensors", "");
    await file("twins/net.pt", "");
    await file("twins/other.pt", "");
    expect((await ids("twins")).sort()).toEqual(["net.pt", "net.safetensors", "other"]);
  });

  it("passes over what is no model, looks into files whose extension says little, and keeps damaged models", async () => {
    const archive = zipOf([{ name: "policy.pth", data: "x" }]);
    const contents: Readonly<Record<string, string | Uint8Array>> = {
      "README.md": "# weights",
      "LICENSE": "MIT",
      "config.json": "{}",
      "model.pt": "damaged",
      "agent.zip": archive,
      "photos.zip": zipOf([{ name: "cat.jpg", data: "x" }]),
      "cut.zip": archive.subarray(0, 40),
      "cut.bin": archive.subarray(0, 40),
      "group1-shard1of1.bin": new Uint8Array(100),
      "notes.tar": new Uint8Array(1024),
      "optimizer.pt": "x",
      "rng_state_0.pth": "x",
      "training_args.bin": torchZip(pickle.dict([]), []),
      "weights.bin": torchZip(pickle.dict([]), []),
      "inputs.npy": npyOf({ name: "x", dtype: "F32", shape: [1], values: [1] }),
      "arrays.NPZ": "",
    };
    for (const [name, data] of Object.entries(contents)) await file(`mixed/${name}`, data);
    const found = (await resolveModels("mixed", folder)).map(({ path }) => basename(path)).sort();
    expect(found).toEqual(["agent.zip", "arrays.NPZ", "cut.bin", "model.pt", "weights.bin"]);
    expect(await ids("mixed/inputs.npy")).toEqual(["inputs"]);
  });

  it("counts an index as one model, and its shards as none", async () => {
    const map = {
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    };
    await file("llm/model.safetensors.index.json", JSON.stringify(map));
    await file("llm/model-00001-of-00002.safetensors", "");
    await file("llm/model-00002-of-00002.safetensors", "");
    await file("llm/adapter.safetensors", "");
    expect((await ids("llm")).sort()).toEqual(["llm/adapter", "llm/model"]);
    expect(await ids("llm/model*.safetensors")).toHaveLength(1);
    expect((await resolveModels("llm/model-0000*", folder)).map(({ path }) => basename(path))).toEqual([
      "model.safetensors.index.json",
    ]);
  });

  it.each([
    [
      "tfjs",
      "model.json",
      '{"format":"layers-model","modelTopology":{}}',
      /TensorFlow\.js, which is not supported; convert it: tensorflowjs_converter/,
    ],
    ["core", "net.mlmodel", "x", /Core ML, which is not supported; convert it: /],
    ["flax", "flax_model.msgpack", "x", /Flax, which is not supported/],
    ["lite", "net.tflite", "x", /TensorFlow Lite, which is not supported/],
  ])("of nothing but %s says how to convert it", async (name, model, content, says) => {
    await file(`${name}/${model}`, content);
    await expect(ids(name)).rejects.toThrow(/found no model/);
    await expect(ids(name)).rejects.toThrow(says);
    await expect(formatOf(join(folder, name, model))).rejects.toThrow(says);
    await expect(formatOf(join(folder, name, model))).rejects.toThrow(TypeError);
  });
});

describe("the format of a file", () => {
  const w = { name: "w", dtype: "F32", shape: [1, 2], values: [1, 2] } as const;
  it("is found by its content where its extension is shared", async () => {
    await file("content/a.bin", torchFile("legacy", [w]));
    await file("content/a.tar", torchFile("zip", [w]));
    await file("content/a.zip", zipOf([{ name: "w.npy", data: npyOf(w) }]));
    await file("content/b.bin", "    TFL3");
    await file("content/d.bin", "GGUF    ");
    await file("content/c.bin", "nothing");
    const name = async (path: string) => (await formatOf(join(folder, "content", path))).name;
    expect(await Promise.all(["a.bin", "a.tar", "a.zip", "d.bin"].map(name))).toEqual([
      ...["pytorch", "pytorch", "numpy", "gguf"],
    ]);
    await expect(name("b.bin")).rejects.toThrow(/TensorFlow Lite/);
    await expect(name("c.bin")).rejects.toThrow(/neither PyTorch nor NumPy/);
    await expect(name("none.bin")).rejects.toThrow(/none\.bin: found no such file/);
    await expect(name("a.docx")).rejects.toThrow(/no such file/);
  });

  it("knows the config.json beside a model, counts it among its files, and refuses a broken one", async () => {
    const opened = async (folderName: string, config: string) => {
      await file(`${folderName}/model.pt`, torchFile("zip", [w]));
      await file(`${folderName}/config.json`, config);
      const path = join(folder, folderName, "model.pt");
      const model = await (await formatOf(path)).open(path, "id");
      await model.close();
      return model;
    };
    const model = await opened("with-config", '{"model_type":"llama","__proto__":{"x":1}}');
    expect(model.config).toMatchObject({ model_type: "llama" });
    const own = await (await formatOf(model.uri)).open(model.uri, "id");
    expect((await own.inputs()).map(({ path }) => basename(path))).toEqual(["model.pt", "config.json"]);
    await own.close();
    await expect(opened("broken-config", "{")).rejects.toThrow(/broken-config.config\.json: found no JSON/);
    await expect(opened("long-config", " ".repeat(2 ** 20 + 1))).rejects.toThrow(
      /config\.json: found 1048577 bytes, required at most/,
    );
  });
});
