import { Buffer } from "node:buffer";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { type Schema, tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createArrow } from "../../../../connectors/sinks/tables/arrow-writer.ts";
import { createParquet } from "../../../../connectors/sinks/tables/parquet-writer.ts";
import { batchOfRows, type ColumnSchema, TABLES } from "../../../../src/model/tables.ts";
import { ALL_TABLES } from "../../../../src/model/comparison-tables.ts";
import { comparisonFixture } from "../../../contract/sink/comparison-fixture.ts";
import { fixture } from "../../../contract/sink/fixture.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-columns-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the definitions say of each column, by the keys that files use. */
function defined(columns: readonly ColumnSchema[]) {
  return columns.map(({ name, nullable, meaning }) => {
    const { description, unit, range, formula, whenNull } = meaning!;
    return { name, nullable, said: { description, unit, range, formula, null: whenNull } };
  });
}

const fieldsOf = ({ fields }: Schema) =>
  fields.map(({ name, nullable, metadata }) => ({ name, nullable, said: Object.fromEntries(metadata) }));

/** The key-value metadata of a Parquet file, as DuckDB shows it. */
async function keyValues(path: string): Promise<ReadonlyMap<string, string>> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  const answer = await duckdb.runAndReadAll(
    "SELECT decode(key), decode(value) FROM parquet_kv_metadata($path)",
    { path },
  );
  return new Map(answer.getRows().map(([key, value]) => [String(key), String(value)]));
}

const ROWS = new Map(Object.entries({ ...fixture(1), ...comparisonFixture("a", "b", 1) }));

describe.each(Object.entries(ALL_TABLES))("files of %s say what their columns mean", (table, columns) => {
  const batch = batchOfRows(columns, ROWS.get(table)!);

  it("as Parquet: in plain metadata, which DuckDB shows, and in the schema that Arrow's readers take", async () => {
    const path = join(folder, `${table}.parquet`);
    const file = await createParquet(path, columns, { "svrflow.table": table });
    await file.write(batch);
    await file.close();
    const pairs = await keyValues(path);
    expect(pairs.get("svrflow.table")).toBe(table);
    expect(JSON.parse(pairs.get("svrflow.columns") ?? "")).toEqual(
      Object.fromEntries(defined(columns).map(({ name, said }) => [name, said])),
    );
    const message = Buffer.from(pairs.get("ARROW:schema") ?? "", "base64");
    // Nothing follows the one message.
    expect(message.length).toBe(8 + message.readUInt32LE(4));
    const arrow = tableFromIPC(message).schema;
    expect(fieldsOf(arrow)).toEqual(defined(columns));
    expect(arrow.fields.map(({ type }) => String(type).toLowerCase())).toEqual(
      columns.map(({ type }) => type),
    );
  });

  it("as Arrow: in the metadata of fields", async () => {
    const path = join(folder, `${table}.arrow`);
    const file = await createArrow(path, columns, { "svrflow.table": table });
    await file.write(batch);
    await file.close();
    const { schema, numRows } = tableFromIPC(await readFile(path));
    expect(fieldsOf(schema)).toEqual(defined(columns));
    expect(schema.metadata.get("svrflow.table")).toBe(table);
    expect(numRows).toBe(batch.rows);
  });
});

it("files of columns without a meaning say nothing of it", async () => {
  const path = join(folder, "plain.parquet");
  const columns = TABLES.edges.map(({ name, type, nullable }) => ({ name, type, nullable }));
  await (await createParquet(path, columns, {})).close();
  expect([...(await keyValues(path)).keys()]).toEqual([]);
});
