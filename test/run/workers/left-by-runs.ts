/** What runs leave, compared. */

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { openLadybugReader } from "../../../connectors/readers/ladybug-reader.ts";

const tableOf = (root: string, table: string) =>
  `(SELECT * FROM read_parquet('${root}/${table}/**/*.parquet', hive_partitioning = true))`;

/** Rows of a table in one lake that the other lacks, either way; and how many there are. */
export async function difference(a: string, b: string, table: string): Promise<number[]> {
  // A table without rows has no file.
  const [has, had] = [a, b].map((root) => existsSync(join(root, table)));
  if (has !== had) throw new Error(`${table}: found in one of ${a} and ${b} only`);
  if (has === false) return [0, 0, 0];
  const duckdb = await (await DuckDBInstance.create()).connect();
  const [one, other] = [tableOf(a, table), tableOf(b, table)];
  const rows = await duckdb.runAndReadAll(
    `SELECT (SELECT count(*) FROM (FROM ${one} EXCEPT ALL FROM ${other}))::INT AS gone,
      (SELECT count(*) FROM (FROM ${other} EXCEPT ALL FROM ${one}))::INT AS more,
      (SELECT count(*) FROM ${one})::INT AS n`,
  );
  const [found] = rows.getRowObjects() as unknown as { gone: number; more: number; n: number }[];
  return [found!.gone, found!.more, found!.n];
}

/** All nodes and relations of a graph, as text; without ids of runs and the store's own numbers. */
export async function graphOf(out: string): Promise<unknown> {
  const reader = await openLadybugReader(join(out, "graph.lbug"));
  try {
    const nodes = await reader.query(
      "MATCH (n) RETURN label(n), n ORDER BY label(n), n.model, n.id, n.layer, n.neuron",
    );
    const relations = await reader.query("MATCH (a)-[r]->(b) RETURN label(r), a, r, b");
    const plain = (rows: unknown) =>
      (JSON.parse(
        JSON.stringify(rows, (key, value: unknown) =>
          ["run_id", "_id"].includes(key) || key === "_src" || key === "_dst"
            ? undefined
            : typeof value === "bigint"
            ? String(value)
            : value),
      ) as unknown[]).map((row) =>
        JSON.stringify(row)
      ).sort();
    return [plain(nodes.rows), plain(relations.rows)];
  } finally {
    await reader.close();
  }
}

/** A file of an output folder, without what differs from run to run. */
export const textOf = async (out: string, name: string) =>
  (await readFile(join(out, name), "utf8")).replaceAll(/\d{8}T\d{6}Z-[0-9a-f]{8}/g, "run");

/** What only belongs to a worker at work. */
export async function leftBehind(...folders: string[]): Promise<string[]> {
  const names = await Promise.all(folders.map((each) => readdir(each, { recursive: true })));
  return names.flat().filter((name) => /\.worker-|\.lock|\.partial|\.staging|\.probe/.test(name));
}
