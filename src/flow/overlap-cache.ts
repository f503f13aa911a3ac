/** Records of the overlaps of earlier runs, a file each, within a limit of bytes: those that were not asked for longest go first. */

import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { OverlapRecord } from "./overlap-record.ts";
import { packed, unpacked } from "./packed.ts";

const EXTENSION = ".overlaps";

/** Raised when what a record holds, or what it is made of, changes. */
const FORMAT = 1;

/** A cache of records. One that cannot be read or written is given up without a word: what it would save is computed. */
export class OverlapCache {
  readonly #folder: string;
  readonly #limit: number;

  /** @param limit bytes of files, above 0 */
  constructor({ folder, limit }: { readonly folder: string; readonly limit: number }) {
    this.#folder = folder;
    this.#limit = limit;
  }

  /** The record of this key; null where there is none that is whole. */
  async find(key: string): Promise<OverlapRecord | null> {
    const path = this.#path(key);
    try {
      if ((await stat(path)).size > this.#limit) return null;
      const found = unpacked(await readFile(path)) as
        | { format: number; key: string; record: OverlapRecord }
        | null;
      if (found?.format !== FORMAT || found.key !== key) return null;
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return found.record;
    } catch {
      return null;
    }
  }

  /** Keeps a record, whole or not at all. */
  async put(key: string, record: OverlapRecord): Promise<void> {
    const parts = packed({ format: FORMAT, key, record });
    const bytes = parts?.reduce((sum, part) => sum + part.length, 0) ?? Infinity;
    if (parts === null || bytes > this.#limit) return;
    const beside = join(this.#folder, `.${key}.${randomBytes(6).toString("hex")}.partial`);
    try {
      await mkdir(this.#folder, { recursive: true });
      await this.#evict(this.#limit - bytes);
      const file = await open(beside, "wx");
      try {
        await file.writeFile(Buffer.concat(parts ?? []));
      } finally {
        await file.close();
      }
      await rename(beside, this.#path(key));
    } catch {
      await rm(beside, { force: true }).catch(() => undefined);
    }
  }

  /** Removes what was being written when a run was killed. Only for who has the folder to himself. */
  async tidy(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (name.endsWith(".partial")) await rm(join(this.#folder, name), { force: true });
    }
  }

  async #evict(room: number): Promise<void> {
    const files: { path: string; bytes: number; used: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith(EXTENSION)) continue;
      const path = join(this.#folder, name);
      const about = await stat(path).catch(() => null);
      if (about !== null) files.push({ path, bytes: about.size, used: about.mtimeMs });
    }
    let all = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files.sort((a, b) => a.used - b.used)) {
      if (all <= room) return;
      await rm(path, { force: true });
      all -= bytes;
    }
  }

  #path(key: string): string {
    return join(this.#folder, key + EXTENSION);
  }
}
