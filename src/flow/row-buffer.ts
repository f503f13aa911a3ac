/** Rows of many small batches, handed on together: a connection has a few edges or millions, and every batch has its price in every sink. */

import { type ColumnSchema, joinedBatches, type TableBatch } from "../model/tables.ts";

/** Rows after which they are handed on: a megabyte of edges. */
const ENOUGH = 16 * 1024;

/** Gathers the rows of one table, in their order. */
export class RowBuffer {
  readonly #schema: readonly ColumnSchema[];
  #batches: TableBatch[] = [];
  #rows = 0;

  constructor(schema: readonly ColumnSchema[]) {
    this.#schema = schema;
  }

  /** @returns what is to be written now; null as long as there is little */
  add(batch: TableBatch): TableBatch | null {
    this.#batches.push(batch);
    this.#rows += batch.rows;
    return this.#rows < ENOUGH ? null : this.take();
  }

  /** All that has not been handed on; null where there is nothing. */
  take(): TableBatch | null {
    const batches = this.#batches;
    const rows = this.#rows;
    this.#batches = [];
    this.#rows = 0;
    return rows === 0 ? null : joinedBatches(this.#schema, batches);
  }
}
