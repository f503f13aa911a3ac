/** Sinks that leave one file per model and table. The format is the only thing in which they differ. */

import { join, posix, sep } from "node:path";
import type { ModelHeader, ModelSink, RunHeader, Sink, WrittenFile } from "../../src/model/ports.ts";
import {
  SCHEMA_VERSION,
  TABLE_NAMES,
  type TableBatch,
  type TableName,
  TABLES,
} from "../../src/model/tables.ts";
import { inOrder } from "./order.ts";
import { encodeModelId, openOutput, partName, publish, Staging } from "./staging.ts";
import { type StartFile, TableWriter } from "./table-writer.ts";

/** What tells one file sink from another. */
export interface FileFormat {
  readonly name: string;
  /** Without the dot. */
  readonly extension: string;
  /** Folder below the output folder that holds the tables; empty for the output folder itself. */
  readonly folder: string;
  readonly start: StartFile;
}

/**
 * Opens a sink that leaves `<out>/<folder>/<table>/model=<encoded id>/part-<key>.<extension>`, one file per model and
 * table. Tables without rows leave a file as well, so that a glob over any table matches as soon as one model is done.
 *
 * @throws {RangeError} when the run id is not safe in a path
 */
export function openFileSink(format: FileFormat, run: RunHeader): Promise<Sink> {
  const staging = new Staging(run.out, run.runId, format.name);
  return Promise.resolve(inOrder({
    name: format.name,
    begin: async (model) =>
      new ModelFiles(format, run, model, staging, await beginFolder(format, model, staging)),
    finish: () => staging.close(),
    abort: () => staging.close(),
  }));
}

/** Refuses what cannot name a file before anything is created. */
async function beginFolder(format: FileFormat, model: ModelHeader, staging: Staging): Promise<string> {
  encodeModelId(model.id);
  partName(model.key, format.extension);
  return await staging.folder();
}

/**
 * Key-value metadata of a model's file.
 *
 * @returns `svrflow.schema_version`, `svrflow.run_id`, `svrflow.table`, `svrflow.model` (the id as it is, not encoded)
 */
export function fileMetadata(run: RunHeader, model: ModelHeader, table: string): ReadonlyMap<string, string> {
  return new Map([
    ["svrflow.schema_version", String(SCHEMA_VERSION)],
    ["svrflow.run_id", run.runId],
    ["svrflow.table", table],
    ["svrflow.model", model.id],
  ]);
}

class ModelFiles implements ModelSink {
  readonly #format: FileFormat;
  readonly #run: RunHeader;
  readonly #model: ModelHeader;
  readonly #staging: Staging;
  readonly #folder: string;
  readonly #tables = new Map<TableName, TableWriter>();

  constructor(format: FileFormat, run: RunHeader, model: ModelHeader, staging: Staging, folder: string) {
    this.#format = format;
    this.#run = run;
    this.#model = model;
    this.#staging = staging;
    this.#folder = folder;
  }

  async write(table: TableName, batch: TableBatch): Promise<void> {
    await (await this.#table(table)).write(batch);
  }

  async commit(): Promise<readonly WrittenFile[]> {
    const files: WrittenFile[] = [];
    for (const table of TABLE_NAMES) {
      const { rows, bytes } = await (await this.#table(table)).close();
      this.#tables.delete(table);
      files.push({ path: this.#finalPath(table), table, rows, bytes });
    }
    await publish(files.map(({ path, table }) => ({
      from: this.#stagedPath(table),
      to: join(this.#run.out, ...path.split(posix.sep)),
    })));
    await this.#staging.discard(this.#folder);
    return files;
  }

  async abort(): Promise<void> {
    for (const table of this.#tables.values()) await table.abort().catch(() => undefined);
    this.#tables.clear();
    await this.#staging.discard(this.#folder);
  }

  async #table(table: TableName): Promise<TableWriter> {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const schema = TABLES[table];
    const output = await openOutput(this.#stagedPath(table));
    const groups = await this.#format.start(output, schema, fileMetadata(this.#run, this.#model, table));
    const writer = new TableWriter(output, groups, schema);
    this.#tables.set(table, writer);
    return writer;
  }

  #stagedPath(table: TableName): string {
    return `${this.#folder}${sep}${table}.${this.#format.extension}`;
  }

  #finalPath(table: TableName): string {
    const name = partName(this.#model.key, this.#format.extension);
    return posix.join(this.#format.folder, table, `model=${encodeModelId(this.#model.id)}`, name);
  }
}
