/**
 * The tables that a run leaves: one schema each, shared by every sink, and batches of rows stored by column.
 *
 * Column names are snake_case. Tables are Hive-partitioned by model, so the model id is in the path and not a column.
 */

/** Raised whenever a column is added, removed or changes its meaning; written into every file. */
export const SCHEMA_VERSION = 4;

/** What a column holds; `bool` and numbers as in Arrow, `utf8` is text. */
export type ColumnType = "utf8" | "int32" | "int64" | "float64" | "bool";

/** One column of a table. */
export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

/** The tables that a run leaves. */
export type TableName = "models" | "layers" | "neurons" | "connections" | "edges" | "skipped";

const required = (name: string, type: ColumnType): ColumnSchema => ({ name, type, nullable: false });
const nullable = (name: string, type: ColumnType): ColumnSchema => ({ name, type, nullable: true });

/** The columns of every table, in order. */
export const TABLES: Readonly<Record<TableName, readonly ColumnSchema[]>> = {
  // One row: the model's own.
  models: [
    // The whole id, which a path may hold cut.
    required("id", "utf8"),
    required("uri", "utf8"),
    required("format", "utf8"),
    // What it is a checkpoint of, and the epoch or step; null where no rule or entry says so.
    nullable("series", "utf8"),
    nullable("step", "float64"),
    required("key", "utf8"),
    required("layers", "int32"),
    required("neurons", "int64"),
    required("connections", "int64"),
    required("edges", "int64"),
    required("skipped", "int64"),
  ],
  layers: [
    required("layer_index", "int32"),
    required("name", "utf8"),
    required("kind", "utf8"),
    required("out_channels", "int32"),
    required("in_channels", "int32"),
    required("positions", "int32"),
    required("groups", "int32"),
    // Null where the layer was skipped: it has no spectrum, the skipped table says why.
    nullable("rank", "int32"),
    nullable("frobenius_norm", "float64"),
    nullable("spectral_norm", "float64"),
    nullable("stable_rank", "float64"),
    nullable("near_kernels", "int32"),
    // Neurons without a direction: all of a layer of zeros.
    nullable("null_neurons", "int32"),
    required("batch_norm", "utf8"),
    required("norm_gain", "utf8"),
    required("dtype", "utf8"),
  ],
  neurons: [
    required("layer_index", "int32"),
    required("neuron", "int32"),
    required("group", "int32"),
    required("singular_value", "float64"),
    // s_j / s_1, in [0, 1]; 0 where s_1 is 0.
    required("relative", "float64"),
    // s_j^2 / sum of squares, in [0, 1]; 0 for a zero layer.
    required("energy", "float64"),
    required("intensity", "float64"),
    required("near_kernel", "bool"),
    // The singular value is rounding: no end of an edge.
    required("null", "bool"),
    // The singular value is that of others too: the vector is a choice within their subspace.
    required("cluster", "bool"),
  ],
  connections: [
    required("source_layer", "int32"),
    required("target_layer", "int32"),
    // The number of an attention head, else 0: tells connections between the same two layers apart.
    required("part", "int32"),
    required("via", "utf8"),
    required("evidence", "utf8"),
    required("shared_channels", "int32"),
    required("tested_channels", "int32"),
    required("positions", "int32"),
    // ln p of "these two layers share no channels"; null where that cannot be tested.
    nullable("shared_log_p", "float64"),
    required("tests", "int64"),
    nullable("threshold", "float64"),
    required("significant", "int64"),
    required("expected_by_chance", "float64"),
    required("nominal", "int64"),
    required("max_overlap", "float64"),
    required("entropy", "float64"),
    // Sum of all overlaps.
    required("total_overlap", "float64"),
    required("internal_target", "int32"),
    required("internal_source", "int32"),
    // The block between near-kernels of both sides: null where it is empty; log p, of both tails, where it has a null distribution.
    nullable("near_kernel_energy", "float64"),
    nullable("near_kernel_expected", "float64"),
    nullable("near_kernel_log_p", "float64"),
    nullable("near_kernel_log_p_low", "float64"),
    required("near_kernel_tests", "int64"),
    required("near_kernel_significant", "int64"),
    required("near_kernel_significant_expected", "float64"),
    required("near_kernel_nominal", "int64"),
    // The block's share of all overlap, in [0, 1]; null where there is no overlap.
    nullable("sparsification", "float64"),
    nullable("sparsification_expected", "float64"),
  ],
  edges: [
    required("source_layer", "int32"),
    required("source_neuron", "int32"),
    required("target_layer", "int32"),
    required("target_neuron", "int32"),
    required("part", "int32"),
    required("overlap", "float64"),
    nullable("cosine", "float64"),
    required("log_p", "float64"),
    // ln of the adjusted p-value, which itself underflows to 0 below 1e-308.
    required("log_q", "float64"),
    required("q_value", "float64"),
    required("sigma", "float64"),
    required("weight", "float64"),
    required("significant", "bool"),
  ],
  skipped: [
    required("subject", "utf8"),
    required("name", "utf8"),
    required("reason", "utf8"),
  ],
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
