import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkLake } from "../../../../connectors/lake/check.ts";
import { folderLake } from "../../../../connectors/lake/folder.ts";
import { type Manifest, readManifest } from "../../../../connectors/lake/manifest.ts";
import { parquetSink } from "../../../../connectors/sinks/tables/parquet.ts";
import { type AnyTableName, COMPARISON_TABLE_NAMES } from "../../../../src/model/comparison-tables.ts";
import { type Row, TABLE_NAMES } from "../../../../src/model/tables.ts";
import { run } from "../../../../src/run/run-pipeline.ts";
import { batchesOf, comparisonHeader } from "../../../contract/sink/comparison-contract.ts";
import { comparisonFixture } from "../../../contract/sink/comparison-fixture.ts";
import { header, runInto, writeModel } from "../../../contract/sink/contract.ts";
import { fixture } from "../../../contract/sink/fixture.ts";
import { WEIRD_IDS } from "../../../contract/sink/left.ts";
import { svr } from "../../../integration/svr.ts";
import { connectWithExtensions, describeWithExtensions } from "../../../support/duckdb-extensions.ts";

const TABLES: readonly AnyTableName[] = [...TABLE_NAMES, ...COMPARISON_TABLE_NAMES];

/** Models of the second lake: some with ids that are hard to write down. */
const IDS = [
  ...new Set([...WEIRD_IDS, "a/b", "50 % [x]*?", "ü/é 🦆", `long/${"x".repeat(400)}`]),
  ...Array.from({ length: 200 }, (_, at) => `generated/${at}`),
].slice(0, 200);

/** Edges of one model lie where no other's do. */
const FAR = { id: IDS.at(-1)!, layer: 1_000_000 };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engines-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const rowsOf = async (duckdb: DuckDBConnection, sql: string) =>
  (await duckdb.runAndReadAll(sql)).getRowsJson() as readonly (readonly unknown[])[];

const countOf = async (duckdb: DuckDBConnection, sql: string) =>
  Number((await rowsOf(duckdb, `SELECT count(*) FROM (${sql})`))[0]?.[0]);

const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** A table of a lake as each engine's extension reads it; those of DuckLake are attached as `svr`. */
const ENGINES: Readonly<Record<string, (lake: string, table: AnyTableName) => string>> = {
  delta: (lake, table) => `delta_scan(${text(join(lake, table))})`,
  iceberg: (lake, table) => `iceberg_scan(${text(join(lake, "_iceberg", table))})`,
  ducklake: (_, table) => `svr.${table}`,
};

/** The files that a manifest names, as they are. */
function plain(lake: string, { models, comparisons }: Manifest, table: AnyTableName): string | null {
  const files = [...models, ...comparisons].flatMap((entry) => entry.files)
    .flatMap((file) => file.table === table ? [text(join(lake, file.path))] : []);
  return files.length === 0 ? null : `read_parquet([${files.join(", ")}], hive_partitioning = false)`;
}

/** Files that a query has opened. */
async function filesRead(duckdb: DuckDBConnection, sql: string): Promise<number> {
  const plan = (await rowsOf(duckdb, `EXPLAIN ANALYZE ${sql}`)).flat().join("\n");
  // A condition that no file can meet leaves nothing to scan.
  return plan.includes("EMPTY_RESULT") ? 0 : Number(/Total Files Read: (\d+)/.exec(plan)?.[1] ?? NaN);
}

/** Registers a lake in a DuckLake by what the command prints. */
async function register(duckdb: DuckDBConnection, lake: string, catalog: string): Promise<void> {
  const { stdout, code, stderr } = await svr(["lake", "sql", lake, "--ducklake"]);
  expect([code, stderr]).toEqual([0, ""]);
  await mkdir(catalog);
  await duckdb.run(
    stdout.replace("ducklake:svr.ducklake", `ducklake:${join(catalog, "svr.ducklake")}`)
      .replace("DATA_PATH 'svr.ducklake.files/'", `DATA_PATH ${text(join(catalog, "files/"))}`),
  );
}

