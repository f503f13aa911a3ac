import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Overrides, runConfigOf } from "../../../config/load.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { planModels } from "../../../src/run/collection/models.ts";
import { CompletedModels } from "../../../src/run/records/completed-models.ts";
import { layerGroups, sharedCache } from "../../../src/run/workers/layer-jobs.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-layer-jobs-"));
  await writeTensors(
    join(folder, "model.safetensors"),
    ["a", "b", "c", "d"].map((name, at) => [`${name}.weight`, [40, 40], noise(1600, at)] as const),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of a decomposition of 40 x 40. */
const FLOPS = 26 * 40 ** 3;

describe("groups of layers", () => {
  async function groups(own: Overrides, above: number) {
    const { config, baseDir } = runConfigOf({
      models: join(folder, "model.safetensors"),
      out: folder,
      infer: false,
      ...own,
    });
    const [planned] = await planModels(config, baseDir);
    return await layerGroups(planned!, config, new CompletedModels(await openLake(folder)), above);
  }

  it.each([
    [4 * FLOPS, 0],
    [4 * FLOPS - 1, 4],
    [2.1 * FLOPS, 4],
    [1, 4],
    [0, 4],
    [Infinity, 0],
  ])("above %d operations are %d", async (above, expected) => {
    const found = await groups({}, above);
    expect([found.groups.length, found.reason]).toEqual([expected, null]);
    expect(found.groups.flat().sort()).toEqual(expected === 0 ? [] : ["a", "b", "c", "d"]);
  });

  it("take about the same, by what their layers take", async () => {
    const layers = [["a", 30], ["b", 10], ["c", 10], ["d", 10]] as const;
    const synthetic = {
      seed: 1,
      layers: layers.map(([name, width]) => ({ name, out: width, in: width })),
      connections: [],
    };
    const flops = 26 * (30 ** 3 + 3 * 10 ** 3);
    const found = await groups({ models: [{ id: "m", synthetic }] }, 0.999 * flops);
    expect(found.groups).toEqual([["a"], ["b"], ["c"], ["d"]]);
    const many = {
      ...synthetic,
      layers: Array.from({ length: 40 }, (_, at) => ({ name: `l${at}`, out: 10, in: 10 })),
    };
    const fewer = await groups({ models: [{ id: "m", synthetic: many }] }, 0.999 * 40 * 26 * 10 ** 3);
    expect(fewer.groups.map(({ length }) => length)).toEqual([8, 8, 8, 8, 8]);
  });

  it("are there with a cache as large as the one that was required, and beside a bucket with any", async () => {
    expect((await groups({ cache: { limit: "1MiB" } }, 1)).groups).toHaveLength(4);
    const far = { cache: { limit: "64KiB" }, lake: "s3://bucket/lake" };
    expect((await groups(far, 1)).groups).toHaveLength(4);
  });

  it.each<readonly [string, Overrides, RegExp]>([
    ["there is no cache", { cache: "off" }, /found no cache of spectra \(cache: off\), required one/],
    [
      "the cache is too small",
      { cache: { limit: "64KiB" } },
      /found spectra of 102 KiB, required a cache that holds them \(--cache 1MiB\)/,
    ],
    ["weights are asked for its topology", { infer: true }, /found a topology that weights are asked for/],
  ])("are none where %s", async (_, own, reason) => {
    expect(await groups(own, 1)).toEqual({ groups: [], reason: expect.stringMatching(reason) as string });
  });
});

describe("the cache that workers share", () => {
  const cache = { limit: "1GiB" };

  it.each([
    ["is in the lake that is the output folder", { cache }, { cache, inLake: false }],
    ["is in a lake that is a folder", { cache, lake: "/lake" }, {
      cache: { limit: "1GiB", dir: join("/lake", ".cache", "spectra") },
      inLake: false,
    }],
    ["is the one that is named", { cache: { ...cache, dir: "/all" }, lake: "s3://bucket/lake" }, {
      cache: { limit: "1GiB", dir: "/all" },
      inLake: false,
    }],
    ["is each worker's own, and the lake, where that is a bucket", { cache, lake: "s3://bucket/lake" }, {
      cache,
      inLake: true,
    }],
    ["is none where nothing is kept", { cache: "off" as const, lake: "/lake" }, null],
  ])("%s", (_, config, expected) => {
    expect(sharedCache(config)).toEqual(expected);
  });
});
