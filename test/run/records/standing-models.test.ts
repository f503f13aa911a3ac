import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLake } from "../../../connectors/lake/open.ts";
import { removeModels } from "../../../connectors/lake/remove.ts";
import { readReport } from "../../../src/report/report-file.ts";
import { reportOf } from "../../../src/report/report-rendering.ts";
import { run } from "../../../src/run/run-pipeline.ts";
import type { RunRecord } from "../../../src/run/records/records.ts";
import { plotRun } from "../../../src/viewer/plot.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";
import { BUCKET, inS3Environment, startS3 } from "../../support/s3-server.ts";

let folder = "";
let out = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "standing-"));
  out = join(folder, "out");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const layers = ["fc1", "fc2", "fc3", "fc4"].map((name) => ({ name, out: 48, in: 48 }));
const planted = [{ from: "fc1", to: "fc4", cosine: 0.9, gain: 8 }];
/** A model with a chain that every run finds. */
const generated = (id: string) => ({ id, synthetic: { seed: 1, layers, planted } });
const over = (models: unknown, settings: Record<string, unknown> = {}) =>
  run(
    { models, out, kernel: "reference", graph: "none", sinks: ["parquet"], ...settings } as Parameters<
      typeof run
    >[0],
  );

const recordOf = async (of: string) => JSON.parse(await readFile(join(of, "run.json"), "utf8")) as RunRecord;
const ids = (models: readonly { readonly id: string }[]) => models.map(({ id }) => id);

