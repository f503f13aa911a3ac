import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { CHANGE_SETTINGS } from "../../../src/compare/layer-change.ts";
import { SpectrumStore } from "../../../src/flow/spectra/spectrum-store.ts";
import { type CompareSettings, comparisonOf } from "../../../src/run/compare.ts";
import { CompletedModels } from "../../../src/run/records/completed-models.ts";
import { FileDigests } from "../../../src/run/records/file-digests.ts";
import { run, type RunSettings } from "../../../src/run/run-pipeline.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

let folder = "";
let paths: readonly string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kept-comparisons-"));
  paths = ["net-step-1", "net-step-2", "net-step-3"].map((name) => join(folder, `${name}.safetensors`));
  for (const [at, path] of paths.entries()) await writeTensors(path, [["fc.weight", [8, 6], noise(48, at)]]);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const settings = (given: Partial<RunSettings>): RunSettings => ({
  models: paths as string[],
  out: join(folder, "out"),
  kernel: "reference",
  threads: 1,
  graph: "none",
  sinks: ["parquet"],
  ...given,
});
const compared = (choice: Partial<CompareSettings>, given: Partial<RunSettings> = {}) =>
  comparisonOf(runConfigOf(settings(given)), { ...CHANGE_SETTINGS, keep: true, ...choice });

/** A run that gives the models ids of its own. */
const named = () => run(settings({ models: paths.map((path, at) => ({ path, id: `epoch ${at}` })) }));

describe("comparisons that are kept in a folder", () => {
  it("call models as the folder's run does, tracks too", async () => {
    await named();
    const { comparisons, series: [series] } = await compared({ series: true });
    expect(comparisons.map(({ base, other }) => [base.id, other.id])).toEqual([
      ["epoch 0", "epoch 1"],
      ["epoch 1", "epoch 2"],
    ]);
    expect(series!.models).toEqual([1, 2, 3].map((step) => ({ id: `epoch ${step - 1}`, step })));
    expect(new Set(series!.tracks.map(({ model }) => model))).toEqual(
      new Set(["epoch 0", "epoch 1", "epoch 2"]),
    );
  });

  it("digest each file once, and look for each model's record once", async () => {
    // Of files that have just been written nothing is put down.
    const models = ["001", "003", "010"].map((epoch) =>
      `pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`
    );
    const digested = vi.spyOn(FileDigests.prototype, "put");
    await compared({ all: true }, { models, out: join(folder, "older"), kernel: "wasm" });
    expect(digested).toHaveBeenCalledTimes(3);
    await named();
    const sought = vi.spyOn(CompletedModels.prototype, "all");
    const { comparisons } = await compared({ all: true });
    expect(comparisons.map(({ other }) => other.id)).toEqual(["epoch 1", "epoch 2", "epoch 2"]);
    expect(sought).toHaveBeenCalledTimes(3);
  });

  it("let others into the folder where the engine cannot be opened, or ended", async () => {
    const place = join(folder, "file");
    await writeFile(place, "no folder");
    await expect(compared({}, { cache: { dir: place, limit: "1MB" } })).rejects.toThrow();
    vi.spyOn(SpectrumStore.prototype, "dispose").mockRejectedValueOnce(new Error("the disk is gone"));
    await expect(compared({})).rejects.toThrow("the disk is gone");
    expect((await compared({})).comparisons).toHaveLength(2);
  });
});
