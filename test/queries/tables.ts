/** The tables of a run in DuckDB, and what each query of the library must answer, said in SQL. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { COMPARISON_TABLE_NAMES, COMPARISON_TABLES } from "../../src/model/comparison-tables.ts";
import { EDGE_ORDER, KEPT, SQL_FORMS } from "../../src/query/sql/sql-forms.ts";
import type { RunReport } from "../../src/run.ts";

export type Parameters = Readonly<Record<string, string | number | boolean>>;

/** The forms in SQL, and what names that only a graph has (a run, a folder) need beside them. */
export const SQL: Readonly<Record<string, string>> = {
  ...SQL_FORMS,
  "models": `SELECT m.model, m.format, m.uri, m.run_id, m.series, m.step,
      (SELECT count(*) FROM layers l WHERE l.model = m.model), (SELECT count(*) FROM neurons n WHERE n.model = m.model),
      (SELECT count(*) FROM connections c WHERE c.model = m.model),
      (SELECT sum(significant) FROM connections c WHERE c.model = m.model)
    FROM models m ORDER BY m.model`,
  "subgraph-edges":
    `WITH ${KEPT} SELECT concat_ws('/', folder, source_layer, source_neuron), concat_ws('/', folder, target_layer, target_neuron),
      'Directed', weight, source_layer, source_name, source_neuron, target_layer, target_name, target_neuron, part, overlap, cosine, log_p, log_q, q_value, sigma, significant
    FROM kept WHERE model = $model AND least(source_layer, target_layer) >= $first AND greatest(source_layer, target_layer) <= $last
      AND overlap >= $least AND (significant OR NOT $significant)
    ORDER BY ${EDGE_ORDER} LIMIT $limit`,
  "subgraph-neurons":
    `SELECT concat_ws('/', n.folder, layer_index, neuron), layer_index, l.name, neuron, singular_value, relative, energy,
      intensity, near_kernel, "null", "cluster"
    FROM neurons n JOIN layers l USING (model, layer_index)
    WHERE model = $model AND layer_index BETWEEN $first AND $last ORDER BY layer_index, neuron LIMIT $limit`,
};

const TYPES = {
  utf8: "VARCHAR",
  int32: "INTEGER",
  int64: "BIGINT",
  float64: "DOUBLE",
  bool: "BOOLEAN",
} as const;

/** Asks the tables of the run in `out`. Integers are numbers, lists are arrays. */
export async function openTables(
  out: string,
): Promise<(sql: string, parameters: Parameters) => Promise<unknown[][]>> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  for (const table of ["models", "layers", "neurons", "connections", "edges"]) {
    const files =
      `read_parquet('${join(out, table, "*", "*.parquet").replaceAll("'", "''")}', filename = true, ` +
      "hive_partitioning = true, hive_types = {'model': VARCHAR})";
    await duckdb.run(
      `CREATE TABLE ${table} AS SELECT *, regexp_extract(filename, 'model=([^/]+)', 1) AS folder FROM ${files}`,
    );
  }
  for (const table of COMPARISON_TABLE_NAMES) {
    const types = COMPARISON_TABLES[table].map(({ name, type }) => `${name} ${TYPES[type]}`).join(", ");
    await duckdb.run(`CREATE TABLE ${table} (${types}, base VARCHAR, model VARCHAR)`);
    // A run that compared nothing has no such files.
    if (!existsSync(join(out, table))) continue;
    const files = `read_parquet('${join(out, table, "*", "*", "*.parquet").replaceAll("'", "''")}', ` +
      "hive_partitioning = true, hive_types = {'model': VARCHAR, 'base': VARCHAR})";
    await duckdb.run(`INSERT INTO ${table} BY NAME SELECT * FROM ${files}`);
  }
  const { run_id } = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
  await duckdb.run("ALTER TABLE models ADD COLUMN run_id VARCHAR");
  await duckdb.run("UPDATE models SET run_id = $1", [run_id]);
  return async (sql, parameters) => {
    const used = Object.fromEntries(
      Object.entries(parameters).filter(([name]) => new RegExp(`\\$${name}\\b`).test(sql)),
    );
    return (await duckdb.runAndReadAll(sql, used)).getRowsJS().map((row) => row.map(plain));
  };
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "bigint" ? Number(value) : value;
}
