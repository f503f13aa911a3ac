/**
 * Rows that come in any order and leave in ascending order of their first columns, by a merge sort on disk: a batch is sorted in
 * memory and spooled, and at the end the batches are merged. Memory follows a batch and the number of batches, not the rows. A small batch
 * that stays alone is not spooled.
 */

import { rm } from "node:fs/promises";
import type { ColumnSchema, TableBatch } from "../../../src/model/tables.ts";
import { NewFile } from "../new-file.ts";
import { BatchBuilder, decodeRows, encodeRows, rowBytes } from "./row-block.ts";
import { ascendingOrder, compareRows, keyColumns } from "./row-order.ts";

/** Rows that are read at a time from each of the batches that are merged: 70 kB of edges. */
const BLOCK = 1024;

/** Rows of a batch that comes out; a row group is a multiple of it. */
const BATCH = 16 * 1024;

/** Rows of a batch that may wait in memory for another one. */
const FEW = 2 * BATCH;

/** Sorted rows in the spool that share their first key: they lie one behind the other. */
interface Run {
  readonly offset: number;
  readonly rows: number;
}

/** Sorts the rows of a table that has only numbers, by its first `keys` columns, which must be int32. */
export class SortedRows {
  rows = 0;
  readonly #schema: readonly ColumnSchema[];
  readonly #keys: number;
  readonly #path: string;
  /** By first key: all batches of one value are merged, and then those of the next. */
  readonly #runs = new Map<number, Run[]>();
  #spool: NewFile | null = null;
  /** The first batch, as long as it is alone. */
  #alone: TableBatch | null = null;

  /** @param path where the spool may be made */
  constructor(schema: readonly ColumnSchema[], keys: number, path: string) {
    this.#schema = schema;
    this.#keys = keys;
    this.#path = path;
  }

  /** Takes rows. @throws {TypeError} when they cannot be sorted. @throws {Error} when they cannot be spooled */
  async write(batch: TableBatch): Promise<void> {
    keyColumns(batch, this.#keys);
    rowBytes(batch.schema);
    if (batch.rows === 0) return;
    const alone = this.#alone;
    if (this.rows === 0 && batch.rows <= FEW) this.#alone = batch;
    else {
      this.#alone = null;
      for (const each of [alone, batch]) if (each !== null) await this.#spoolSorted(each);
    }
    this.rows += batch.rows;
  }

  async #spoolSorted(batch: TableBatch): Promise<void> {
    const spool = this.#spool ??= await NewFile.create(this.#path, false);
    const keys = keyColumns(batch, this.#keys);
    const order = ascendingOrder(keys, batch.rows);
    const first = (row: number) => keys[0]![order?.[row] ?? row]!;
    for (let from = 0, to = 0; from < batch.rows; from = to) {
      while (to < batch.rows && first(to) === first(from)) to++;
      const runs = this.#runs.get(first(from)) ?? [];
      this.#runs.set(first(from), runs);
      runs.push({ offset: spool.bytes, rows: to - from });
      for (let at = from; at < to; at += BLOCK) {
        await spool.write(encodeRows(batch, order, at, Math.min(to, at + BLOCK)));
      }
    }
  }

  /** All rows, ascending. */
  async *read(): AsyncGenerator<TableBatch, void> {
    if (this.#alone !== null) {
      yield sorted(this.#alone, this.#keys);
      return;
    }
    const builder = new BatchBuilder(this.#schema, BATCH);
    for (const [, runs] of [...this.#runs].sort(([a], [b]) => a - b)) yield* this.#merged(runs, builder);
    if (builder.rows > 0) yield builder.take();
  }

  /** Removes the spool. */
  async remove(): Promise<void> {
    if (this.#spool === null) return;
    await this.#spool.abandon();
    await rm(this.#path, { force: true });
  }

  async *#merged(runs: readonly Run[], builder: BatchBuilder): AsyncGenerator<TableBatch, void> {
    const spool = this.#spool;
    if (spool === null) return;
    const heap: Cursor[] = [];
    for (const run of runs) {
      const cursor = new Cursor(spool, this.#schema, this.#keys, run);
      if (await cursor.next()) heap.push(cursor);
    }
    for (let at = heap.length >> 1; at >= 0; at--) sink(heap, at);
    for (let least = heap[0]; least !== undefined; least = heap[0]) {
      // Up to the next least of the others, rows need no comparison but with that one.
      const rival = smaller(heap[1], heap[2]);
      const to = Math.min(least.upTo(rival), least.at + BATCH - builder.rows);
      builder.append(least.columns, least.at, to);
      least.at = to;
      if (builder.rows === BATCH) yield builder.take();
      if (to === least.rows && !(await least.next())) {
        const last = heap.pop();
        if (heap.length > 0 && last !== undefined) heap[0] = last;
      }
      sink(heap, 0);
    }
  }
}

function sorted(batch: TableBatch, keys: number): TableBatch {
  const { schema, rows } = batch;
  const order = ascendingOrder(keyColumns(batch, keys), rows);
  return { schema, rows, columns: decodeRows(schema, encodeRows(batch, order, 0, rows), rows) };
}

/** A place in a run. */
class Cursor {
  at = 0;
  /** Rows of the block in memory. */
  rows = 0;
  columns: ReturnType<typeof decodeRows> = [];
  #keys: readonly Int32Array[] = [];
  readonly #spool: NewFile;
  readonly #schema: readonly ColumnSchema[];
  readonly #count: number;
  #offset: number;
  #left: number;

  constructor(spool: NewFile, schema: readonly ColumnSchema[], keys: number, { offset, rows }: Run) {
    this.#spool = spool;
    this.#schema = schema;
    this.#count = keys;
    this.#offset = offset;
    this.#left = rows;
  }

  /** Reads the next block. @returns false at the end of the run */
  async next(): Promise<boolean> {
    this.rows = Math.min(BLOCK, this.#left);
    this.at = 0;
    if (this.rows === 0) return false;
    const bytes = new Uint8Array(this.rows * rowBytes(this.#schema));
    await this.#spool.read(bytes, this.#offset);
    this.#offset += bytes.length;
    this.#left -= this.rows;
    this.columns = decodeRows(this.#schema, bytes, this.rows);
    this.#keys = keyColumns({ schema: this.#schema, rows: this.rows, columns: this.columns }, this.#count);
    return true;
  }

  /** The first row of the block that does not come before the rival's; at least one row on. */
  upTo(rival: Cursor | undefined): number {
    let row = this.at + 1;
    if (rival === undefined) return this.rows;
    while (row < this.rows && compareRows(this.#keys, row, rival.#keys, rival.at) <= 0) row++;
    return row;
  }

  /** Whether this run's row comes before the other's. */
  precedes(other: Cursor): boolean {
    return compareRows(this.#keys, this.at, other.#keys, other.at) < 0;
  }
}

function smaller(a: Cursor | undefined, b: Cursor | undefined): Cursor | undefined {
  return a !== undefined && b?.precedes(a) === true ? b : a ?? b;
}

/** Restores the heap below `at`: no cursor stands behind one of its children. */
function sink(heap: Cursor[], at: number): void {
  for (;;) {
    const child = smaller(heap[2 * at + 1], heap[2 * at + 2]);
    const here = heap[at];
    if (here === undefined || child === undefined || !child.precedes(here)) return;
    const place = heap[2 * at + 1] === child ? 2 * at + 1 : 2 * at + 2;
    heap[at] = child;
    heap[place] = here;
    at = place;
  }
}
