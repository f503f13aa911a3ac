import { cp, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runConfigOf } from "../../../../config/load.ts";
import { checkLake } from "../../../../connectors/lake/check.ts";
import { folderLake } from "../../../../connectors/lake/folder.ts";
import { MANIFEST, readManifest } from "../../../../connectors/lake/manifest.ts";
import { openLake } from "../../../../connectors/lake/open.ts";
import { commitTables } from "../../../../connectors/lake/table-formats/commit.ts";
import { namedByDelta } from "../../../../connectors/lake/table-formats/delta.ts";
import { namedByIceberg } from "../../../../connectors/lake/table-formats/iceberg.ts";
import { TABLE_FORMATS } from "../../../../connectors/lake/table-formats/kept-formats.ts";
import { parquetSink } from "../../../../connectors/sinks/tables/parquet.ts";
import { openTableSink } from "../../../../connectors/sinks/tables/table-sink.ts";
import { TABLE_NAMES } from "../../../../src/model/tables.ts";
import { batchesOf, comparisonHeader } from "../../../contract/sink/comparison-contract.ts";
import { comparisonFixture } from "../../../contract/sink/comparison-fixture.ts";
import { header, runInto, writeModel } from "../../../contract/sink/contract.ts";
import { fixture } from "../../../contract/sink/fixture.ts";
import { svr } from "../../../integration/svr.ts";
import { BUCKET, inS3Environment, keysIn, startS3 } from "../../../support/s3-server.ts";

const BY = { runId: null, version: "0.0.0-test" };

let lake = "";
beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "commits-"));
});
afterEach(() => rm(lake, { recursive: true, force: true }));

/** A run of one model. */
async function once(id: string, seed: number, tables: readonly ("delta" | "iceberg")[] = []): Promise<void> {
  const sink = await parquetSink({ tables })(runInto(lake));
  await writeModel(sink, header(id), fixture(seed));
  await sink.finish();
}