/** Every engine has just the rows of the files. */
async function expectSameRows(
  duckdb: DuckDBConnection,
  lake: string,
  engines: readonly string[],
): Promise<void> {
  const manifest = (await readManifest(folderLake(lake)))!;
  for (const table of TABLES) {
    const files = plain(lake, manifest, table);
    for (const engine of engines) {
      const found = `SELECT * FROM ${ENGINES[engine]!(lake, table)}`;
      if (files === null) {
        expect(await countOf(duckdb, found), `${engine} ${table}`).toBe(0);
        continue;
      }
      const all = `SELECT * FROM ${files}`;
      const counts = [
        await countOf(duckdb, found),
        await countOf(duckdb, `${found} EXCEPT ALL ${all}`),
        await countOf(duckdb, `${all} EXCEPT ALL ${found}`),
      ];
      expect(counts, `${engine} ${table}`).toEqual([await countOf(duckdb, all), 0, 0]);
    }
  }
}

await describeWithExtensions("the tables of a run, as engines read them", (duckdb) => {
  const out = () => join(folder, "demo");
  const models = ["epoch-000", "epoch-010"].map((name) => `pipelines/models/mnist-mlp/${name}.safetensors`);
  const once = (sigma: number, lake?: { tables: ("delta" | "iceberg")[] }) =>
    run({
      models,
      out: out(),
      sigma,
      graph: "none",
      sinks: ["parquet"],
      kernel: "reference",
      compare: { all: true },
      ...lake === undefined ? {} : { lake },
    });

  it("have its rows, and those of the run before where they are asked for", async () => {
    const first = await once(3, { tables: ["delta", "iceberg"] });
    await expectSameRows(duckdb, out(), ["delta", "iceberg"]);
    const edges = Object.fromEntries(
      Object.entries(ENGINES).map(([engine, scan]) => [engine, scan(out(), "edges")]),
    );
    const before = await countOf(duckdb, `SELECT * FROM ${edges["delta"]}`);
    // Nothing says so any more, and the lake goes on with what it has.
    const second = await once(1);
    await expectSameRows(duckdb, out(), ["delta", "iceberg"]);
    expect(await countOf(duckdb, `SELECT * FROM ${edges["delta"]}`)).toBeGreaterThan(before);
    const older = `delta_scan(${text(join(out(), "edges"))}, version => 0)`;
    expect(await countOf(duckdb, `SELECT * FROM ${older}`)).toBe(before);
    const path = join(out(), "_iceberg/edges/metadata/v2.metadata.json");
    const { snapshots } = JSON.parse(await readFile(path, "utf8")) as {
      readonly snapshots: readonly {
        readonly "snapshot-id": number;
        readonly summary: Record<string, string>;
      }[];
    };
    expect(snapshots.map(({ summary }) => summary["svrflow.run-id"])).toEqual([
      first.record.run_id,
      second.record.run_id,
    ]);
    const scan = `iceberg_scan(${text(join(out(), "_iceberg/edges"))}, snapshot_from_id => ${
      snapshots[0]?.["snapshot-id"]
    })`;
    expect(await countOf(duckdb, `SELECT * FROM ${scan}`)).toBe(before);
    expect(await countOf(duckdb, `SELECT * FROM ${scan} EXCEPT ALL SELECT * FROM ${older}`)).toBe(0);
    await register(duckdb, out(), join(folder, "demo-catalog"));
    await expectSameRows(duckdb, out(), ["ducklake"]);
    await duckdb.run("DETACH svr");
    expect((await checkLake(folderLake(out()))).defects).toEqual([]);
  });
});

