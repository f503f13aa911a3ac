/** Rows of models on their way into the embedded graph: in the spool as they come, then as the Parquet files that it copies its tables from. */

import { createHash, type Hash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ModelHeader, RunHeader } from "../../../src/model/ports.ts";
import {
  type ColumnData,
  type ColumnSchema,
  type TableBatch,
  type TableName,
  TABLES,
} from "../../../src/model/tables.ts";
import type { BatchSpool, Spooled } from "../batch-spool.ts";
import { modelRow, withoutNaN } from "../graph-schema.ts";
import { MOST_ROWS, type StagedFile, type StagedFiles } from "./ladybug-load.ts";
import { stagedColumns, type StagedTable } from "./ladybug-schema.ts";
import { newTableFile, type TableFile } from "../tables/table-file.ts";
import { hashRows } from "../tables/unchanged-tables.ts";

/** The two halves of a model: its nodes with what holds them together, and the relations that a test has found. */
export type Half = "nodes" | "links";

const HALVES: Readonly<Partial<Record<TableName, Half>>> = {
  layers: "nodes",
  neurons: "nodes",
  connections: "links",
  edges: "links",
};

/** A model's rows in the spool. */
export class StagedModel {
  readonly model: ModelHeader;
  /** Rows per table. */
  readonly rows = new Map<TableName, number>();
  readonly #spool: BatchSpool;
  readonly #batches: StagedBatch[] = [];
  readonly #hash: Hash;

  /** @param version of the program: another one may make other nodes of the same rows */
  constructor(model: ModelHeader, spool: BatchSpool, version: string) {
    this.model = model;
    this.#spool = spool;
    const { id, uri, format, series, step } = model;
    this.#hash = createHash("sha256").update(JSON.stringify([version, id, uri, format, series, step]));
  }

  /** Takes rows; those of tables that have no place in the graph are dropped. */
  async write(table: TableName, batch: TableBatch): Promise<void> {
    const half = HALVES[table];
    if (half === undefined) return;
    if (half === "nodes") hashRows(this.#hash.update(table), batch);
    this.rows.set(table, batch.rows + (this.rows.get(table) ?? 0));
    this.#batches.push({ half, table, rows: batch.rows, ...await this.#spool.write(batch.columns) });
  }

  /** Digest of all that its nodes are made of, the run apart. Once, when all rows are there. */
  nodes(): string {
    return this.#hash.digest("hex");
  }

  async *read(half: Half): AsyncGenerator<{ readonly table: TableName; readonly batch: TableBatch }> {
    for (const { half: its, table, rows, ...place } of this.#batches) {
      if (its !== half) continue;
      yield { table, batch: { schema: TABLES[table], rows, columns: await this.#spool.read(place) } };
    }
  }
}

interface StagedBatch extends Spooled {
  readonly half: Half;
  readonly table: TableName;
  readonly rows: number;
}

/** A file that rows are being written to. */
interface OpenFile {
  readonly path: string;
  readonly writer: TableFile;
}

/** Rows per row group of staged files: the thread that writes them holds one of every table. */
const ROW_GROUP = 8192;

/** The rows of all models, as Parquet files that the store copies its tables from. */
export class GraphFiles {
  readonly #folder: string;
  readonly #files = new Map<StagedTable, StagedFile[]>();
  readonly #open = new Map<StagedTable, OpenFile>();
  readonly #run: RunHeader;
  /** The models, which are numbered as they come. */
  readonly #numbers = new Map<StagedModel, number>();
  /** One model at a time. */
  #last: Promise<void> = Promise.resolve();

  constructor(folder: string, run: RunHeader) {
    this.#folder = folder;
    this.#run = run;
  }

  /** @throws {Error} when they cannot be written: then nothing of all that is here can be used, but no other model has failed */
  add(staged: StagedModel, half: Half): Promise<void> {
    return this.#last = this.#last.catch(() => undefined).then(async () => {
      const number = this.#numbers.get(staged) ?? this.#numbers.size;
      this.#numbers.set(staged, number);
      if (half === "nodes") await this.#add("Model", modelRow(staged.model, this.#run.runId).batch);
      for await (const { table, batch } of staged.read(half)) {
        await this.#add(table, numbered(table, batch, number));
      }
    });
  }

  async #add(table: StagedTable, batch: TableBatch): Promise<void> {
    const open = this.#open.get(table) ?? await this.#next(table, batch.schema);
    await open.writer.write(batch);
    if (open.writer.rows >= MOST_ROWS) await this.#close(table, open);
  }

  /** Closes what is open. */
  async abandon(): Promise<void> {
    await this.#last.catch(() => undefined);
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(open.map(({ writer }) => writer.abandon()));
  }

  async close(): Promise<StagedFiles> {
    await this.#last;
    for (const [table, open] of this.#open) await this.#close(table, open);
    return { ids: [...this.#numbers.keys()].map(({ model }) => model.id), files: this.#files };
  }

  async #next(table: StagedTable, columns: readonly ColumnSchema[]): Promise<OpenFile> {
    await mkdir(this.#folder, { recursive: true });
    const path = join(this.#folder, `${table}-${this.#files.get(table)?.length ?? 0}.parquet`);
    const choices = { rowGroup: ROW_GROUP, kept: false };
    const open = { path, writer: newTableFile({ format: "parquet", path, columns, metadata: {}, choices }) };
    this.#open.set(table, open);
    return open;
  }

  async #close(table: StagedTable, { path, writer }: OpenFile): Promise<void> {
    await writer.close();
    this.#open.delete(table);
    const files = this.#files.get(table) ?? [];
    this.#files.set(table, files);
    files.push({ path, rows: writer.rows });
  }
}

/** Rows as they are staged. */
function numbered(table: TableName, { rows, columns }: TableBatch, number: number): TableBatch {
  const model: ColumnData = { type: "int32", values: new Int32Array(rows).fill(number) };
  return { schema: stagedColumns(table), rows, columns: [model, ...columns.map(withoutNaN)] };
}
