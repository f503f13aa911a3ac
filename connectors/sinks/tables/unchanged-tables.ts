/** Tables of a model that stand already as they are to be: a run with another `sigma` changes edges, and leaves spectra as they are. */

import { createHash, type Hash } from "node:crypto";
import type { ModelHeader, RunHeader, WrittenFile } from "../../../src/model/ports.ts";
import type { TableBatch, TableName } from "../../../src/model/tables.ts";
import { tableMetadata } from "../staging.ts";

/** Hex digits of a content's digest in a file's name: weights come from strangers, and nobody makes two tables with the same 128 bits. */
const DIGITS = 32;

/**
 * Digest of a table's rows and of what its file says of them, but for the run: the name of a file that is written once and then kept.
 *
 * @param batch all rows
 */
export function contentKey(run: RunHeader, model: ModelHeader, table: TableName, batch: TableBatch): string {
  const { "svrflow.run_id": _, ...metadata } = tableMetadata(run, model, table);
  const hash = createHash("sha256").update(JSON.stringify(metadata));
  hashRows(hash, batch);
  return hash.digest("hex").slice(0, DIGITS);
}

/** Takes a batch into a digest: its columns' names and types, and all rows. */
export function hashRows(hash: Hash, { schema, rows, columns }: TableBatch): void {
  hash.update(JSON.stringify([rows, schema]));
  for (const { type, values, valid } of columns) {
    if (type === "utf8") hash.update(JSON.stringify(values));
    else hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    if (valid !== undefined) hash.update(valid);
  }
}

/** Files of a model that an earlier run has left, as they were recorded. */
export class StandingFiles {
  readonly #files: ReadonlyMap<string, WrittenFile>;
  readonly #sizeOf: (path: string) => Promise<number | null>;

  constructor(files: readonly WrittenFile[], sizeOf: (path: string) => Promise<number | null>) {
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#sizeOf = sizeOf;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /**
   * The first that was recorded with so many rows, and has the size that it had; null where there is none.
   *
   * @param stem what its path begins with: a dot, or `-` and a word that tells it from older ones, follows
   */
  async find(stem: string, rows: number): Promise<WrittenFile | null> {
    for (const [path, file] of this.#files) {
      if (!path.startsWith(stem) || !/^(?:-[a-z0-9]+)?\./.test(path.slice(stem.length))) continue;
      if (file.rows === rows && await this.#sizeOf(path) === file.bytes) return file;
    }
    return null;
  }
}
