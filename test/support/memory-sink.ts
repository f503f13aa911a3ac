/** A sink that keeps what it is given, and can be told where to fail. */

import type { ModelHeader, Sink } from "../../src/model/ports.ts";
import { type TableBatch, type TableName, TABLES } from "../../src/model/tables.ts";

/** Rows of a table, as objects. */
export type Rows = Readonly<Record<string, unknown>>[];

/** What became of one model. */
export interface Kept {
  readonly header: ModelHeader;
  readonly tables: Map<TableName, Rows>;
  state: "open" | "committed" | "aborted";
}

/** @param fail called before every step with its name; may throw */
export function memorySink(fail: (step: string) => void = () => undefined) {
  const models: Kept[] = [];
  const sink: Sink = {
    name: "memory",
    begin(header) {
      fail("begin");
      const kept: Kept = { header, tables: new Map(), state: "open" };
      models.push(kept);
      return Promise.resolve({
        write(table, batch) {
          return Promise.resolve().then(() => {
            fail(`write ${table}`);
            kept.tables.set(table, [...kept.tables.get(table) ?? [], ...rowsOf(table, batch)]);
          });
        },
        commit() {
          return Promise.resolve().then(() => {
            fail("commit");
            kept.state = "committed";
            return [];
          });
        },
        abort() {
          kept.state = "aborted";
          kept.tables.clear();
          return Promise.resolve();
        },
      });
    },
    finish: () => Promise.resolve(),
    abort: () => Promise.resolve(),
  };
  return { sink, models };
}

function rowsOf(table: TableName, batch: TableBatch): Rows {
  return Array.from(
    { length: batch.rows },
    (_, row) =>
      Object.fromEntries(TABLES[table].map(({ name }, i) => {
        const column = batch.columns[i]!;
        const missing = "valid" in column && column.valid !== undefined && column.valid[row] === 0;
        return [name, missing ? null : column.values[row]];
      })),
  );
}
