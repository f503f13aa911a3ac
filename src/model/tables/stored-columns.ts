/** The columns of Parquet files: those of a table, and behind them the ids of the models that a row is of. */

import { ALL_TABLES, type AnyTableName, COMPARISON_TABLES } from "../comparison-tables.ts";
import { column, type TableColumn } from "./column.ts";
import { fieldId } from "./field-ids.ts";

/** A column of a file. */
export interface StoredColumn extends TableColumn {
  /** By which engines know it; see `field-ids.ts`. */
  readonly fieldId: number;
}

/** The columns that hold one value in all rows of a file: the one that the file's folder names. */
export type PartitionKey = "model" | "base";

const ID = { unit: "none", range: "1 byte to 16 KiB of UTF-8" };

const MODEL = column("model", "utf8", {
  description: "The whole id of the model that the row is of; of a comparison, the other model's",
  ...ID,
  formula: "id of models",
});

const BASE = column("base", "utf8", {
  description: "The whole id of the model that is compared with",
  ...ID,
  formula: "base_id of kinship",
});

/** By what a table is partitioned. */
export function partitionKeys(table: AnyTableName): readonly PartitionKey[] {
  return table in COMPARISON_TABLES ? ["model", "base"] : ["model"];
}

/** The columns of a table's Parquet files, in order. Its partition keys come last; new columns of the table come before them. */
export function storedColumns(table: AnyTableName): readonly StoredColumn[] {
  const keys = partitionKeys(table).map((key) => key === "model" ? MODEL : BASE);
  return [...ALL_TABLES[table], ...keys].map((each) => ({ ...each, fieldId: fieldId(table, each.name) }));
}
