/**
 * Tables on their way into a file: batches of any size are gathered into groups of up to 131072 rows, because both
 * Parquet and Arrow readers pay per group.
 */

import type { ColumnData, ColumnSchema, TableBatch } from "../../src/model/tables.ts";
import type { OutputFile } from "./staging.ts";

/** Rows of one row group: a few MB of edges, large enough to compress and to prune by. */
export const GROUP_ROWS = 131_072;

/** A file format, while one of its files is being written. Each call must be awaited before the next. */
export interface GroupWriter {
  /** Writes at least one row. */
  write(group: TableBatch): Promise<void>;
  /** Writes whatever follows the last group; the output stays open. */
  finish(): Promise<void>;
}

/** Starts a file: writes its head, and knows its key-value metadata. */
export type StartFile = (
  output: OutputFile,
  schema: readonly ColumnSchema[],
  metadata: ReadonlyMap<string, string>,
) => Promise<GroupWriter>;

/** Gathers the batches of one table and hands them on by the group. */
export class TableWriter {
  readonly #output: OutputFile;
  readonly #groups: GroupWriter;
  readonly #schema: readonly ColumnSchema[];
  #gathered: TableBatch[] = [];
  #waiting = 0;
  #rows = 0;

  constructor(output: OutputFile, groups: GroupWriter, schema: readonly ColumnSchema[]) {
    this.#output = output;
    this.#groups = groups;
    this.#schema = schema;
  }

  /** Rows taken so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Takes a copy of the batch, so the caller may reuse its arrays. */
  async write(batch: TableBatch): Promise<void> {
    for (let start = 0; start < batch.rows;) {
      const end = Math.min(batch.rows, start + GROUP_ROWS - this.#waiting);
      this.#gathered.push(slice(batch, start, end));
      this.#waiting += end - start;
      this.#rows += end - start;
      start = end;
      if (this.#waiting === GROUP_ROWS) await this.#flush();
    }
  }

  /** Ends the file. @returns its rows and bytes */
  async close(): Promise<{ rows: number; bytes: number }> {
    if (this.#waiting > 0) await this.#flush();
    await this.#groups.finish();
    return { rows: this.#rows, bytes: await this.#output.close() };
  }

  /** Lets go of the file; whoever owns the folder removes it. */
  async abort(): Promise<void> {
    this.#gathered = [];
    await this.#output.abort();
  }

  async #flush(): Promise<void> {
    const group = join(this.#schema, this.#gathered, this.#waiting);
    this.#gathered = [];
    this.#waiting = 0;
    await this.#groups.write(group);
  }
}

function slice(batch: TableBatch, start: number, end: number): TableBatch {
  const columns = batch.columns.map((column) => sliceColumn(column, start, end));
  return { schema: batch.schema, rows: end - start, columns };
}

function sliceColumn(column: ColumnData, start: number, end: number): ColumnData {
  const valid = column.valid === undefined ? {} : { valid: column.valid.slice(start, end) };
  switch (column.type) {
    case "utf8":
      return { type: "utf8", values: column.values.slice(start, end), ...valid };
    case "int32":
      return { type: "int32", values: column.values.slice(start, end), ...valid };
    case "int64":
      return { type: "int64", values: column.values.slice(start, end), ...valid };
    case "float64":
      return { type: "float64", values: column.values.slice(start, end), ...valid };
    case "bool":
      return { type: "bool", values: column.values.slice(start, end), ...valid };
  }
}

function join(schema: readonly ColumnSchema[], parts: readonly TableBatch[], rows: number): TableBatch {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const columns = schema.map((column, at) =>
    joinColumns(column, parts.flatMap((part) => part.columns[at] ?? []), rows)
  );
  return { schema, rows, columns };
}

function joinColumns(schema: ColumnSchema, parts: readonly ColumnData[], rows: number): ColumnData {
  const valid = parts.some((part) => part.valid !== undefined) ? { valid: joinValid(parts, rows) } : {};
  switch (schema.type) {
    case "utf8": {
      const values: string[] = [];
      for (const part of parts) {
        if (part.type === "utf8") { for (const value of part.values) values.push(value); }
      }
      return { type: "utf8", values, ...valid };
    }
    case "int32": {
      const values = new Int32Array(rows);
      let at = 0;
      for (const part of parts) if (part.type === "int32") at = put(values, part.values, at);
      return { type: "int32", values, ...valid };
    }
    case "int64": {
      const values = new BigInt64Array(rows);
      let at = 0;
      for (const part of parts) {
        if (part.type !== "int64") continue;
        values.set(part.values, at);
        at += part.values.length;
      }
      return { type: "int64", values, ...valid };
    }
    case "float64": {
      const values = new Float64Array(rows);
      let at = 0;
      for (const part of parts) if (part.type === "float64") at = put(values, part.values, at);
      return { type: "float64", values, ...valid };
    }
    case "bool": {
      const values = new Uint8Array(rows);
      let at = 0;
      for (const part of parts) if (part.type === "bool") at = put(values, part.values, at);
      return { type: "bool", values, ...valid };
    }
  }
}

function joinValid(parts: readonly ColumnData[], rows: number): Uint8Array {
  const valid = new Uint8Array(rows).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.valid !== undefined) valid.set(part.valid, at);
    at += part.values.length;
  }
  return valid;
}

/** Copies `values` to `target[at...]`. @returns the index behind them */
function put(
  target: Int32Array | Float64Array | Uint8Array,
  values: Int32Array | Float64Array | Uint8Array,
  at: number,
): number {
  target.set(values, at);
  return at + values.length;
}