await describeWithExtensions("the tables of 200 models, as engines read them", (shared) => {
  const lake = () => join(folder, "many");
  let duckdb = shared;
  beforeAll(async () => {
    duckdb = await connectWithExtensions();
    const sink = await parquetSink({ tables: ["delta", "iceberg"] })(runInto(lake()));
    for (const [at, id] of IDS.entries()) {
      const rows = fixture(at % 20);
      const far = rows.edges.map((row): Row => ({ ...row, source_layer: FAR.layer }));
      await writeModel(sink, header(id), id === FAR.id ? { ...rows, edges: far } : rows, 1000);
    }
    for (const [at, base] of IDS.slice(0, 3).entries()) {
      const other = IDS[at + 1]!;
      await sink.compare!(comparisonHeader(base, other, at), batchesOf(comparisonFixture(base, other, at)));
    }
    await sink.finish();
    await register(duckdb, lake(), join(folder, "many-catalog"));
  }, 180_000);

  it("have the rows of all of them, with their whole ids", async () => {
    await expectSameRows(duckdb, lake(), Object.keys(ENGINES));
    for (const [engine, scan] of Object.entries(ENGINES)) {
      const found = await rowsOf(duckdb, `SELECT DISTINCT model FROM ${scan(lake(), "models")}`);
      expect(found.flat().sort(), engine).toEqual([...IDS].sort());
      const pairs = await rowsOf(duckdb, `SELECT base, model FROM ${scan(lake(), "kinship")}`);
      expect(pairs.map(String).sort(), engine).toEqual(
        IDS.slice(0, 3).map((base, at) => String([base, IDS[at + 1]])).sort(),
      );
    }
  });

  it("are pruned by the model, and by what versions say of columns", async () => {
    for (const [engine, scan] of Object.entries(ENGINES)) {
      const edges = scan(lake(), "edges");
      for (const id of ["a/b", IDS[0]!, FAR.id]) {
        const sql = `SELECT * FROM ${edges} WHERE model = ${text(id)}`;
        expect(await filesRead(duckdb, sql), `${engine} ${id}`).toBe(1);
        expect(await countOf(duckdb, sql), `${engine} ${id}`).toBeGreaterThan(0);
      }
      const far = `SELECT DISTINCT model FROM ${edges} WHERE source_layer >= ${FAR.layer}`;
      expect(await filesRead(duckdb, far), engine).toBe(1);
      expect(await rowsOf(duckdb, far), engine).toEqual([[FAR.id]]);
      const none = `SELECT * FROM ${edges} WHERE source_layer > ${FAR.layer}`;
      expect(await filesRead(duckdb, none), engine).toBe(0);
    }
  });

  it("lose no row to a condition on columns with NaN, infinities and nulls", async () => {
    const manifest = (await readManifest(folderLake(lake())))!;
    for (
      const condition of [
        "weight > 1e300",
        "weight < -1e300",
        "cosine IS NULL",
        "log_p <= -1e308",
        "isnan(weight)",
      ]
    ) {
      // As DuckDB reads all rows, before it looks at any bound.
      const all = `(FROM ${plain(lake(), manifest, "edges")} OFFSET 0)`;
      const required = await countOf(duckdb, `SELECT * FROM ${all} WHERE ${condition}`);
      expect(required, condition).toBeGreaterThan(0);
      for (const engine of ["delta", "iceberg"]) {
        // Otherwise DuckDB goes by the bounds of row groups, which pass over NaN as Parquet says.
        const scan = ENGINES[engine]!(lake(), "edges").replace(/\)$/, ", can_have_nan => true)");
        const found = await countOf(duckdb, `SELECT * FROM ${scan} WHERE ${condition}`);
        expect(found, `${engine} ${condition}`).toBe(required);
      }
    }
  });

  it("are added to a DuckLake once, whatever is asked", async () => {
    const { stdout } = await svr(["lake", "sql", lake(), "--ducklake"]);
    const before = await countOf(duckdb, "SELECT * FROM svr.edges");
    await expect(duckdb.run(stdout.replace(/ATTACH [^;]*;/, ""))).rejects.toThrow(/already exists/);
    await duckdb.run("ROLLBACK");
    expect(await countOf(duckdb, "SELECT * FROM svr.edges")).toBe(before);
    const paths = (await readdir(lake(), { recursive: true })).filter((path) => path.includes("ducklake"));
    expect(paths).toEqual([]);
  });
});