describe("a later run into a folder", () => {
  it("reports the models of earlier runs too, each as its own run tested it, naturally sorted", async () => {
    const first = await over([generated("epoch_10"), generated("epoch_2")], {
      weight: "gain",
      sigma: 2,
      graph: "embedded",
    });
    const alone = await readReport(out);
    const second = await over(generated("epoch_3"), { null: "beta" });
    const report = await readReport(out);
    expect(second.report).toEqual(report);
    expect(ids(report.models)).toEqual(["epoch_2", "epoch_3", "epoch_10"]);
    expect(ids(report.comparison)).toEqual(["epoch_2", "epoch_3", "epoch_10"]);
    // Word for word what the first run said; of its graph too, which this run has not.
    for (const id of ["epoch_2", "epoch_10"]) {
      expect(report.models.find((model) => model.id === id)).toEqual(
        alone.models.find((model) => model.id === id),
      );
    }
    expect(report.models.map(({ run_id, test }) => [run_id, test.sigma, test.null, test.weight])).toEqual([
      [first.record.run_id, 2, "rotation", "gain"],
      [second.record.run_id, 3, "beta", "overlap"],
      [first.record.run_id, 2, "rotation", "gain"],
    ]);
    expect(report.same_test).toBe(false);
    expect(report.rows.models).toBe(3);
    const record = await recordOf(out);
    expect(record.models.map(({ id, run_id }) => [id, run_id])).toEqual([
      ["epoch_2", first.record.run_id],
      ["epoch_3", second.record.run_id],
      ["epoch_10", first.record.run_id],
    ]);
    expect(record.counts).toMatchObject({ done: 1, models: 1 });
    for (const { earlier } of [report, record]) {
      expect(earlier.map(({ id, run_id, gone, unreported }) => [id, run_id, gone, unreported])).toEqual([
        ["epoch_2", first.record.run_id, false, null],
        ["epoch_10", first.record.run_id, false, null],
      ]);
    }
    const markdown = await readFile(join(out, "report.md"), "utf8");
    expect(markdown).toContain(`| epoch\\_2 | ${first.record.run_id} |`);
    expect(markdown).toMatch(/## epoch\\_10\n\nOf run /);
    expect(markdown).toContain("(rotation null, p \\<= 0.02275");
    expect(markdown).toContain("(beta null, p \\<= 0.00135");
    expect(markdown).toContain("Not all of these models were tested in the same way");
    expect(await reportOf(out, { format: "md" })).toBe(markdown);
  });

  it("leaves the dominant connection in the picture of an older model", async () => {
    await over(generated("older"));
    const before = join(folder, "before.svg");
    await plotRun(out, before, { model: "older" });
    await over(generated("newer"), { sigma: 4 });
    const after = join(folder, "after.svg");
    await plotRun(out, after, { model: "older" });
    const picture = await readFile(after, "utf8");
    expect(picture).toMatch(/dominant connection: 3 edges from fc1 #0 to fc4 #0, joint p/);
    expect(picture).toBe(await readFile(before, "utf8"));
  });

  it("does not say of a model that its run looked for nothing where it has no report", async () => {
    const lake = join(folder, "lake");
    await over(generated("elsewhere"), { lake });
    await plotRun(join(folder, "nowhere"), join(folder, "p.svg"), { lake });
    expect(await readFile(join(folder, "p.svg"), "utf8")).toContain("dominant connection: not known");
  });

  it("forgets models whose tables are gone: removed by hand, or from the lake", async () => {
    const server = await startS3();
    const undo = inS3Environment(server);
    try {
      for (const lake of [undefined, join(folder, "lake"), `s3://${BUCKET}/standing`]) {
        await over([generated("a"), generated("b")], { lake, sinks: ["parquet", "arrow"] });
        await over(generated("c"), { sinks: ["arrow"] });
        expect(ids((await readReport(out)).models), lake).toEqual(["a", "b", "c"]);
        await removeModels(await openLake(lake ?? out), (id) => id !== "b");
        // Beside the tables of a run's own folder.
        const arrow = await readdir(join(out, "arrow/edges/model=a"));
        expect(arrow, lake).toHaveLength(lake === undefined ? 0 : 1);
        const { report } = await over(generated("d"), { lake });
        // The one has never been in a lake.
        expect(ids(report.models), lake).toEqual(["b", "c", "d"]);
        await rm(out, { recursive: true });
      }
    } finally {
      undo();
      await server.close();
    }
  });

  it("says which models are gone from where they were read", async () => {
    const paths = [1, 2, 10].map((epoch) => join(folder, `epoch_${epoch}.safetensors`));
    for (const [seed, path] of paths.entries()) {
      await writeTensors(path, [["fc1.weight", [12, 8], noise(96, seed)], [
        "fc2.weight",
        [6, 12],
        noise(72, seed),
      ]]);
    }
    await over(paths);
    await rm(paths[1]!);
    const warnings: string[] = [];
    const { report } = await run(
      { models: folder, exclude: "out/**", out, kernel: "reference", graph: "none" },
      { progress: (event) => event.event === "warning" && warnings.push(`${event.model}: ${event.warning}`) },
    );
    expect(warnings.filter((warning) => warning.includes("no longer there"))).toEqual([
      `epoch_2: its file ${paths[1]} is no longer there, while its tables stand (svr lake rm removes them)`,
    ]);
    expect(report.earlier).toMatchObject([{ id: "epoch_2", gone: true, unreported: null }]);
    expect(await readFile(join(out, "report.md"), "utf8")).toContain("is no longer there");
  });

  it("says of tables that it cannot report why: another schema, another record, another output folder", async () => {
    await over([generated("schema"), generated("format"), generated("other")]);
    const rewrite = async (path: string, change: (text: string) => string) =>
      await writeFile(path, change(await readFile(path, "utf8")));
    await rewrite(
      join(out, "_manifest.json"),
      (text) => text.replace(/("id":"schema".*?"schema_version":)\d+/, "$13"),
    );
    await rewrite(
      join(out, ".state/model=format.json"),
      (text) => text.replace(/"format":\d+/, '"format":1'),
    );
    await rm(join(out, ".state/model=other.json"));
    const { report } = await over(generated("new"));
    expect(ids(report.models)).toEqual(["new"]);
    expect(report.earlier.map(({ id, unreported }) => [id, unreported])).toEqual([
      ["format", "its record is of another version; run the model again"],
      ["other", expect.stringContaining("another output folder")],
      ["schema", expect.stringMatching(/schema 3, required \d+; run the model again/)],
    ]);
    const said = "not reported: its tables have schema 3";
    expect(await readFile(join(out, "report.md"), "utf8")).toContain(said);
    expect(await reportOf(out, { format: "text" })).toContain(`schema: ${said}`);
    expect(await readFile(join(out, "report.html"), "utf8")).toContain(said);
  });
});
