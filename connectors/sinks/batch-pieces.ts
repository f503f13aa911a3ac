/** Batches cut into pieces: a connection may have millions of edges, and what copies or encodes them shall not hold all of them again. */

import type { ColumnData, TableBatch } from "../../src/model/tables.ts";

/** Rows of a piece: some 5 MB of edges. */
const MOST_ROWS = 64 * 1024;

/** Rows `from` to `to`, in memory of their own. */
export function copiedRows({ schema, columns }: TableBatch, from: number, to: number): TableBatch {
  const cut = columns.map((column) =>
    ({
      ...column,
      values: column.values.slice(from, to),
      ...(column.valid === undefined ? {} : { valid: column.valid.slice(from, to) }),
    }) as ColumnData
  );
  return { schema, rows: to - from, columns: cut };
}

/** All rows in their order, in pieces with memory of their own. @param most rows of each */
export function* piecesOf(batch: TableBatch, most = MOST_ROWS): Generator<TableBatch> {
  for (let from = 0; from < batch.rows; from += most) {
    yield copiedRows(batch, from, Math.min(batch.rows, from + most));
  }
}
