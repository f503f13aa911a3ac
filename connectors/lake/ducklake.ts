/** The files of a lake as SQL that registers them in a DuckLake. */

import { type AnyTableName, COMPARISON_TABLE_NAMES } from "../../src/model/comparison-tables.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import { storedColumns } from "../../src/model/tables/stored-columns.ts";
import type { Manifest } from "./manifest.ts";
import { bucketSettings, pattern, SQL_TYPES, text, type ViewSettings } from "./sql.ts";
import { filesOfTable } from "./table-formats/table-files.ts";

/**
 * Statements for DuckDB that make a DuckLake of the files that the manifest names now. Nothing is copied. They fail as a whole where the
 * tables are there already: files that were added twice would give their rows twice.
 *
 * @throws {RangeError} when a newer version of the program has written some of the files
 */
export function duckLakeStatements(manifest: Manifest, settings: ViewSettings): string {
  const { root } = settings;
  const old = new Set<string>();
  const table = (name: AnyTableName) => {
    const found = filesOfTable(manifest, name);
    for (const id of found.old) old.add(id);
    const columns = storedColumns(name).map((column) => `"${column.name}" ${SQL_TYPES[column.type]}`);
    return [
      `CREATE TABLE svr.${name} (${columns.join(", ")});`,
      ...found.files.map(({ path }) =>
        // The id is a column: the folder's name may be cut.
        `CALL ducklake_add_data_files('svr', '${name}', ${
          text(pattern(`${root}/${path}`))
        }, hive_partitioning => false);`
      ),
    ].join("\n");
  };
  const tables = [
    ...TABLE_NAMES.map(table),
    ...manifest.comparisons.length === 0 ? [] : COMPARISON_TABLE_NAMES.map(table),
  ];
  const left = [...old].map((id) =>
    `-- Left out: ${id.replaceAll(/\s/g, " ")}. Its files have no ids of columns; run the model again.`
  );
  return `${
    [...bucketSettings(settings), INTRODUCTION, ...left, ATTACH, ...tables, "COMMIT;", EXAMPLE].join("\n\n")
  }\n`;
}

const INTRODUCTION =
  `-- Once for each DuckLake. Its catalog is svr.ducklake in the folder where DuckDB runs; what it writes itself goes beside it,
-- to svr.ducklake.files, and never into the lake. The files of the lake stay where they are, under absolute paths: a lake that
-- has moved or changed is registered anew, in a new catalog.
-- DuckLake takes the files for its own. After DROP or DELETE its clean-up (ducklake_cleanup_old_files, ducklake_delete_orphaned_files,
-- CHECKPOINT) deletes them from the lake: do not call it here.`;

const ATTACH = `ATTACH 'ducklake:svr.ducklake' AS svr (DATA_PATH 'svr.ducklake.files/');
BEGIN;`;

const EXAMPLE = `-- For instance:
--   SELECT model, count(*) FROM svr.edges GROUP BY ALL;`;
