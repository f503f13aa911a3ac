import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { parquetReadObjects } from "hyparquet";
import { expect } from "vitest";
import { encodeModelId } from "../../../connectors/sinks/staging.ts";
import {
  COMPARISON_TABLE_NAMES,
  COMPARISON_TABLES,
  type ComparisonTableName,
} from "../../../src/model/comparison-tables.ts";
import { type Row, TABLE_NAMES, type TableName, TABLES } from "../../../src/model/tables.ts";
import type { ReadComparison } from "./comparison-contract.ts";
import type { ReadBack } from "./contract.ts";

const database = await DuckDBInstance.create();
const duckdb = await database.connect();

/** Reads a lake in a folder. By DuckDB through the Hive glob, as a user would; hyparquet must say the same of the file itself. */
export const readParquet: ReadBack = async (out, model) => {
  const found: Partial<Record<TableName, readonly Row[]>> = {};
  if ((await readdir(out)).length === 0) return found;
  for (const table of TABLE_NAMES) {
    const names = TABLES[table].map((column) => `"${column.name}"`).join(", ");
    const glob = join(out, table, "*", "*.parquet");
    // A table without rows leaves no file, and a pattern without a file is an error to DuckDB.
    if (!await hasFiles(glob)) {
      found[table] = [];
      continue;
    }
    const partition = encodeModelId(model).includes("~") ? await partitionOf(glob, model) : model;
    const answer = await duckdb.runAndReadAll(
      `SELECT ${names}, filename AS file FROM read_parquet($glob, hive_partitioning = true, ` +
        "hive_types = {'model': VARCHAR}, filename = true) WHERE model = $partition",
      { glob, partition },
    );
    const rows = answer.getRowObjects().map(({ file, ...row }) => ({ file: String(file), row: row as Row }));
    found[table] = rows.map(({ row }) => row);
    const files = new Set(rows.map(({ file }) => file));
    expect(files.size).toBeLessThanOrEqual(1);
    for (const file of files) {
      const ids = { model };
      expect(await byHyparquet(file)).toEqual(found[table].map((row) => ({ ...row, ...ids })));
    }
  }
  return found;
};

/** Reads a comparison of a lake in a folder, by DuckDB through the Hive glob. */
export const readParquetComparison: ReadComparison = async (out, base, other) => {
  const found: Partial<Record<ComparisonTableName, readonly Row[]>> = {};
  for (const table of COMPARISON_TABLE_NAMES) {
    const names = COMPARISON_TABLES[table].map((column) => `"${column.name}"`).join(", ");
    const glob = join(out, table, "*", "*", "*.parquet");
    if (!await hasFiles(glob)) {
      found[table] = [];
      continue;
    }
    const answer = await duckdb.runAndReadAll(
      `SELECT ${names} FROM read_parquet($glob, hive_partitioning = true, ` +
        "hive_types = {'model': VARCHAR, 'base': VARCHAR}) WHERE model = $other AND base = $base",
      { glob, base, other },
    );
    found[table] = answer.getRowObjects() as readonly Row[];
  }
  return found;
};

async function hasFiles(glob: string): Promise<boolean> {
  return (await duckdb.runAndReadAll("SELECT 1 FROM glob($glob)", { glob })).currentRowCount > 0;
}

/** The partition of a model whose id was cut: a file's metadata says whose it is. */
async function partitionOf(glob: string, model: string): Promise<string> {
  const answer = await duckdb.runAndReadAll(
    "SELECT file_name FROM parquet_kv_metadata($glob) WHERE decode(key) = 'svrflow.model' AND decode(value) = $model",
    { glob, model },
  );
  const folders = answer.getRows().map(([file]) => basename(dirname(String(file))));
  return decodeURIComponent(folders[0] ?? "").slice("model=".length);
}

async function byHyparquet(file: string): Promise<Record<string, unknown>[]> {
  const bytes = await readFile(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return await parquetReadObjects({ file: buffer });
}
