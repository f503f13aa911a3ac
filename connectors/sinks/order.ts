/**
 * The calling order that the sink port demands, kept in one place for all sinks: what a caller may not do is refused
 * with words, and a model whose write failed can only be aborted, so that no half table is ever committed.
 */

import { messageOf, show } from "../../src/model/errors.ts";
import { ALL_TABLES, type AnyTableName, COMPARISON_TABLE_NAMES } from "../../src/model/comparison-tables.ts";
import type { ModelHeader, ModelSink, Sink, WrittenFile } from "../../src/model/ports.ts";
import type { TableBatch, TableName } from "../../src/model/tables.ts";

/**
 * Guards a sink: refuses calls out of order and batches that do not fit their table.
 *
 * @returns a sink that rejects with an `Error` (order) or a `TypeError` (a batch of another shape), and otherwise calls
 * `sink`; `abort` may be called any number of times
 */
export function inOrder(sink: Sink): Sink {
  const open = new Set<ModelInOrder>();
  let state: "open" | "finished" | "aborted" = "open";
  return {
    name: sink.name,
    async begin(model, before) {
      if (state !== "open") {
        throw new Error(`beginning model ${show(model.id)}: the ${sink.name} sink is ${state}`);
      }
      const guarded = new ModelInOrder(model, await sink.begin(model, before), (done) => open.delete(done));
      open.add(guarded);
      return guarded;
    },
    holds: async (model) => await sink.holds?.(model) ?? false,
    sources: async (ids) => await sink.sources?.(ids) ?? new Map(),
    ...sink.compare === undefined ? {} : {
      async compare(comparison, tables) {
        if (state !== "open") throw new Error(`taking a comparison: the ${sink.name} sink is ${state}`);
        for (const table of COMPARISON_TABLE_NAMES) checkBatch(table, tables[table]);
        return await sink.compare!(comparison, tables);
      },
      holdsComparison: async (comparison, files) => await sink.holdsComparison?.(comparison, files) ?? false,
    },
    async finish(signal) {
      if (state !== "open") throw new Error(`finishing the ${sink.name} sink: it is ${state}`);
      const [pending] = open;
      if (pending !== undefined) {
        throw new Error(
          `finishing the ${sink.name} sink: model ${show(pending.id)} is neither committed nor aborted`,
        );
      }
      state = "finished";
      await sink.finish(signal);
    },
    async abort() {
      if (state !== "open") return;
      state = "aborted";
      for (const model of open) await model.abort();
      await sink.abort();
    },
  };
}

class ModelInOrder implements ModelSink {
  readonly id: string;
  readonly #sink: ModelSink;
  readonly #closed: (self: ModelInOrder) => void;
  #state: "open" | "failed" | "committed" | "aborted" = "open";
  #failure: unknown;

  constructor(model: ModelHeader, sink: ModelSink, closed: (self: ModelInOrder) => void) {
    this.id = model.id;
    this.#sink = sink;
    this.#closed = closed;
  }

  async write(table: TableName, batch: TableBatch): Promise<void> {
    this.#require("writing to");
    checkBatch(table, batch);
    if (batch.rows > 0) await this.#orFail(() => this.#sink.write(table, batch));
  }

  async commit(): Promise<readonly WrittenFile[]> {
    this.#require("committing");
    const files = await this.#orFail(() => this.#sink.commit());
    this.#state = "committed";
    this.#closed(this);
    return files;
  }

  async abort(): Promise<void> {
    if (this.#state === "committed") throw new Error(`aborting model ${show(this.id)}: it is committed`);
    if (this.#state === "aborted") return;
    this.#state = "aborted";
    this.#closed(this);
    await this.#sink.abort();
  }

  #require(doing: string): void {
    if (this.#state === "open") return;
    const why = this.#state === "failed" ? ` (${messageOf(this.#failure)})` : "";
    throw new Error(`${doing} model ${show(this.id)}: it is ${this.#state}${why}`, { cause: this.#failure });
  }

  async #orFail<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (failure) {
      this.#state = "failed";
      this.#failure = failure;
      throw failure;
    }
  }
}

/**
 * Checks that a batch fits its table.
 *
 * @throws {TypeError} when columns, types or lengths differ from the table's, or a column that allows no null holds one
 */
export function checkBatch(table: AnyTableName, batch: TableBatch): void {
  const expected = ALL_TABLES[table];
  if (batch.columns.length !== expected.length) {
    throw new TypeError(
      `writing ${table}: found ${batch.columns.length} columns, required ${expected.length}`,
    );
  }
  expected.forEach((column, at) => {
    const data = batch.columns[at];
    const what = `writing ${table}, column ${column.name}`;
    if (data?.type !== column.type) {
      throw new TypeError(`${what}: found ${show(data?.type)}, required ${column.type}`);
    }
    if (batch.schema[at]?.name !== column.name) {
      throw new TypeError(`${what}: found a column named ${show(batch.schema[at]?.name)} in its place`);
    }
    const { values, valid } = data;
    if (values.length !== batch.rows || (valid !== undefined && valid.length !== batch.rows)) {
      const marks = valid === undefined ? "" : ` and ${valid.length} marks of validity`;
      throw new TypeError(`${what}: found ${values.length} values${marks}, required ${batch.rows}`);
    }
    if (!column.nullable && valid?.includes(0)) {
      throw new TypeError(`${what}: found null at row ${valid.indexOf(0)}, required a value in every row`);
    }
  });
}
