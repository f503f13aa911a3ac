import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { parquetReadObjects } from "hyparquet";
import { expect } from "vitest";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import { type Row, TABLE_NAMES, type TableName, TABLES } from "../../../src/model/tables.ts";
import { isPartition, type ReadBack, sinkContract } from "./contract.ts";

const database = await DuckDBInstance.create();
const duckdb = await database.connect();

/** By DuckDB through the Hive glob, as a user would; hyparquet must say the same of the file itself. */
const readBack: ReadBack = async (out, model) => {
  const found: Partial<Record<TableName, readonly Row[]>> = {};
  if ((await readdir(out)).length === 0) return found;
  for (const table of TABLE_NAMES) {
    const names = TABLES[table].map((column) => `"${column.name}"`).join(", ");
    const folders = existsSync(join(out, table)) ? await readdir(join(out, table)) : [];
    const folder = folders.find((name) => isPartition(name, model));
    if (folder === undefined) continue;
    const answer = await duckdb.runAndReadAll(
      `SELECT ${names}, filename AS file FROM read_parquet($glob, hive_partitioning = true, ` +
        "hive_types = {'model': VARCHAR}, filename = true) WHERE model = $partition",
      {
        glob: join(out, table, "*", "*.parquet"),
        partition: decodeURIComponent(folder.slice("model=".length)),
      },
    );
    const rows = answer.getRowObjects().map(({ file, ...row }) => ({ file: String(file), row: row as Row }));
    found[table] = rows.map(({ row }) => row);
    const files = new Set(rows.map(({ file }) => file));
    expect(files.size).toBeLessThanOrEqual(1);
    for (const file of files) expect(await byHyparquet(file)).toEqual(found[table]);
  }
  return found;
};

async function byHyparquet(file: string): Promise<Record<string, unknown>[]> {
  const bytes = await readFile(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return await parquetReadObjects({ file: buffer });
}

sinkContract("parquet", await SINKS.parquet(), readBack, {
  tables: TABLE_NAMES,
  files: "one per model and table",
  nan: "kept",
  many: 300_000,
});
