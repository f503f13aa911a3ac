/** Records of the overlaps of earlier runs, a file each, within a limit of bytes. */

import { readFile } from "node:fs/promises";
import { KeyedFiles, type KeyedFolder } from "./keyed-files.ts";
import { giveBack } from "../../model/tensor.ts";
import { writeNew } from "./array-file.ts";
import type { OverlapRecord } from "./overlap-record.ts";
import { packed, unpacked } from "./packed.ts";

/** Raised when what a record holds, or what it is made of, changes. */
const FORMAT = 5;

/** A cache of records. One that cannot be read or written is given up without a word: what it would save is computed. */
export class OverlapCache {
  readonly #files: KeyedFiles;

  private constructor(files: KeyedFiles) {
    this.#files = files;
  }

  /** Opens a cache, and removes what was never finished and what is beyond the limit. */
  static async open(options: KeyedFolder): Promise<OverlapCache> {
    return new OverlapCache(await KeyedFiles.open(options, ".overlaps"));
  }

  /** The record of this key; null where there is none that is whole. */
  async find(key: string): Promise<OverlapRecord | null> {
    if (this.#files.bytesOf(key) === undefined) return null;
    const bytes = await readFile(this.#files.path(key)).catch(() => null);
    const found = bytes === null ? null : unpacked(bytes) as Packed | null;
    if (bytes !== null) giveBack(bytes);
    if (found?.format !== FORMAT || found.key !== key) {
      await this.#files.remove(key).catch(() => undefined);
      return null;
    }
    await this.#files.touch(key);
    return found.record;
  }

  /** Keeps a record, whole or not at all. */
  async put(key: string, record: OverlapRecord): Promise<void> {
    const parts = packed({ format: FORMAT, key, record } satisfies Packed);
    if (parts === null) return;
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes > this.#files.limit) return;
    await this.#files.put(key, bytes, (path) => writeNew(path, parts)).catch(() => undefined);
  }
}

interface Packed {
  readonly format: number;
  readonly key: string;
  readonly record: OverlapRecord;
}
