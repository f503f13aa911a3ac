/** What a person may ask of a run's tables in SQL, and what is refused. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folderLake } from "../../connectors/lake/folder.ts";
import { type Manifest, readManifest } from "../../connectors/lake/manifest.ts";
import { askTables } from "../../connectors/readers/duckdb-reader.ts";
import { type LakeTables, tablesOf } from "../../src/query/sql/tables-of-lake.ts";
import { run, type RunReport } from "../../src/run.ts";
import { ROOT } from "../integration/svr.ts";

describe("the tables of a run in SQL", () => {
  let [folder, out] = ["", ""];
  let manifest: Manifest;
  let tables: LakeTables;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-sql [it's]-"));
    out = join(folder, "run");
    await run({
      out,
      models: {
        path: join(ROOT, "pipelines/models/mnist-mlp"),
        topology: { chain: ["fc1", "fc2", "fc3"] },
      },
      exclude: ["*003*", "*010*"],
      compare: { pairs: [["mnist-mlp/epoch-000", "mnist-mlp/epoch-001"]] },
      graph: "none",
    });
    const lake = folderLake(out);
    manifest = (await readManifest(lake))!;
    tables = await tablesOf(out, lake);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const ask = (sql: string, more = {}) => askTables(out, manifest, sql, {}, more);

  it.each([
    ["COPY (SELECT 1) TO '/tmp/svr-sql.csv'", /found COPY, required a statement that only reads/],
    ["EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/svr-sql.csv'", /found EXPLAIN, required/],
    ["-- a comment\n/* SELECT */ COPY edges TO '/tmp/svr-sql.csv'", /found COPY, required/],
    ["ATTACH '/tmp/svr-sql.db'", /found ATTACH, required/],
    ["INSTALL httpfs", /found INSTALL, required/],
    ["LOAD json", /found LOAD, required/],
    ["PRAGMA database_list", /found PRAGMA, required/],
    ["SET threads = 1", /found SET, required/],
    ["CALL pragma_version()", /found CALL, required/],
    ["CREATE TABLE mine AS SELECT 1", /found CREATE, required/],
    ["WITH a AS (SELECT 1) INSERT INTO models SELECT * FROM a", /is not an table/],
    ["", /found "", required/],
    ["SELECT 1; COPY (SELECT 1) TO '/tmp/svr-sql.csv'", /found 2 statements, required one/],
    ["SELECT * FROM read_text('/etc/passwd')", /Cannot access file "\/etc\/passwd"/],
    ["SELECT * FROM read_csv('/etc/passwd')", /Cannot access file/],
    ["SELECT * FROM glob('/etc/*')", /Cannot access file/],
    ["SELECT * FROM '/etc/passwd'", /does not exist/],
    ["SELECT * FROM read_parquet('https://example.org/a.parquet')", /./],
  ])("refuses %s", async (sql, says) => {
    await expect(ask(sql)).rejects.toThrow(says);
  });

  it("refuses the run's own files that are no tables, and writes over none that is", async () => {
    await expect(ask(`SELECT * FROM read_text('${out.replaceAll("'", "''")}/run.json')`)).rejects.toThrow(
      /Cannot access file/,
    );
    const path = join(out, manifest.models[0]!.files[0]!.path);
    const before = await readFile(path);
    await expect(ask(`COPY (SELECT 1) TO '${path.replaceAll("'", "''")}'`)).rejects.toThrow(/found COPY/);
    await expect(ask(`FROM query('COPY (SELECT 1) TO ''${path.replaceAll("'", "''''")}''')`)).rejects
      .toThrow();
    expect(await readFile(path)).toEqual(before);
  });

  it("sees the files of the manifest and no others", async () => {
    expect((await ask("SELECT count(*) FROM models")).rows).toEqual([[manifest.models.length]]);
    const one = { ...manifest, models: manifest.models.slice(0, 1), comparisons: [] };
    const answer = await askTables(out, one, "SELECT id FROM models");
    expect(answer.rows).toEqual([[one.models[0]!.id]]);
  });

  it("answers what DuckDB answers outside", async () => {
    const duckdb = await (await DuckDBInstance.create()).connect();
    const place = out.replaceAll("'", "''").replaceAll("[", "[[]");
    const sql = (from: string) =>
      `SELECT source_layer, count(*), sum(overlap), max(log_p), list(part ORDER BY ALL) FROM ${from}
       GROUP BY ALL ORDER BY 1`;
    const expected = await duckdb.runAndReadAll(sql(`read_parquet('${place}/edges/*/*.parquet')`));
    const { rows, whole } = await ask(sql("edges"));
    expect(whole).toBe(true);
    const numbers = (value: unknown): unknown =>
      Array.isArray(value) ? value.map(numbers) : typeof value === "bigint" ? Number(value) : value;
    const plain = expected.getRowsJS().map(numbers) as number[][];
    expect(rows).toHaveLength(plain.length);
    for (const [at, [layer, count, sum, most, parts]] of plain.entries()) {
      // A sum depends on the order of the files.
      const found = rows[at] as number[];
      expect([found[0], found[1], found[3], found[4]]).toEqual([layer, count, most, parts]);
      expect(found[2]).toBeCloseTo(sum!, 10);
    }
  });

  it("answers the queries of the report, as DuckDB does in the run's folder", async () => {
    const report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
    const texts = report.models.flatMap(({ findings }) => findings).flatMap(({ queries }) => queries)
      .filter(({ language }) => language === "sql").map(({ text }) => text);
    expect(texts.length).toBeGreaterThan(2);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const place = out.replaceAll("'", "''").replaceAll("[", "[[]");
    for (const text of texts) {
      const there = text.replaceAll("read_parquet('", `read_parquet('${place}/`);
      const expected = (await duckdb.runAndReadAll(there)).getRowsJS();
      const { rows } = await ask(text);
      expect(rows.map((row) => row.map(Number)), text).toEqual(expected.map((row) => row.map(Number)));
    }
    await expect(ask(texts[0]!.replace("read_parquet('", "read_parquet('../"))).rejects.toThrow();
  });

  it("answers so many rows and says that there are more; numbers beyond 2^53 are exact", async () => {
    const cut = await ask("SELECT i FROM range(100) t(i)", { mostRows: 7 });
    expect([cut.rows.length, cut.rows[6], cut.whole]).toEqual([7, [6], false]);
    expect((await ask("SELECT i FROM range(7) t(i)", { mostRows: 7 })).whole).toBe(true);
    expect((await ask("SELECT 9007199254740993::BIGINT AS a, 2 AS a")).rows).toEqual([[
      9007199254740993n,
      2,
    ]]);
  });

  const ENDLESS =
    "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE a.range % 7 = b.range % 5";

  it("is stopped by who waits, and by the time that is allowed", async () => {
    const stop = new AbortController();
    const heard: unknown[] = [];
    const asked = ask(ENDLESS, {
      signal: stop.signal,
      progress: (share: unknown) => {
        heard.push(share);
        stop.abort(new Error("enough"));
      },
    });
    await expect(asked).rejects.toThrow("enough");
    expect(heard.length).toBeGreaterThan(0);
    await expect(ask(ENDLESS, { mostTime: 50 })).rejects.toThrow(/no answer within 0.05 s/);
  });

  it("knows the library by name, its columns and its parameters", async () => {
    const heard = {};
    const strongest = await tables.ask("@strongest-edges", { limit: "3" }, heard);
    expect(strongest.columns.slice(0, 3)).toEqual(["model", "source_layer", "source_name"]);
    expect(strongest.rows).toHaveLength(3);
    const { rows } = await tables.ask(
      "SELECT $least::DOUBLE AS a, $text AS b",
      { least: "0.5", text: "x" },
      heard,
    );
    expect(rows).toEqual([[0.5, "x"]]);
    expect(tables.library.map(({ name }) => name)).toContain("changed-layers");
    await expect(tables.ask("@hubs", {}, heard)).rejects.toThrow(/parameter model: found none, required/);
    await expect(tables.ask("@strongest-edges", { limit: "x" }, heard)).rejects.toThrow(
      /parameter limit: found "x", required/,
    );
    await expect(tables.ask("@subgraph-edges", {}, heard)).rejects.toThrow(/no form in SQL/);
    await expect(tables.ask("SELECT $a", {}, heard)).rejects.toThrow(
      /parameter a: found none, required a value/,
    );
  });

  it("says what is missing where there are no tables, or not here", async () => {
    expect((await tablesOf(folder, folderLake(folder))).lacks).toMatch(/no _manifest.json/);
    expect((await tablesOf("s3://bucket/lake", folderLake(out))).lacks).toMatch(/svr lake sql/);
  });
});
