import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folderLake } from "../../../connectors/lake/folder.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { finishRemoval, removeModels } from "../../../connectors/lake/remove.ts";
import { run } from "../../../src/run/run-pipeline.ts";
import { svr } from "../../integration/svr.ts";
import { BUCKET, inS3Environment, keysIn, type S3Server, startS3 } from "../../support/s3-server.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

let server: S3Server;
let undo = () => {};
let folder = "";
const IDS = ["epoch_1", "epoch_2", "epoch_10", "other [x]"];
beforeAll(async () => {
  server = await startS3();
  undo = inS3Environment(server);
  folder = await mkdtemp(join(tmpdir(), "lake-remove-"));
  for (const id of IDS) {
    await writeTensors(file(id), [["fc1.weight", [6, 4], noise(24, 1)], [
      "fc2.weight",
      [3, 6],
      noise(18, 2),
    ]]);
  }
  for (const lake of [local(), bucket]) {
    await run({
      models: folder,
      lake,
      out: join(folder, `out-${lake.length}`),
      kernel: "reference",
      graph: "none",
      sinks: ["parquet"],
    });
  }
});
afterAll(async () => {
  undo();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const file = (id: string) => join(folder, `${id}.safetensors`);
const local = () => join(folder, "lake");
const bucket = `s3://${BUCKET}/lake`;
const lake = (...args: readonly string[]) => svr(["lake", ...args], { env: server.environment });
const check = async (place: string) =>
  JSON.parse((await lake("check", place, "--json")).stdout) as {
    readonly ok: boolean;
    readonly models: number;
    readonly files: number;
    readonly gone: readonly { readonly id: string; readonly uri: string }[];
  };

describe("svr lake rm", () => {
  it("removes models with their files, by id and by glob, from a folder and from a bucket", async () => {
    for (const place of [local(), bucket]) {
      expect(await lake("rm", place, "epoch_1*", "other [x]"), place).toMatchObject({
        code: 0,
        stderr: "",
        // Naturally sorted, as the manifest is.
        stdout: "removed epoch_1: 4 files\nremoved epoch_10: 4 files\nremoved other [x]: 4 files\n",
      });
      expect(await check(place), place).toMatchObject({ ok: true, models: 1, files: 4 });
    }
    const left = (await readdir(local(), { recursive: true })).filter((path) => path.endsWith(".parquet"));
    expect(left).toHaveLength(4);
    expect((await keysIn(server, "lake")).filter((key) => key.endsWith(".parquet")).sort()).toEqual(
      left.sort(),
    );
  });

  it("changes nothing where one of the models is not there, and says which are", async () => {
    const before = await readFile(join(local(), "_manifest.json"), "utf8");
    const { code, stderr } = await lake("rm", local(), "epoch_2", "epoch_9");
    expect(code).toBe(2);
    expect(stderr).toBe(`svr: ${local()}: found no model "epoch_9", required one of "epoch_2"\n`);
    expect(await readFile(join(local(), "_manifest.json"), "utf8")).toBe(before);
    expect(await lake("rm", join(folder, "nowhere"), "epoch_2")).toMatchObject({ code: 2 });
    expect(await lake("rm", local())).toMatchObject({ code: 2 });
    expect(await lake("rm", local(), "[")).toMatchObject({ code: 2 });
    expect(await readdir(folder)).not.toContain("nowhere");
  });

  it("is what is left to do where check says that a model's file is gone", async () => {
    expect((await check(local())).gone).toEqual([]);
    await rm(file("epoch_2"));
    expect((await check(local())).gone).toEqual([{ id: "epoch_2", uri: file("epoch_2") }]);
    const { code, stdout } = await lake("check", bucket);
    // The tables are as good as ever.
    expect(code).toBe(0);
    expect(stdout).toContain(
      `gone: model "epoch_2": ${file("epoch_2")} is no longer there; its tables stand\n`,
    );
  });

  it("leaves files that came meanwhile, and finishes what a killed call has begun", async () => {
    const place = folderLake(join(folder, "killed"));
    const settings = { lake: place.name, out: join(folder, "out-killed"), kernel: "reference" } as const;
    const settled = () => run({ ...settings, models: file("epoch_10"), graph: "none", sinks: ["parquet"] });
    const left = async () =>
      (await readdir(place.name, { recursive: true })).filter((path) => /\.parquet$|^_/.test(path)).sort();
    await settled();
    const before = await left();
    const newer = "layers/model=epoch_10/part-9.parquet";
    let removals = 0;
    const dying: LakePlace = {
      ...place,
      async remove(path) {
        if (removals++ === 2) throw new Error("killed");
        if (removals === 1) await writeFile(join(place.name, newer), "of a run that is under way");
        await place.remove(path);
      },
    };
    await expect(removeModels(dying, () => true)).rejects.toThrow("killed");
    expect(await left()).toHaveLength(before.length - 2 + 2);
    expect(await lake("rm", place.name, "epoch_10")).toMatchObject({
      code: 0,
      stdout: "removed epoch_10, which an earlier call had begun\n",
    });
    expect(await left()).toEqual(["_manifest.json", newer]);
    expect((await lake("rm", place.name, "epoch_10")).code).toBe(2);
  });

  it("removes nothing but a model's table files, whatever is written in its place", async () => {
    const place = folderLake(join(folder, "hostile"));
    await mkdir(place.name);
    await writeFile(join(place.name, "precious"), "");
    for (const path of ["precious", "../other [x].safetensors", "edges/model=a/../../precious", 7]) {
      const removal = [{ id: "a", files: [path] }, null, { id: 3, files: [] }];
      await writeFile(join(place.name, "_removal.json"), JSON.stringify(removal));
      expect(await finishRemoval(place)).toEqual(["a"]);
    }
    await writeFile(join(place.name, "_removal.json"), "[");
    expect(await finishRemoval(place)).toEqual([]);
    expect(await readdir(place.name)).toEqual(["precious"]);
    expect(await readdir(folder)).toContain("other [x].safetensors");
  });
});
