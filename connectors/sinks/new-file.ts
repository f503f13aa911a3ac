/** A file that is being made: written from its beginning to its end, digested on the way. */

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { codeOf, messageOf } from "../../src/model/errors.ts";
import { readFully } from "../../src/base/read-fully.ts";

/** What a file was when it was complete. */
export interface FileDigest {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** What file systems say when there is no room or no right, in words that name the remedy. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the device",
  EDQUOT: "the quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
};

/** An error that says which file cannot be written and why; its code stays that of the cause. */
export function cannotWrite(path: string, cause: unknown): Error {
  const code = codeOf(cause);
  const reason = code === undefined ? undefined : REASONS[code];
  const why = reason === undefined ? messageOf(cause) : `${reason} (${code})`;
  return Object.assign(
    new Error(`${path}: cannot be written: ${why}`, { cause }),
    code === undefined ? {} : { code },
  );
}

/** Small pieces go to the disk so many bytes at a time: Arrow files are made of hundreds of them, and each call has its price. */
const GATHERED = 64 * 1024;

/** A file that is being made. Await each call before the next. What fails may show with a later call, at the latest with `close`. */
export class NewFile {
  readonly path: string;
  bytes = 0;
  #gathered: Uint8Array | null = null;
  #filled = 0;
  readonly #handle: FileHandle;
  readonly #hash: Hash | null;

  private constructor(path: string, handle: FileHandle, kept: boolean) {
    this.path = path;
    this.#handle = handle;
    this.#hash = kept ? createHash("sha256") : null;
  }

  /**
   * @param kept whether it shall outlive the process: then `close` flushes it to the disk, and tells its digest
   * @throws {Error} when the file exists, or its folder cannot be written to
   */
  static async create(path: string, kept = true): Promise<NewFile> {
    try {
      return new NewFile(path, await open(path, "wx+"), kept);
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** Appends. @throws {Error} when the disk is full, or fails */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#filled + piece.length > GATHERED) await this.#flush();
    if (piece.length > GATHERED / 4) {
      await this.#flush();
      await this.#append(piece);
    } else {
      this.#gathered ??= new Uint8Array(GATHERED);
      this.#gathered.set(piece, this.#filled);
      this.#filled += piece.length;
    }
    this.#hash?.update(piece);
    this.bytes += piece.length;
  }

  async #flush(): Promise<void> {
    const gathered = this.#gathered?.subarray(0, this.#filled) ?? new Uint8Array();
    this.#filled = 0;
    await this.#append(gathered);
  }

  async #append(piece: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < piece.length;) {
        done += (await this.#handle.write(piece, done, piece.length - done)).bytesWritten;
      }
    } catch (cause) {
      throw cannotWrite(this.path, cause);
    }
  }

  /** Fills `piece` with what has been written from `offset` on. */
  async read(piece: Uint8Array, offset: number): Promise<void> {
    await this.#flush();
    if (await readFully(this.#handle, piece, offset) < piece.length) {
      throw new Error(`${this.path}: it has lost its end while it was read`);
    }
  }

  /** Completes and closes it, whatever happens. */
  async close(): Promise<FileDigest> {
    try {
      await this.#flush();
      // Some file systems find out only now that there is no room.
      if (this.#hash !== null) {
        await this.#handle.sync().catch((cause: unknown) => {
          throw cannotWrite(this.path, cause);
        });
      }
    } finally {
      await this.#handle.close();
    }
    return { bytes: this.bytes, sha256: this.#hash?.digest("hex") ?? "" };
  }

  /** Closes what is no longer wanted. */
  abandon(): Promise<void> {
    return this.#handle.close();
  }
}
