import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveModels } from "../../connectors/sources/collection.ts";

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
    }]);
  });
});
