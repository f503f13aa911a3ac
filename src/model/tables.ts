/**
 * The tables that a run leaves: one schema each, shared by every sink, and batches of rows stored by column.
 *
 * Column names are snake_case. Tables are Hive-partitioned by model. The model's id is no column here: files have it in their paths,
 * and Parquet files as their last column (`tables/stored-columns.ts`).
 */

import type { ColumnSchema, ColumnType, TableColumn } from "./tables/column.ts";
import { CONNECTION_COLUMNS } from "./tables/connections.ts";
import { EDGE_COLUMNS } from "./tables/edges.ts";
import { LAYER_COLUMNS } from "./tables/layers.ts";
import { MODEL_COLUMNS } from "./tables/models.ts";
import { NEURON_COLUMNS } from "./tables/neurons.ts";
import { SKIPPED_COLUMNS } from "./tables/skipped.ts";

/**
 * Raised whenever a column is added, removed or changes its meaning; written into every file.
 *
 * @example
 * import { SCHEMA_VERSION } from "svrflow";
 *
 * console.log(`required tables of schema version ${SCHEMA_VERSION}`);
 */
export const SCHEMA_VERSION = 7;

export type { ColumnMeaning, ColumnSchema, ColumnType, TableColumn } from "./tables/column.ts";

/** The tables that a run leaves. */
export type TableName = "models" | "layers" | "neurons" | "connections" | "edges" | "skipped";

/**
 * The columns of every table, in order.
 *
 * @example
 * import { TABLES } from "svrflow";
 *
 * for (const { name, type, nullable } of TABLES.edges) console.log(name, type, nullable ? "or null" : "");
 */
export const TABLES: Readonly<Record<TableName, readonly TableColumn[]>> = {
  models: MODEL_COLUMNS,
  layers: LAYER_COLUMNS,
  neurons: NEURON_COLUMNS,
  connections: CONNECTION_COLUMNS,
  edges: EDGE_COLUMNS,
  skipped: SKIPPED_COLUMNS,
};

/** What a row of each table is. */
export const TABLE_ROWS: Readonly<Record<TableName, string>> = {
  models: "the model itself (there is one)",
  layers: "a layer of the model, a skipped one too",
  neurons: "a spectral neuron: a singular triplet of a layer's unfolded weight",
  connections: "a pair of layers of which one feeds the other (of attention heads: one head)",
  edges: "a pair of spectral neurons of connected layers that was kept, with its overlap and its p-value",
  skipped: "a tensor, layer or connection that takes no part, and why",
};

/** Their names, in the order in which they are written. */
export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

/**
 * Values by column type: `utf8` strings, `int32` Int32Array, `int64` BigInt64Array, `float64` Float64Array, `bool`
 * Uint8Array of 0 and 1. Where `valid` is present, 0 marks a null and the value beneath it is meaningless.
 */
export type ColumnData =
  | { readonly type: "utf8"; readonly values: readonly string[]; readonly valid?: Uint8Array }
  | { readonly type: "int32"; readonly values: Int32Array; readonly valid?: Uint8Array }
  | { readonly type: "int64"; readonly values: BigInt64Array; readonly valid?: Uint8Array }
  | { readonly type: "float64"; readonly values: Float64Array; readonly valid?: Uint8Array }
  | { readonly type: "bool"; readonly values: Uint8Array; readonly valid?: Uint8Array };

/** Rows of one table, stored by column: `columns[i]` belongs to `schema[i]` and has `rows` values. */
export interface TableBatch {
  readonly schema: readonly ColumnSchema[];
  readonly rows: number;
  readonly columns: readonly ColumnData[];
}

/** One row, keyed by column name. */
export type Row = Readonly<Record<string, string | number | bigint | boolean | null>>;

/**
 * Gathers rows into a column batch.
 *
 * @throws {TypeError} when a row lacks a column, holds a value of another type, or null in a column that allows none
 */
export function batchOfRows(schema: readonly ColumnSchema[], rows: readonly Row[]): TableBatch {
  return { schema, rows: rows.length, columns: schema.map((column) => columnOfRows(column, rows)) };
}

function columnOfRows(column: ColumnSchema, rows: readonly Row[]): ColumnData {
  const cells = rows.map((row, at) => cell(column, row, at));
  const valid = column.nullable && cells.includes(null)
    ? { valid: Uint8Array.from(cells, (value) => value === null ? 0 : 1) }
    : {};
  switch (column.type) {
    case "utf8":
      return { type: "utf8", values: cells.map((value) => value === null ? "" : String(value)), ...valid };
    case "int32":
      return { type: "int32", values: Int32Array.from(cells, Number), ...valid };
    case "int64":
      return {
        type: "int64",
        values: BigInt64Array.from(cells, (value) => value === null ? 0n : BigInt(value)),
        ...valid,
      };
    case "float64":
      return { type: "float64", values: Float64Array.from(cells, Number), ...valid };
    case "bool":
      return { type: "bool", values: Uint8Array.from(cells, Number), ...valid };
  }
}

const ACCEPTED: Readonly<Record<ColumnType, readonly string[]>> = {
  utf8: ["string"],
  int32: ["number"],
  int64: ["number", "bigint"],
  float64: ["number"],
  bool: ["boolean"],
};

function cell(column: ColumnSchema, row: Row, at: number): string | number | bigint | boolean | null {
  const value = row[column.name];
  if (value === null && column.nullable) return null;
  if (value === undefined || value === null || !ACCEPTED[column.type].includes(typeof value)) {
    throw new TypeError(`row ${at}, column ${column.name}: found ${String(value)}, required ${column.type}`);
  }
  return value;
}

/** The rows of batches of one table, in their order, as one batch in memory of its own; a batch that is alone is returned as it is. */
export function joinedBatches(schema: readonly ColumnSchema[], batches: readonly TableBatch[]): TableBatch {
  const [first] = batches;
  if (first !== undefined && batches.length === 1) return first;
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const columns = schema.map(({ type }, at) => {
    const parts = batches.map((batch) => batch.columns[at]!);
    const valid = parts.some((part) => part.valid !== undefined)
      ? { valid: filled(new Uint8Array(rows), parts.map((part) => part.valid ?? present(part))) }
      : {};
    return {
      type,
      values: joinedValues(type, rows, parts.map(({ values }) => values)),
      ...valid,
    } as ColumnData;
  });
  return { schema, rows, columns };
}

function joinedValues(
  type: ColumnType,
  rows: number,
  parts: readonly ColumnData["values"][],
): ColumnData["values"] {
  switch (type) {
    case "utf8":
      return (parts as readonly (readonly string[])[]).flat();
    case "int32":
      return filled(new Int32Array(rows), parts as readonly Int32Array[]);
    case "int64":
      return filled(new BigInt64Array(rows), parts as readonly BigInt64Array[]);
    case "float64":
      return filled(new Float64Array(rows), parts as readonly Float64Array[]);
    case "bool":
      return filled(new Uint8Array(rows), parts as readonly Uint8Array[]);
  }
}

const present = ({ values }: ColumnData) => new Uint8Array(values.length).fill(1);

/** Fills an array with others, one behind the other; together they are as long. */
export function filled<T extends { set(part: T, at: number): void; readonly length: number }>(
  all: T,
  parts: readonly T[],
): T {
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
