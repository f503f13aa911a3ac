/**
 * Batches of rows on disk, for the process that wrote them: what a store is loaded from comes before its order is known, and memory must
 * not follow the size of a model. One file for all models of a run.
 */

import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { ColumnData } from "../../src/model/tables.ts";
import { readFully } from "../../src/base/read-fully.ts";
import { cannotWrite } from "./new-file.ts";

/** Where a batch lies. */
export interface Spooled {
  readonly offset: number;
  readonly length: number;
}

/** A spool. Batches may be written side by side. */
export class BatchSpool {
  readonly #path: string;
  /** Made with the first batch. */
  #file: Promise<FileHandle> | null = null;
  #end = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {Error} when it cannot be written; names the file and the reason */
  async write(columns: readonly ColumnData[]): Promise<Spooled> {
    const bytes = serialize(columns);
    const offset = this.#end;
    this.#end += bytes.length;
    try {
      const file = await (this.#file ??= this.#create());
      for (let done = 0; done < bytes.length;) {
        done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      }
    } catch (cause) {
      throw cannotWrite(this.#path, cause);
    }
    return { offset, length: bytes.length };
  }

  /** @throws {Error} when the file has been cut */
  async read({ offset, length }: Spooled): Promise<readonly ColumnData[]> {
    // In memory of its own: Deno 2.9 loses arrays from a slice of a pool.
    const bytes = Buffer.allocUnsafeSlow(length);
    const file = await this.#file;
    if (file === null || await readFully(file, bytes, offset) < length) {
      throw new Error(`reading rows that wait in ${this.#path}: the file has lost its end`);
    }
    return deserialize(bytes) as readonly ColumnData[];
  }

  async remove(): Promise<void> {
    if (this.#file === null) return;
    const file = await this.#file.catch(() => null);
    this.#file = null;
    await file?.close();
    await rm(this.#path, { force: true });
  }

  async #create(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true });
    return await open(this.#path, "wx+");
  }
}
