/** Rows as bytes and back, column after column: what is spooled is read once, by the process that wrote it. */

import type { ColumnData, ColumnSchema, ColumnType, TableBatch } from "../../../src/model/tables.ts";

const WIDTHS: Readonly<Record<Exclude<ColumnType, "utf8">, number>> = {
  int32: 4,
  int64: 8,
  float64: 8,
  bool: 1,
};

type Numbers = Exclude<ColumnData, { readonly type: "utf8" }>;

/** @throws {TypeError} for a column of text, which has no fixed width */
function widthOf({ name, type }: Pick<ColumnSchema, "name" | "type">): number {
  if (type === "utf8") throw new TypeError(`spooling column ${name}: found text, required numbers`);
  return WIDTHS[type];
}

/** Bytes of a row: its values, and a mark of validity per nullable column. */
export function rowBytes(schema: readonly ColumnSchema[]): number {
  return schema.reduce((sum, column) => sum + widthOf(column) + (column.nullable ? 1 : 0), 0);
}

/** Rows `from` to `to` of a batch, picked in `order` where there is one. */
export function encodeRows(
  batch: TableBatch,
  order: Uint32Array | null,
  from: number,
  to: number,
): Uint8Array {
  const rows = to - from;
  // In memory of its own, so that arrays can lie in it.
  const bytes = new Uint8Array(rows * rowBytes(batch.schema));
  let at = 0;
  batch.schema.forEach((column, index) => {
    const data = batch.columns[index] as Numbers;
    const piece = picked(data.values, order, from, to);
    bytes.set(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength), at);
    at += rows * widthOf(column);
    if (!column.nullable) return;
    const valid = data.valid === undefined
      ? new Uint8Array(rows).fill(1)
      : picked(data.valid, order, from, to);
    bytes.set(valid, at);
    at += rows;
  });
  return bytes;
}

function picked<T extends Numbers["values"]>(
  values: T,
  order: Uint32Array | null,
  from: number,
  to: number,
): T {
  if (order === null) return values.subarray(from, to) as T;
  const found = values.slice(from, to) as T;
  for (let i = from; i < to; i++) found[i - from] = values[order[i]!]!;
  return found;
}

/** What `encodeRows` was given. Columns that allow null have their marks, even if all are 1. */
export function decodeRows(
  schema: readonly ColumnSchema[],
  bytes: Uint8Array,
  rows: number,
): readonly Numbers[] {
  let at = 0;
  const take = (length: number) => {
    const piece = bytes.slice(at, at + length);
    at += length;
    return piece;
  };
  return schema.map((column) => {
    const values = take(rows * widthOf(column));
    const valid = column.nullable ? { valid: take(rows) } : {};
    switch (column.type) {
      case "int32":
        return { type: "int32", values: new Int32Array(values.buffer), ...valid };
      case "int64":
        return { type: "int64", values: new BigInt64Array(values.buffer), ...valid };
      case "float64":
        return { type: "float64", values: new Float64Array(values.buffer), ...valid };
      default:
        return { type: "bool", values, ...valid };
    }
  });
}

/** Rows of many pieces, put together until there are enough for a batch. */
export class BatchBuilder {
  rows = 0;
  readonly #schema: readonly ColumnSchema[];
  readonly #columns: readonly Numbers[];

  constructor(schema: readonly ColumnSchema[], capacity: number) {
    this.#schema = schema;
    this.#columns = decodeRows(schema, new Uint8Array(capacity * rowBytes(schema)), capacity);
  }

  /** Appends rows `from` to `to` of decoded columns; they must fit. */
  append(columns: readonly Numbers[], from: number, to: number): void {
    columns.forEach(({ values, valid }, at) => {
      const { values: into, valid: marks } = this.#columns[at]!;
      const piece = values.subarray(from, to);
      // Both have the column's type.
      (into as { set(piece: ArrayLike<unknown>, at: number): void }).set(piece, this.rows);
      if (valid !== undefined) marks?.set(valid.subarray(from, to), this.rows);
    });
    this.rows += to - from;
  }

  /** The rows so far as a batch of their own; the builder is empty then. */
  take(): TableBatch {
    const rows = this.rows;
    this.rows = 0;
    const columns = this.#columns.map(({ valid, ...column }) => {
      const values = column.values.slice(0, rows);
      const marks = valid?.slice(0, rows);
      return { ...column, values, ...marks?.includes(0) === true ? { valid: marks } : {} } as ColumnData;
    });
    return { schema: this.#schema, rows, columns };
  }
}
