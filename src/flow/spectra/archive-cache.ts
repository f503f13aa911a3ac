/** What earlier runs have computed, by key: an archive each, within a limit of bytes. */

import { messageOf } from "../../model/errors.ts";
import { LruFolder, type LruFolderOptions } from "../../base/lru-folder.ts";
import { archiveParts, readArchive } from "./archive.ts";

/** Files, by name, that other machines see too. */
export interface FarFiles {
  /** The parts of a file, one after another; null where there is none. @throws when it cannot be told */
  find(name: string): Promise<readonly Uint8Array[] | null>;
  /** Puts a file there, whole or not at all. @throws when it cannot be written */
  put(name: string, parts: readonly Uint8Array[]): Promise<void>;
}

/** How a cache is kept. */
export interface CacheOptions extends LruFolderOptions {
  /** Where files that the folder lacks may be, and new ones go. Default: nowhere. */
  readonly beyond?: FarFiles;
  /** Told once, when the folder takes no more: the run goes on without. */
  readonly full?: (reason: string) => void;
}

/** What the files of a cache are. */
export interface CacheFormat {
  /** With the dot. */
  readonly extension: string;
  /** Raised when what an archive holds, or what it is made of, changes. */
  readonly version: number;
}

/** A cache of archives. What cannot be read or written is computed again. Keys are 64 hex digits. Calls may overlap. */
export class ArchiveCache<T> {
  readonly #files: LruFolder;
  readonly #format: CacheFormat;
  readonly #beyond: FarFiles | null;
  #full: ((reason: string) => void) | null;

  private constructor(
    files: LruFolder,
    format: CacheFormat,
    { full = () => undefined, beyond }: CacheOptions,
  ) {
    this.#files = files;
    this.#format = format;
    this.#full = full;
    this.#beyond = beyond ?? null;
  }

  /** Opens a cache, and removes what was never finished and what is beyond the limit. @throws when the folder cannot be read */
  static async open<T>(options: CacheOptions, format: CacheFormat): Promise<ArchiveCache<T>> {
    const names = new RegExp(`^[0-9a-f]{64}\\${format.extension}$`);
    return new ArchiveCache(await LruFolder.open(options, names), format, options);
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#files.bytes;
  }

  /** The value of this key; null where there is none that is whole. @param fits whether it is what it should be */
  async find(key: string, fits: (value: T) => boolean = () => true): Promise<T | null> {
    const name = key + this.#format.extension;
    try {
      if (!await this.#files.has(name) && !await this.#fetched(name)) return null;
      const found = await readArchive(this.#files.path(name)) as Entry<T> | null;
      if (found?.version === this.#format.version && found.key === key && fits(found.value)) {
        await this.#files.touch(name);
        return found.value;
      }
    } catch {
      // No better than a damaged one.
    }
    await this.#files.remove(name).catch(() => undefined);
    return null;
  }

  async #fetched(name: string): Promise<boolean> {
    const parts = await this.#beyond?.find(name) ?? null;
    return parts !== null && await this.#files.put(name, parts);
  }

  /** Keeps a value, whole or not at all. One that is too large for an archive or for the cache is not kept. */
  async put(key: string, value: T): Promise<void> {
    if (this.#full === null) return;
    const { extension, version } = this.#format;
    const parts = partsOf({ version, key, value } satisfies Entry<T>);
    if (parts === null) return;
    try {
      await this.#files.put(key + extension, parts);
      await this.#beyond?.put(key + extension, parts);
    } catch (failure) {
      this.#full?.(messageOf(failure));
      this.#full = null;
    }
  }
}

interface Entry<T> {
  readonly version: number;
  readonly key: string;
  readonly value: T;
}

function partsOf(value: unknown): readonly Uint8Array[] | null {
  try {
    return archiveParts(value);
  } catch (failure) {
    if (failure instanceof RangeError) return null;
    throw failure;
  }
}
