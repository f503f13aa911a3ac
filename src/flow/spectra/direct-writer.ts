/**
 * Large files written past the page cache (`O_DIRECT`), where system and file system can: what is written once and seldom read need not be
 * copied into memory that others have a use for.
 */

import { constants } from "node:fs";
import { type FileHandle, open, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../../model/errors.ts";
import { Turns } from "../../model/turns.ts";

/** Addresses, offsets and lengths must be multiples of a sector, which has 512 or 4096 bytes. */
const SECTOR = 4096;

/** Bytes that go to the disk at a time. */
const PIECE = 2 ** 23;

/** Smaller files gain nothing. */
const SMALLEST = 2 ** 20;

/** A page of WebAssembly's memory, which begins at a sector as no other memory must. */
const WASM_PAGE = 2 ** 16;

/** Files that may wait while one is being written: the page cache takes more at once than a disk. */
const WAITING = 1;

/** Bytes per second: a disk that is slower than this, after `TRIAL` milliseconds in all, had better be written to in the background. */
const SLOW = 1e8;
const TRIAL = 500;

/** What a file system says that does not know of it. */
const UNKNOWN = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** File systems that take the flag and copy all the same: `tmpfs` and `ramfs`, as `statfs` tells them. */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);

/** Absent on systems that have no such thing. */
const DIRECT: number | undefined = constants.O_DIRECT;

interface MemoryMaker {
  readonly Memory: new (
    pages: { readonly initial: number; readonly maximum: number },
  ) => { readonly buffer: ArrayBuffer };
}

/** What is asked of the system. */
export interface FileSystem {
  open(path: string, flags: number): Promise<FileHandle>;
  /** The number by which `statfs` tells the file system of a folder. */
  type(folder: string): Promise<number>;
  /** Milliseconds from whenever. */
  now(): number;
}

const SYSTEM: FileSystem = {
  open,
  type: async (folder) => (await statfs(folder)).type,
  now: () => performance.now(),
};

/** Writes one file at a time; calls may overlap. */
export class DirectWriter {
  readonly #system: FileSystem;
  readonly #turns = new Turns(1);
  #scratch: Uint8Array<ArrayBuffer> | null = null;
  #givenUp = DIRECT === undefined;
  #bytes = 0;
  #milliseconds = 0;

  /** @param system the machine's own unless a test replaces it */
  constructor(system: FileSystem = SYSTEM) {
    this.#system = system;
  }

  /**
   * Writes a file that does not exist yet.
   *
   * @returns false where the page cache is to take it, and the file does not exist: it is small, the disk is slow or knows no such
   *   thing, or too many files come at once
   * @throws {Error} when the file exists, its folder does not, or there is no room for all
   */
  async write(path: string, parts: readonly Uint8Array[]): Promise<boolean> {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes < SMALLEST || this.#givenUp || this.#turns.waiting >= WAITING) return false;
    const done = await this.#turns.take(0);
    try {
      if (this.#givenUp) return false;
      const scratch = this.#scratch ??= await this.#scratchFor(path);
      if (scratch === null) {
        this.#giveUp();
        return false;
      }
      const since = this.#system.now();
      const { O_WRONLY, O_CREAT, O_EXCL } = constants;
      const file = await this.#system.open(path, O_WRONLY | O_CREAT | O_EXCL | DIRECT!);
      try {
        await fill(file, scratch, parts);
        await file.truncate(bytes);
      } finally {
        await file.close();
      }
      this.#judge(bytes, this.#system.now() - since);
      return true;
    } catch (failure) {
      if (!UNKNOWN.has(codeOf(failure) ?? "")) throw failure;
      this.#giveUp();
      await rm(path, { force: true });
      return false;
    } finally {
      done();
    }
  }

  /** @returns null where there is nothing to be gained */
  async #scratchFor(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return IN_MEMORY.has(await this.#system.type(dirname(path))) ? null : aligned(PIECE);
  }

  #judge(bytes: number, milliseconds: number): void {
    this.#bytes += bytes;
    this.#milliseconds += milliseconds;
    if (this.#milliseconds >= TRIAL && 1000 * this.#bytes / this.#milliseconds < SLOW) this.#giveUp();
  }

  #giveUp(): void {
    this.#givenUp = true;
    this.#scratch = null;
  }
}

/** Copies pieces of the file into aligned memory and writes them; the last one ends at a sector, beyond the file. */
async function fill(
  file: FileHandle,
  scratch: Uint8Array<ArrayBuffer>,
  parts: readonly Uint8Array[],
): Promise<void> {
  let offset = 0;
  for (const filled of fillings(scratch, parts)) {
    const end = Math.ceil(filled / SECTOR) * SECTOR;
    for (let done = 0; done < end;) {
      const { bytesWritten } = await file.write(scratch, done, end - done, offset + done);
      // A disk that takes less than a sector has no more of them.
      if (bytesWritten === 0 || bytesWritten % SECTOR !== 0) {
        throw new Error(`found room for ${bytesWritten} bytes, required ${end - done}`);
      }
      done += bytesWritten;
    }
    offset += end;
  }
}

/** Memory that begins at a sector; null where there is none to be had. */
function aligned(bytes: number): Uint8Array<ArrayBuffer> | null {
  // Node's types lack it.
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: MemoryMaker };
  const pages = bytes / WASM_PAGE;
  try {
    return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
  } catch (failure) {
    if (failure instanceof RangeError) return null;
    throw failure;
  }
}

/** Fills the scratch with parts, one after another, again and again. @returns bytes that are filled: all but the last time */
function* fillings(scratch: Uint8Array, parts: readonly Uint8Array[]): Generator<number, void> {
  let at = 0;
  for (const part of parts) {
    for (let done = 0; done < part.length;) {
      const taken = part.subarray(done, done + scratch.length - at);
      scratch.set(taken, at);
      done += taken.length;
      at += taken.length;
      if (at < scratch.length) continue;
      yield at;
      at = 0;
    }
  }
  if (at > 0) yield at;
}
