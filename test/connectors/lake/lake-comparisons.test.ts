import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkLake } from "../../../connectors/lake/check.ts";
import { findComparison } from "../../../connectors/lake/comparisons.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { parseManifest, readManifest } from "../../../connectors/lake/manifest.ts";
import { removeComparisons, removeModels } from "../../../connectors/lake/remove.ts";
import { viewStatements } from "../../../connectors/lake/sql.ts";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import { COMPARISON_TABLE_NAMES } from "../../../src/model/comparison-tables.ts";
import { batchesOf, comparisonHeader } from "../../contract/sink/comparison-contract.ts";
import { comparisonFixture } from "../../contract/sink/comparison-fixture.ts";
import { header, runInto, writeModel } from "../../contract/sink/contract.ts";
import { fixture } from "../../contract/sink/fixture.ts";

/** Ids of models; the last one's name is cut in paths. */
const LONG = "long ".repeat(100);
const [A, B] = ["project/a", "b"];

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "lake-compared-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

async function written(): Promise<void> {
  for (const sink of [await SINKS.parquet(), await SINKS.arrow()]) {
    const open = await sink(runInto(out));
    for (const [at, id] of [A, B, LONG].entries()) await writeModel(open, header(id), fixture(at));
    for (const [at, [base, other]] of PAIRS.entries()) {
      await open.compare!(comparisonHeader(base, other, at), batchesOf(comparisonFixture(base, other, at)));
    }
    await open.finish();
  }
}
const PAIRS = [[A, B], [A, LONG], [LONG, B]] as const;

const comparisonFiles = async () =>
  (await readdir(out, { recursive: true })).filter((path) => /base=.*part-/.test(path));

describe("comparisons in a lake", () => {
  it("stand in its manifest, and are verified", async () => {
    await written();
    const place = folderLake(out);
    const { comparisons, models } = (await readManifest(place))!;
    expect(models).toHaveLength(3);
    expect(comparisons.map(({ base, other }) => [base, other]).sort()).toEqual(
      PAIRS.map((pair) => [...pair]).sort(),
    );
    expect((await findComparison(place, A, B))?.partition).toBe("model=b/base=project%2Fa");
    const good = await checkLake(place);
    expect(good).toMatchObject({ models: 3, comparisons: 3, defects: [] });
    const [file] = comparisons[0]!.files;
    await truncate(join(out, file!.path), 20);
    expect((await checkLake(place)).defects).toMatchObject([{ kind: "truncated", path: file!.path }]);
    await rm(join(out, file!.path));
    expect((await checkLake(place)).defects).toMatchObject([{ kind: "missing", path: file!.path }]);
  });

  it("go with either model, Arrow files too; files that no manifest names are named", async () => {
    await written();
    const place = folderLake(out);
    const before = await comparisonFiles();
    expect(before).toHaveLength(3 * 2 * COMPARISON_TABLE_NAMES.length);
    const removed = await removeModels(place, (id) => id === A);
    expect(removed.models.map(({ id }) => id)).toEqual([A]);
    expect(removed.comparisons.map(({ other }) => other).sort()).toEqual([B, LONG].sort());
    expect(await comparisonFiles()).toHaveLength(2 * COMPARISON_TABLE_NAMES.length);
    expect(await checkLake(place)).toMatchObject({ models: 2, comparisons: 1, defects: [] });
    expect(await removeComparisons(place, () => true)).toHaveLength(1);
    expect(await comparisonFiles()).toEqual([]);
    expect(await checkLake(place)).toMatchObject({ models: 2, comparisons: 0, defects: [] });
    expect(await readFile(join(out, "_manifest.json"), "utf8")).not.toContain("comparisons");
  });

  it("are finished by the next removal where one was killed", async () => {
    await written();
    const place = folderLake(out);
    let calls = 0;
    const dying = {
      ...place,
      remove: (path: string) => calls++ < 3 ? place.remove(path) : Promise.reject(new Error("killed")),
    };
    await expect(removeComparisons(dying, ({ base }) => base === A)).rejects.toThrow("killed");
    expect(await findComparison(place, A, B)).toBe(null);
    await removeModels(place, (id) => id === LONG);
    expect(await comparisonFiles()).toEqual([]);
    expect((await checkLake(place)).defects).toEqual([]);
  });

  it.each([false, true])("have views, with whole ids (pinned: %s)", async (pinned) => {
    await written();
    const duckdb = await (await DuckDBInstance.create()).connect();
    await duckdb.run(viewStatements((await readManifest(folderLake(out)))!, { root: out, pinned }));
    const rows = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRowsJS();
    const sorted = (pairs: readonly (readonly unknown[])[]) => pairs.map((each) => each.join(" ")).sort();
    const pairs = await rows("SELECT base, model FROM kinship WHERE base = base_id AND model = other_id");
    expect(sorted(pairs)).toEqual(sorted(PAIRS));
    expect(await rows(`SELECT count(*)::INT FROM matches WHERE model = 'b' AND base = '${LONG}'`)).toEqual([[
      6,
    ]]);
    // Layers have names by a join with the tables of models.
    expect(
      await rows(
        "SELECT count(*)::INT FROM correspondences c JOIN layers l ON l.model = c.model AND l.layer_index = c.other_layer",
      ),
    ).toEqual([[6]]);
    duckdb.closeSync();
  });
});

describe("a manifest's comparison", () => {
  const file = {
    path: "kinship/model=b/base=a/part-0.parquet",
    table: "kinship",
    rows: 1,
    bytes: 1,
    sha256: "0".repeat(64),
  };
  const texts = {
    base_uri: "",
    other_uri: "",
    base_content: "",
    other_content: "",
    key: "",
    run_id: "",
    version: "",
  };
  const comparison = {
    base: "a",
    other: "b",
    ...texts,
    schema_version: 4,
    partition: "model=b/base=a",
    files: [file],
  };
  const text = (...comparisons: readonly object[]) =>
    JSON.stringify({ manifest_version: 1, models: [], comparisons });

  it("is read as it is; a manifest without any has none", () => {
    expect(parseManifest(text(comparison), "m").comparisons).toEqual([comparison]);
    expect(parseManifest('{"manifest_version":1,"models":[]}', "m").comparisons).toEqual([]);
  });

  it.each([
    ["no list", JSON.stringify({ manifest_version: 1, models: [], comparisons: 3 }), /comparisons: found 3/],
    ["a partition that is not the ids'", text({ ...comparison, base: "../x" }), /comparison 0, partition/],
    [
      "a table of models",
      text({ ...comparison, files: [{ ...file, table: "edges" }] }),
      /comparison 0, file 0/,
    ],
    [
      "a path that leads out",
      text({ ...comparison, files: [{ ...file, path: "kinship/model=b/part-0.parquet" }] }),
      /file 0/,
    ],
    ["a pair twice", text(comparison, comparison), /each pair of models once/],
  ])("is refused: %s", (_, given, why) => {
    expect(() => parseManifest(given, "m")).toThrow(SyntaxError);
    expect(() => parseManifest(given, "m")).toThrow(why);
  });
});
