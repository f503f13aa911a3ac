/** Compares what two runs left, row for row, with DuckDB. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** Rows of each table in one run, and how many of them the other lacks, in both directions. */
export async function difference(
  one: string,
  other: string,
): Promise<Record<string, readonly [rows: number, lacking: number, additional: number]>> {
  const instance = await DuckDBInstance.create();
  const duckdb = await instance.connect();
  const found: Record<string, readonly [number, number, number]> = {};
  for (const table of ["layers", "neurons", "connections", "edges", "skipped"]) {
    const models = await readdir(join(one, table)).catch(() => []);
    if (models.length === 0) continue;
    const rows = (out: string) =>
      `SELECT * FROM read_parquet('${join(out, table, "*", "*.parquet")}', hive_partitioning = true)`;
    const count = async (query: string) => {
      const answer = await duckdb.runAndReadAll(`SELECT count(*) FROM (${query})`);
      return Number(answer.getRows()[0]?.[0]);
    };
    found[table] = [
      await count(rows(one)),
      await count(`${rows(one)} EXCEPT ALL ${rows(other)}`),
      await count(`${rows(other)} EXCEPT ALL ${rows(one)}`),
    ];
  }
  duckdb.closeSync();
  instance.closeSync();
  return found;
}
