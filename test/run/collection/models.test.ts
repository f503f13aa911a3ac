import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../../config/document.ts";
import { runConfigOf } from "../../../config/load.ts";
import { uniqueIds } from "../../../src/run/collection/collection-ids.ts";
import { planModels } from "../../../src/run/collection/models.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

let folder = "";
const FILES = ["a/vgg/epoch-1", "a/vgg/epoch-2", "b/vgg/epoch-1", "b/vgg/final-x", "b/odd"];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "models-"));
  for (const [at, file] of FILES.entries()) {
    const path = join(folder, `${file}.safetensors`);
    await mkdir(dirname(path), { recursive: true });
    await writeTensors(path, [["w", [3, 2], noise(6, at)]]);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plan = (settings: Record<string, unknown>) => planModels(runConfigOf(settings).config, folder);
const ids = async (settings: Record<string, unknown>) => (await plan(settings)).map(({ id }) => id);

describe("the models of a run", () => {
  it("of two folders with equal names have longer paths for ids, where names are equal", async () => {
    expect(await ids({ models: ["a/vgg", "b/vgg"] })).toEqual([
      "a/vgg/epoch-1",
      "vgg/epoch-2",
      "b/vgg/epoch-1",
      "vgg/final-x",
    ]);
  });

  it("keep the ids that the user gave", async () => {
    const models = [{ path: "a/vgg/epoch-1.safetensors", id: "vgg/epoch-1" }, "b/vgg/epoch-1.safetensors"];
    expect(await ids({ models })).toEqual(["vgg/epoch-1", "b/vgg/epoch-1"]);
    const twice = [{ path: "a/vgg/epoch-1.safetensors", id: "x" }, { path: "b/odd.safetensors", id: "x" }];
    await expect(ids({ models: twice })).rejects.toThrow(ConfigError);
    await expect(ids({ models: twice })).rejects.toThrow(/same id "x"/);
  });

  it("are there once, however many entries stand for them, and as the entry says that says most", async () => {
    expect(await ids({ models: ["a/vgg", "a/vgg/epoch-1.safetensors", "a/**/*.safetensors"] })).toHaveLength(
      2,
    );
    const [first] = await plan({ models: ["a/vgg", { path: "a/vgg/epoch-1.safetensors", series: "mine" }] });
    expect(first).toMatchObject({ id: "vgg/epoch-2" });
    const told = { path: "a/vgg/epoch-1.safetensors", series: "mine" };
    await expect(ids({ models: [told, told] })).rejects.toThrow(/2 times with the same id/);
  });

  it("are chosen by include and exclude of the run and of an entry", async () => {
    expect(await ids({ models: ["a", "b"], include: "epoch-*", exclude: ["*-2.*"] })).toEqual([
      "a/vgg/epoch-1",
      "b/vgg/epoch-1",
    ].map((id) => id));
    expect(await ids({ models: [{ path: "b", exclude: "vgg/**" }, "a"] })).toEqual([
      "odd",
      "vgg/epoch-1",
      "vgg/epoch-2",
    ]);
    await expect(ids({ models: [{ path: "a", include: "nothing" }] })).rejects.toThrow(/leave none/);
    await expect(ids({ models: "a", exclude: "*" })).rejects.toThrow(/leave no model/);
  });

  it("come from a manifest, relative to it, checked by their digests", async () => {
    const good = createHash("sha256").update(await readFile(join(folder, "b/odd.safetensors"))).digest("hex");
    const bad = "0".repeat(64);
    const lines = [
      "path,id,series,step,sha256",
      `odd.safetensors,,Mine,7,${good.toUpperCase()}`,
      `vgg/final-x.safetensors,last,,,${bad}`,
    ];
    await writeFile(join(folder, "b/list.csv"), lines.join("\n"));
    const [odd, last] = await plan({ models: { manifest: "b/list.csv" } });
    expect(odd).toMatchObject({ id: "odd", series: "Mine", step: 7 });
    const opened = await odd!.open();
    expect(opened.tensors).toHaveLength(1);
    await opened.close();
    await expect(last!.open()).rejects.toThrow(
      /final-x\.safetensors: found sha256 [0-9a-f]{64}, required 0{64}/,
    );
  });

  it("form series by their names, an entry's word, or the name behind a given id", async () => {
    const place = async (settings: Record<string, unknown>) =>
      (await plan(settings)).map(({ series = null, step = null }) => [series, step]);
    expect(await place({ models: "a/vgg" })).toEqual([["vgg", 1], ["vgg", 2]]);
    expect(await place({ models: "a/vgg", series: "off" })).toEqual([[null, null], [null, null]]);
    expect(await place({ models: [{ path: "a/vgg", series: "S" }] })).toEqual([["S", 1], ["S", 2]]);
    expect(await place({ models: { path: "a/vgg/epoch-2.safetensors", id: "late" } })).toEqual([["vgg", 2]]);
    expect(await place({ models: "b", series: { pattern: "^(?<series>.*)-(?<step>\\d)" } })).toEqual([
      [null, null],
      ["vgg/epoch", 1],
      [null, null],
    ]);
    expect(() => runConfigOf({ models: "a", series: { pattern: "(" } })).toThrow(/regular expression/);
    expect(() => runConfigOf({ models: "a", series: { pattern: "x" } })).toThrow(/\(\?<step>/);
  });
});

describe("unique ids", () => {
  const of = (...uris: string[]) =>
    uniqueIds(uris.map((uri) => ({ id: "m", given: false, uri: `/${uri}/m.pt` })));

  it("take as many folders as it needs", () => {
    expect(of("a", "b")).toEqual(["a/m", "b/m"]);
    expect(of("x/a", "y/a", "b")).toEqual(["x/a/m", "y/a/m", "b/m"]);
    expect(of("p/q/r", "s/q/r", "t")).toEqual(["p/q/r/m", "s/q/r/m", "t/m"]);
  });

  it("take the extension where nothing else differs", () => {
    const models = ["/d/m.pt", "/d/m.onnx", "/e/m.pt"].map((uri) => ({ id: "m", given: false, uri }));
    expect(uniqueIds(models)).toEqual(["m.pt", "m.onnx", "e/m"]);
  });

  it("are refused where one model is there twice", () => {
    expect(() => of("a", "a")).toThrow(/"\/a\/m.pt" 2 times/);
  });
});
