/** Files by key in one folder, within a limit of bytes: the one that was not asked for longest goes first. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../model/errors.ts";

/** In a folder that runs share, another may be writing a file; one that it has not touched for so long (ms) is nobody's. */
const ABANDONED = 3600 * 1000;

/** Where files are kept. */
export interface KeyedFolder {
  /** Made when the first file is written. */
  readonly folder: string;
  /** Bytes of files, above 0. */
  readonly limit: number;
  /** Whether no other process writes to the folder, so that whatever is not whole may go at once. */
  readonly alone: boolean;
}

/** The files of a folder. Keys are 64 hex digits. Calls may overlap. */
export class KeyedFiles {
  readonly limit: number;
  readonly #folder: string;
  readonly #extension: string;
  /** Bytes by key, the one that was asked for longest ago first. */
  readonly #files: Map<string, number>;
  #bytes: number;

  private constructor({ folder, limit }: KeyedFolder, extension: string, files: Map<string, number>) {
    this.limit = limit;
    this.#folder = folder;
    this.#extension = extension;
    this.#files = files;
    this.#bytes = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Opens a folder, and removes what was never finished and what is beyond the limit. @param extension with the dot */
  static async open(options: KeyedFolder, extension: string): Promise<KeyedFiles> {
    const found: { key: string; bytes: number; used: number }[] = [];
    for (const name of await readdir(options.folder).catch(noneThere)) {
      const path = join(options.folder, name);
      const about = await stat(path).catch(() => null);
      if (about?.isFile() !== true) continue;
      const key = name.slice(0, -extension.length);
      if (name.endsWith(extension) && /^[0-9a-f]{64}$/.test(key)) {
        found.push({ key, bytes: about.size, used: about.mtimeMs });
      } else if (
        name.endsWith(".partial") && (options.alone || Date.now() - about.mtimeMs > ABANDONED)
      ) await rm(path, { force: true });
    }
    found.sort((a, b) => a.used - b.used);
    const files = new KeyedFiles(options, extension, new Map(found.map(({ key, bytes }) => [key, bytes])));
    await files.evict();
    return files;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of a file; undefined where there is none. */
  bytesOf(key: string): number | undefined {
    return this.#files.get(key);
  }

  path(key: string): string {
    return join(this.#folder, key + this.#extension);
  }

  /** Notes that a file was asked for, here and for runs to come. */
  async touch(key: string): Promise<void> {
    const bytes = this.#files.get(key);
    if (bytes === undefined) return;
    this.#files.delete(key);
    this.#files.set(key, bytes);
    const now = new Date();
    await utimes(this.path(key), now, now).catch(() => undefined); // in a folder that may only be read the order is that of writing
  }

  /**
   * Keeps a file, whole or not at all, once there is room for it.
   *
   * @param write makes a file of so many bytes; once more where the folder was not there
   * @throws when it cannot be written
   */
  async put(
    key: string,
    bytes: number,
    write: (path: string) => Promise<void>,
    spared: (key: string) => boolean = () => false,
  ): Promise<void> {
    const beside = join(this.#folder, `.${key}.${randomBytes(6).toString("hex")}.partial`);
    try {
      // Room first: but for what is spared, the limit holds at any moment.
      this.forget(key);
      this.#bytes += bytes;
      this.#files.set(key, bytes);
      await this.evict((each) => each === key || spared(each));
      await this.#inFolder(() => write(beside));
      await rename(beside, this.path(key));
    } catch (failure) {
      this.forget(key);
      await rm(beside, { force: true }).catch(() => undefined);
      throw failure;
    }
  }

  async #inFolder(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (failure) {
      if (codeOf(failure) !== "ENOENT") throw failure;
      await mkdir(this.#folder, { recursive: true });
      await write();
    }
  }

  /** Removes files until the limit holds, but none that is spared. */
  async evict(spared: (key: string) => boolean = () => false): Promise<void> {
    for (const key of [...this.#files.keys()]) {
      if (this.#bytes <= this.limit) return;
      if (!spared(key)) await this.remove(key);
    }
  }

  async remove(key: string): Promise<void> {
    this.forget(key);
    await rm(this.path(key), { force: true });
  }

  /** Leaves a file that cannot be read out of account. */
  forget(key: string): void {
    this.#bytes -= this.#files.get(key) ?? 0;
    this.#files.delete(key);
  }
}

function noneThere(cause: unknown): readonly string[] {
  if (codeOf(cause) === "ENOENT") return [];
  throw cause;
}
