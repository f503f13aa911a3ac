import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConfigError } from "../../../config/document.ts";
import { folderSettings } from "../../../src/run/comparisons/folder-settings.ts";
import { run } from "../../../src/run/run-pipeline.ts";

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "folder-settings-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

it("are the last run's, its lake too, whatever lakes earlier runs had", async () => {
  const layers = ["fc1", "fc2"].map((name) => ({ name, out: 8, in: 8 }));
  const lakes = [relative(".", join(out, "old")), relative(".", join(out, "new"))] as const;
  // The records of both models stand in the folder, each with its lake.
  for (const [at, lake] of lakes.entries()) {
    await run({
      models: { id: `m${at}`, synthetic: { seed: at, layers } },
      out,
      lake,
      kernel: "reference",
      graph: "none",
      sinks: ["parquet"],
      normGain: "folded",
    });
    expect(await folderSettings(out)).toMatchObject({
      lake: join(out, ["old", "new"][at]!),
      graph: "none",
      normGain: "folded",
    });
  }
});

it("are Parquet tables where there is no run", async () => {
  expect(await folderSettings(out)).toEqual({ sinks: ["parquet"], graph: "none" });
});

it.each([["{}", "no config"], ["null", "no config"], ['{"config": 1}', "no config"], ["{", "JSON"]])(
  "refuse a record that holds %s",
  async (text, found) => {
    await writeFile(join(out, "run.json"), text);
    const refused = await folderSettings(out).catch((failure: unknown) => failure);
    expect(refused).toBeInstanceOf(ConfigError);
    expect(String(refused)).toMatch(
      new RegExp(`run\\.json: found .*${found}.*, required the JSON that svr run writes`, "s"),
    );
  },
);