/** All files of the lake with their times, so that nothing is written without being seen. */
async function everything(): Promise<Record<string, number>> {
  const entries = await readdir(lake, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const times = await Promise.all(files.map(async (path) => [path, (await stat(path)).mtimeMs] as const));
  return Object.fromEntries(times);
}

type Action = Readonly<Partial<Record<string, Readonly<Record<string, unknown>>>>>;

/** The actions of each version in the log of a table. */
async function log(table = "edges"): Promise<readonly (readonly Action[])[]> {
  const folder = join(lake, table, "_delta_log");
  const names = (await readdir(folder)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return texts.map((each) => each.trim().split("\n").map((line) => JSON.parse(line) as Action));
}

/** What a version's actions of one kind say. */
const said = (actions: readonly Action[] | undefined, kind: "add" | "remove") =>
  actions!.map((action) => action[kind]).filter((each) => each !== undefined);

/** Rows of a file, as DuckDB counts and sums them. */
async function digestOf(path: string): Promise<string> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  const sql = `SELECT count(*)::INT, sum(hash(columns(*)::VARCHAR)) FROM read_parquet('${
    path.replaceAll("'", "''")
  }')`;
  return JSON.stringify((await duckdb.runAndReadAll(sql)).getRowsJson());
}

describe("versions of a lake's tables", () => {
  it("are added only where something has changed, and one by each run", async () => {
    await once("a/b", 1);
    expect((await readdir(lake)).some((name) => name.startsWith("_tables"))).toBe(false);
    const first = await commitTables(folderLake(lake), TABLE_FORMATS, BY);
    expect(first.tables.filter(({ table }) => table === "edges")).toEqual([
      { format: "delta", table: "edges", version: 0, added: 1, removed: 0, changed: true },
      { format: "iceberg", table: "edges", version: 1, added: 1, removed: 0, changed: true },
    ]);
    const before = await everything();
    const second = await commitTables(folderLake(lake), TABLE_FORMATS, BY);
    expect(second.tables.every(({ changed }) => !changed)).toBe(true);
    expect(await everything()).toEqual(before);
    await once("c", 2);
    const [, added, ...others] = await log();
    expect(others).toEqual([]);
    expect([...said(added, "add"), ...said(added, "remove")]).toEqual([
      expect.objectContaining({ partitionValues: { model: "c" } }),
    ]);
  });

  it("name files by a URI, in which the % of a folder's name is encoded", async () => {
    await once("a/b", 1, ["delta"]);
    const [first] = await log();
    const { path, stats } = said(first, "add")[0]!;
    expect(path).toMatch(/^model=a%252Fb\/part-[0-9a-f]+\.parquet$/);
    expect(JSON.parse(String(stats))).toMatchObject({ numRecords: fixture(1).edges.length });
  });

  it("keep what they name: no run and no removal takes a file, and no name is used twice", async () => {
    const digests = new Map<string, string>();
    for (const seed of [1, 2, 3, 1]) {
      await once("a", seed, ["delta", "iceberg"]);
      const files = (await readManifest(folderLake(lake)))!.models.flatMap((model) => model.files);
      for (const { path } of files) {
        const now = await digestOf(join(lake, path));
        expect(digests.get(path) ?? now, path).toBe(now);
        digests.set(path, now);
      }
    }
    for (const [path, digest] of digests) expect(await digestOf(join(lake, path)), path).toBe(digest);
    expect((await checkLake(folderLake(lake))).defects).toEqual([]);
    const named = [...digests.keys()].filter((path) => path.startsWith("edges/")).sort();
    expect(named.length).toBeGreaterThan(2);
    expect([...await namedByDelta(folderLake(lake), "edges")].sort()).toEqual(named);
    expect([...await namedByIceberg(folderLake(lake), "edges")].sort()).toEqual(named);
    expect(await svr(["lake", "rm", lake, "a"])).toMatchObject({
      code: 0,
      stdout: "removed a: 6 files stay, for older versions of the tables name them\n",
    });
    const last = (await log()).at(-1);
    expect([...said(last, "add"), ...said(last, "remove")]).toEqual([
      expect.objectContaining({ partitionValues: { model: "a" }, dataChange: true }),
    ]);
    for (const path of digests.keys()) expect((await stat(join(lake, path))).size).toBeGreaterThan(0);
    expect((await checkLake(folderLake(lake))).defects).toEqual([]);
  });

  it("are added in turn by whoever comes at the same time", async () => {
    await once("a", 1, ["delta", "iceberg"]);
    await Promise.all([2, 3, 4].map((seed) => once(`m${seed}`, seed)));
    const place = folderLake(lake);
    const wanted = (await readManifest(place))!.models.flatMap((model) => model.files)
      .flatMap(({ table, path }) => table === "layers" ? [path] : []).sort();
    expect(wanted).toHaveLength(4);
    const adds = said((await log("layers")).flat(), "add").map(({ path }) => path);
    expect(new Set(adds).size).toBe(adds.length);
    expect([...await namedByDelta(place, "layers")].sort()).toEqual(wanted);
    expect([...await namedByIceberg(place, "layers")].sort()).toEqual(wanted);
    expect((await commitTables(place, TABLE_FORMATS, BY)).tables.every(({ changed }) => !changed)).toBe(true);
  });

  it("keep what another run has added since the manifest was read", async () => {
    await once("a", 1, ["delta", "iceberg"]);
    const place = folderLake(lake);
    const commitLate = async (late: number) => {
      let reads = 0;
      const readText = async (path: string) => {
        const text = await place.readText(path);
        if (path === MANIFEST && ++reads === late) await once(`m${late}`, late);
        return text;
      };
      await commitTables({ ...place, readText }, TABLE_FORMATS, BY);
    };
    // The first read is before any table's; then each table is read for Delta, and for Iceberg.
    for (const late of [2, 3]) await commitLate(late);
    expect(said((await log("models")).flat(), "remove")).toEqual([]);
    expect((await commitTables(place, TABLE_FORMATS, BY)).tables.every(({ changed }) => !changed)).toBe(true);
  });

  it("take back nothing of a model or a comparison where their mark cannot be read after it was recorded", async () => {
    const place = folderLake(lake);
    let recorded = "";
    const readText = async (path: string) => {
      if (path === "_tables.json" && (await place.readText(MANIFEST) ?? "").includes(recorded)) {
        throw new Error("the network is gone");
      }
      return await place.readText(path);
    };
    const format = {
      name: "parquet",
      extension: ".parquet",
      root: ".",
      mostBytes: Infinity,
      lake: true,
    } as const;
    const sink = await openTableSink(format, runInto(lake), { ...place, readText });
    recorded = '"id":"a"';
    await writeModel(sink, header("a"), fixture(1));
    recorded = '"comparisons"';
    await sink.compare!(comparisonHeader("a", "b", 1), batchesOf(comparisonFixture("a", "b", 1)));
    await sink.abort();
    expect(await checkLake(place)).toMatchObject({ models: 1, comparisons: 1, defects: [] });
  });

  it("are made in a bucket too, and name its files", async () => {
    const server = await startS3();
    const undo = inS3Environment(server);
    try {
      const address = `s3://${BUCKET}/lake`;
      const sink = await parquetSink({ lake: address, tables: ["delta", "iceberg"] })(runInto(lake));
      await writeModel(sink, header("a/b"), fixture(1));
      await sink.finish();
      const place = await openLake(address);
      for (const table of TABLE_NAMES) {
        const files = (await keysIn(server, "lake")).filter((key) => key.startsWith(`${table}/model=`));
        expect(files).toHaveLength(1);
        expect([...await namedByDelta(place, table)]).toEqual(files);
        expect([...await namedByIceberg(place, table)]).toEqual(files);
      }
      const text = await place.readText("_iceberg/edges/metadata/v1.metadata.json");
      expect(JSON.parse(text!)).toMatchObject({ location: `${address}/_iceberg/edges`, "format-version": 2 });
      expect(await place.readText("_iceberg/edges/metadata/version-hint.text")).toBe("1");
    } finally {
      undo();
      await server.close();
    }
  });

  it("of Iceberg do not move with a lake, and say so; Delta's do", async () => {
    for (const seed of [2, 1]) await once("a", seed, ["delta", "iceberg"]);
    const moved = `${lake}-moved`;
    await cp(lake, moved, { recursive: true });
    try {
      const { code, stderr } = await svr(["lake", "iceberg", moved]);
      expect(code).toBe(1);
      expect(stderr).toContain(
        `the iceberg table models: ${moved}/_iceberg/models/metadata/v2.metadata.json: found`,
      );
      expect(stderr).toContain("remove _iceberg and make them again");
      // What its older versions name is known all the same.
      expect((await checkLake(folderLake(moved))).defects).toEqual([]);
      const { stdout } = await svr(["lake", "delta", moved]);
      expect(stdout).toContain("edges: version 1, as it was\n");
      await rm(join(moved, "_iceberg"), { recursive: true });
      expect((await svr(["lake", "iceberg", moved])).stdout).toContain(
        "edges: version 1, 1 file added, 0 removed\n",
      );
    } finally {
      await rm(moved, { recursive: true, force: true });
    }
  });

  it("are asked for by a config, with a place or without", () => {
    const of = (value: unknown) => {
      const { lake: place, lakeTables } = runConfigOf({ models: "m.safetensors", lake: value }).config;
      return [place, lakeTables];
    };
    expect(of("s3://bucket/lake")).toEqual(["s3://bucket/lake", undefined]);
    expect(of({ tables: ["delta"] })).toEqual([undefined, ["delta"]]);
    expect(of({ place: "there", tables: ["iceberg", "delta"] })).toEqual(["there", ["iceberg", "delta"]]);
    expect(() => of({ tables: ["hudi"] })).toThrow(/lake/);
  });

  it("are not made where there is no lake", async () => {
    const { code, stderr } = await svr(["lake", "delta", lake]);
    expect(code).toBe(1);
    expect(stderr).toContain("found no _manifest.json, required a lake that svr run has written");
    expect(await readdir(lake)).toEqual([]);
  });
});
