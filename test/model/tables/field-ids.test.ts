import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createParquet } from "../../../connectors/sinks/tables/parquet-writer.ts";
import { ALL_TABLES, type AnyTableName } from "../../../src/model/comparison-tables.ts";
import { batchOfRows } from "../../../src/model/tables.ts";
import { fieldId } from "../../../src/model/tables/field-ids.ts";
import { partitionKeys, storedColumns } from "../../../src/model/tables/stored-columns.ts";
import { fixture } from "../../contract/sink/fixture.ts";
import written from "./field-ids.json" with { type: "json" };

const TABLES = Object.keys(ALL_TABLES) as AnyTableName[];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "field-ids-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Names by ids, as files have them that were written before: an entry here is never changed and never taken out. */
const named = (table: AnyTableName) => written[table] as Readonly<Record<string, string>>;

describe("the ids of columns in files", () => {
  it.each(TABLES)("never change and are never used again: %s", (table) => {
    for (const [id, name] of Object.entries(named(table))) {
      expect(fieldId(table, name), name).toBe(Number(id));
    }
    const known = Object.values(named(table));
    expect(new Set(known).size).toBe(known.length);
    // A new column is written down in field-ids.json too, behind all others.
    for (const { name, fieldId: id } of storedColumns(table)) expect(named(table)[id], name).toBe(name);
  });

  it.each(TABLES)("are those of the keys last: %s", (table) => {
    const keys = partitionKeys(table);
    expect(storedColumns(table).slice(-keys.length).map(({ name }) => name)).toEqual(keys);
  });

  it("stand in the schema of Parquet files, and the model's id stands in every row", async () => {
    const path = join(folder, "edges.parquet");
    const columns = storedColumns("edges");
    const file = await createParquet(path, columns, {}, { constants: { model: "a/b" }, rowGroup: 2 });
    const rows = fixture(1).edges;
    await file.write(batchOfRows(ALL_TABLES.edges, rows));
    await file.close();
    const duckdb = await (await DuckDBInstance.create()).connect();
    const schema = await duckdb.runAndReadAll(
      `SELECT name, field_id FROM parquet_schema('${path}') WHERE field_id IS NOT NULL`,
    );
    expect(schema.getRows().map(([name, id]) => [name, Number(id)])).toEqual(
      columns.map(({ name, fieldId: id }) => [name, id]),
    );
    const models = await duckdb.runAndReadAll(`SELECT model, count(*)::INT FROM '${path}' GROUP BY model`);
    expect(models.getRows()).toEqual([["a/b", rows.length]]);
    const bounds = await duckdb.runAndReadAll(
      `SELECT DISTINCT stats_min_value, stats_max_value FROM parquet_metadata('${path}') WHERE path_in_schema = 'model'`,
    );
    expect(bounds.getRows()).toEqual([["a/b", "a/b"]]);
  });
});
