/** Files in one folder, within a limit of bytes: the one that was not asked for longest goes first. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir, stat, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { codeOf } from "../model/errors.ts";

/** In a folder that processes share, another may be writing a file; one that it has not touched for so long (ms) is nobody's. */
const ABANDONED = 3600 * 1000;

/**
 * A folder that processes share is listed anew whenever this share of its limit was written, and where it is full it is emptied by as much:
 * beyond the limit is at most this share for each of the other processes, and not each file that is written costs a listing.
 */
const SHARE = 0.1;

/** Where files are kept. */
export interface LruFolderOptions {
  /** Made when the first file is written. */
  readonly folder: string;
  /** Bytes of files, above 0. Processes that share the folder keep it together. */
  readonly limit: number;
  /** Whether no other process writes to the folder, so that whatever is not whole may go at once. */
  readonly alone: boolean;
  /** Permissions of folders, and of files without the right to execute; less the umask. Default: all. */
  readonly mode?: number;
}

/** The files of a folder and of folders in it, by name: their path from the folder on, with `/`. Calls may overlap. */
export class LruFolder {
  readonly #options: LruFolderOptions;
  /** The files that count. */
  readonly #names: RegExp;
  /** Bytes by name, the one that was asked for longest ago first. */
  readonly #files = new Map<string, number>();
  /** Those on their way to the disk. */
  readonly #writing = new Set<string>();
  #bytes = 0;
  /** Those written or removed since the last listing began, which may have seen them or not. */
  readonly #changed = new Set<string>();
  /** Bytes written since. */
  #written = 0;
  #listing: Promise<void> | null = null;

  private constructor(options: LruFolderOptions, names: RegExp) {
    this.#options = options;
    this.#names = names;
  }

  /**
   * Opens a folder, and removes what was never finished and what is beyond the limit. What cannot be removed stays.
   *
   * @param names the files that count; no other is ever removed
   * @throws when the folder cannot be read
   * @example
   * const cache = await LruFolder.open({ folder, limit: 2 ** 30, alone: true }, /^[0-9a-f]{64}\.png$/);
   * await cache.put(name, [bytes]);
   */
  static async open(options: LruFolderOptions, names: RegExp): Promise<LruFolder> {
    const files = new LruFolder({ ...options, folder: resolve(options.folder) }, names);
    await files.#list();
    // A folder that may only be read is a cache all the same.
    await files.#evict().catch(() => undefined);
    return files;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is such a file. In a folder that processes share, another may have written it since the last listing. */
  async has(name: string): Promise<boolean> {
    if (this.#files.has(name)) return true;
    if (this.#options.alone) return false;
    const about = await stat(this.path(name)).catch(() => null);
    if (about?.isFile() !== true) return false;
    if (!this.#files.has(name)) this.#count(name, about.size);
    return true;
  }

  path(name: string): string {
    return join(this.#options.folder, name);
  }

  /** Notes that a file was asked for, here and for processes to come. */
  async touch(name: string): Promise<void> {
    const bytes = this.#files.get(name);
    if (bytes !== undefined) {
      this.#files.delete(name);
      this.#files.set(name, bytes);
    }
    const now = new Date();
    await utimes(this.path(name), now, now).catch(() => undefined); // in a folder that may only be read the order is that of writing
  }

  /**
   * Keeps a file, whole or not at all, once there is room for it.
   *
   * @param parts of the file, one after another
   * @returns whether it is kept: one larger than the limit is not
   * @throws when it cannot be written
   */
  async put(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes > this.#options.limit) return false;
    const path = this.path(name);
    const beside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.partial`);
    this.#forget(name);
    this.#count(name, bytes);
    this.#written += bytes;
    this.#writing.add(name);
    try {
      // Room first: but for what is being written, the limit holds at any moment.
      await this.#evict();
      await this.#write(beside, parts);
      await rename(beside, path);
    } catch (failure) {
      this.#forget(name);
      await rm(beside, { force: true }).catch(() => undefined);
      throw failure;
    } finally {
      this.#writing.delete(name);
    }
    await this.#evict();
    return true;
  }

  /** Removes a file, and the folders that are empty without it. */
  async remove(name: string): Promise<void> {
    const bytes = this.#files.get(name);
    this.#forget(name);
    const path = this.path(name);
    try {
      await rm(path, { force: true });
    } catch (failure) {
      if (bytes !== undefined && !this.#files.has(name)) this.#count(name, bytes);
      throw failure;
    } finally {
      this.#changed.add(name); // a listing may have begun meanwhile
    }
    for (let above = dirname(path); above.length > this.#options.folder.length; above = dirname(above)) {
      if (!await rmdir(above).then(() => true, () => false)) return;
    }
  }

  async #write(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const { mode = 0o777 } = this.#options;
    const write = () => writeFile(path, parts, { flag: "wx", mode: mode & 0o666 });
    await write().catch(async (failure: unknown) => {
      if (codeOf(failure) !== "ENOENT") throw failure;
      await mkdir(dirname(path), { recursive: true, mode });
      await write();
    });
  }

  async #evict(): Promise<void> {
    const { limit, alone } = this.#options;
    if (!alone && (this.#bytes > limit || this.#written > SHARE * limit)) {
      this.#listing ??= this.#list().finally(() => this.#listing = null);
      await this.#listing;
    }
    if (this.#bytes <= limit) return;
    const most = alone ? limit : (1 - SHARE) * limit;
    for (const name of this.#files.keys()) {
      if (this.#bytes <= most) return;
      if (!this.#writing.has(name)) await this.remove(name);
    }
  }

  /** Finds out which files there are. */
  async #list(): Promise<void> {
    const { folder, alone } = this.#options;
    this.#changed.clear();
    for (const name of this.#writing) this.#changed.add(name);
    this.#written = 0;
    const found: { name: string; bytes: number; used: number }[] = [];
    const entries = readdir(folder, { recursive: true, withFileTypes: true }).catch(noneThere);
    for (const entry of await entries) {
      const path = join(entry.parentPath, entry.name);
      const about = entry.isFile() ? await stat(path).catch(() => null) : null;
      if (about === null) continue;
      const name = relative(folder, path).replaceAll("\\", "/");
      if (this.#names.test(name)) found.push({ name, bytes: about.size, used: about.mtimeMs });
      else if (name.endsWith(".partial") && (alone || Date.now() - about.mtimeMs > ABANDONED)) {
        await rm(path, { force: true }).catch(() => undefined);
      }
    }
    const own = [...this.#files].filter(([name]) => this.#changed.has(name));
    const others = found.filter(({ name }) => !this.#changed.has(name)).sort((a, b) => a.used - b.used);
    this.#files.clear();
    this.#bytes = 0;
    for (const { name, bytes } of others) this.#count(name, bytes);
    for (const [name, bytes] of own) this.#count(name, bytes);
  }

  #count(name: string, bytes: number): void {
    this.#bytes += bytes;
    this.#files.set(name, bytes);
  }

  #forget(name: string): void {
    this.#changed.add(name);
    this.#bytes -= this.#files.get(name) ?? 0;
    this.#files.delete(name);
  }
}

function noneThere(cause: unknown): [] {
  if (codeOf(cause) === "ENOENT") return [];
  throw cause;
}
