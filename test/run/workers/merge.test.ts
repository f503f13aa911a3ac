import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../../config/document.ts";
import { type Overrides, runConfigOf } from "../../../config/load.ts";
import { COMPARISON_TABLE_NAMES } from "../../../src/model/comparison-tables.ts";
import { TABLE_NAMES } from "../../../src/model/tables.ts";
import { runPipeline } from "../../../src/run/run-pipeline.ts";
import { mergeRun, sharedConfig } from "../../../src/run/workers/merge.ts";
import { runShare } from "../../../src/run/workers/run-share.ts";
import { difference, graphOf, leftBehind, textOf } from "./left-by-runs.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-merge-"));
  await writeFile(join(folder, "damaged.npz"), "this is no archive");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Nine small models, of which the last is the first once more, and one damaged file. */
const models = () => [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 1].map((seed, at) => {
    const width = 8 + 2 * Math.floor(seed / 2);
    const layers = [{ name: "a", out: width, in: 6 }, { name: "b", out: 10, in: width }];
    return { id: `m${at + 1}`, synthetic: { seed, layers, connections: [{ from: "a", to: "b" }] } };
  }),
  join(folder, "damaged.npz"),
];

const settings = (own: Overrides): Overrides => ({
  models: models(),
  kernel: "reference",
  threads: 1,
  sigma: 1,
  correction: "none",
  nullControl: 2,
  compare: { base: "m1" },
  ...own,
});

const share = (own: Overrides, at: number, of: number) =>
  runShare(runConfigOf(settings(own)), { at, of }, {});

describe("shares of a run", () => {
  it("in any order, some twice, leave what one run leaves", { timeout: 60_000 }, async () => {
    const [one, out, lake, merged] = ["one", "out", "lake", "merged"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    const whole = await runPipeline(runConfigOf(settings({ out: one })));
    const computed: string[] = [];
    for (const at of [5, 2, 7, 2, 1, 6, 3, 5, 4]) {
      const { done, up_to_date } = await share({ out, lake }, at, 7);
      if (up_to_date === 0) computed.push(...done);
      else expect(up_to_date).toBe(done.length);
    }
    // Each model was computed once.
    expect(computed.sort()).toEqual(whole.told.map(({ id }) => id).sort());
    const outcome = await mergeRun(await sharedConfig(lake, { out: merged }));
    expect(outcome.record.counts).toMatchObject({ done: 9, failed: 1, spectra_computed: 0 });
    for (const table of [...TABLE_NAMES, ...COMPARISON_TABLE_NAMES]) {
      const [gone, more, rows] = await difference(one, lake, table);
      expect([table, gone, more]).toEqual([table, 0, 0]);
      if (table === "edges" || table === "kinship" || table === "matches") expect(rows).toBeGreaterThan(0);
    }
    expect(await graphOf(merged)).toEqual(await graphOf(one));
    expect(await textOf(merged, "report.json")).toBe(await textOf(one, "report.json"));
    for (const name of ["comparison.json", "comparison.md"]) {
      expect(await textOf(join(merged, "comparison"), name)).toBe(
        await textOf(join(one, "comparison"), name),
      );
    }
    expect(outcome.report.failed).toEqual(whole.report.failed);
    expect(await leftBehind(out, lake, merged)).toEqual([]);
    // Once more there is nothing to do.
    const again = await mergeRun(await sharedConfig(lake, { out: merged }));
    expect(again.record.counts.up_to_date).toBe(9);
  });

  it("into the output folder itself are merged there", async () => {
    const out = join(folder, "alone");
    for (const at of [1, 2]) await share({ out, compare: undefined }, at, 2);
    const { record } = await mergeRun(await sharedConfig(out));
    expect(record.counts).toMatchObject({ done: 9, failed: 1, spectra_computed: 0 });
    expect(record.lake).toBeNull();
    // The run itself finds all done too.
    const after = await runPipeline(runConfigOf(settings({ out, compare: undefined })));
    expect(after.record.counts).toMatchObject({ up_to_date: 9, spectra_computed: 0 });
  });
});

describe("a merge", () => {
  it("names models that nobody has done, and says that tables of other settings are others", async () => {
    const lake = join(folder, "part");
    const out = join(folder, "part-out");
    const { done } = await share({ out, lake, compare: undefined }, 1, 2);
    const outcome = await mergeRun(await sharedConfig(lake, { out: join(folder, "part-merged") }));
    expect(outcome.told.map(({ id }) => id).sort()).toEqual([...done].sort());
    const missing = outcome.report.failed.map(({ error }) => error).filter((error) =>
      error.includes("no tables")
    );
    expect(missing).toHaveLength(outcome.report.failed.length);
    expect(missing[0]).toMatch(/part: found no tables of \S+, required those that a worker puts there/);
    const other = mergeRun(await sharedConfig(lake, { out: join(folder, "other"), sigma: 2 }));
    await expect(other).rejects.toThrow(/found tables of m\d with other settings, or of another version/);
  });

  it("refuses a lake that no worker has written to", async () => {
    const lake = join(folder, "empty");
    await mkdir(lake);
    await expect(sharedConfig(lake)).rejects.toThrow(/empty: found no \.state\/shared-run\.json/);
    await expect(sharedConfig("s3://b/x")).rejects.toThrow(ConfigError);
  });

  it("of a lake without Parquet tables is refused when the work begins", async () => {
    await expect(share({ out: join(folder, "arrow"), sinks: ["arrow"] }, 1, 2)).rejects.toThrow(
      "sinks: found arrow, required parquet among them",
    );
  });
});
