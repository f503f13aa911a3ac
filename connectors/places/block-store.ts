/** Blocks of one file, on disk. Each is a file of its own, named by its range, with a digest behind its bytes: a damaged one is none. */

import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ByteRange } from "../bytes.ts";

/** Bytes of the digest behind a block. */
export const DIGEST_BYTES = 32;

/** Names of files that are being written. */
export const UNFINISHED = ".partial-";

/** Small blocks are kept in memory too: structures of a file are read in tiny pieces. */
const SMALL = 256 * 1024;
const MOST_KEPT = 2 * 2 ** 20;

/** The blocks of one version of one file. */
export class BlockStore {
  readonly #folder: string | null;
  readonly #wrote: (bytes: number) => Promise<void>;
  /** In order and apart. */
  #blocks: ByteRange[] = [];
  readonly #kept = new Map<number, Uint8Array>();
  #keptBytes = 0;
  readonly #used = new Set<number>();

  /**
   * @param folder null to keep small blocks in memory, and nothing else
   * @param wrote is told of bytes that were added to the folder
   */
  constructor(folder: string | null, wrote: (bytes: number) => Promise<void>) {
    this.#folder = folder;
    this.#wrote = wrote;
  }

  /** Finds out which blocks there are already. */
  async load(): Promise<void> {
    const names = this.#folder === null ? [] : await readdir(this.#folder).catch(() => []);
    const found = names.flatMap((name): ByteRange[] => {
      const [, start, end] = /^(\d{1,15})-(\d{1,15})$/.exec(name) ?? [];
      return start === undefined || Number(start) >= Number(end)
        ? []
        : [{ start: Number(start), end: Number(end) }];
    });
    found.sort((a, b) => a.start - b.start || b.end - a.end);
    for (const block of found) if (block.start >= (this.#blocks.at(-1)?.end ?? 0)) this.#blocks.push(block);
  }

  /** The block with this position in it. */
  at(position: number): ByteRange | undefined {
    const block = this.#blocks[this.#index(position)];
    return block !== undefined && block.start <= position ? block : undefined;
  }

  /** Where the next block behind this position begins; infinity where there is none. */
  nextStart(position: number): number {
    const index = this.#index(position);
    const block = this.#blocks[index];
    if (block === undefined) return Infinity;
    return block.start > position ? block.start : this.#blocks[index + 1]?.start ?? Infinity;
  }

  /** A block's bytes; null where it has gone or is damaged, and then it is no block any more. */
  async read({ start, end }: ByteRange): Promise<Uint8Array | null> {
    const kept = this.#kept.get(start);
    if (kept !== undefined && kept.length === end - start) return kept;
    const path = this.#folder === null ? null : join(this.#folder, `${start}-${end}`);
    const bytes = path === null ? null : await readFile(path).catch(() => null);
    const body = bytes?.subarray(0, end - start);
    if (body === undefined || bytes?.length !== end - start + DIGEST_BYTES || !isIntact(body, bytes)) {
      this.#blocks = this.#blocks.filter((block) => block.start !== start);
      if (path !== null) await rm(path, { force: true }).catch(() => {});
      return null;
    }
    this.#keep(start, body);
    if (path !== null && !this.#used.has(start)) {
      this.#used.add(start);
      // What was used last goes last.
      const now = new Date();
      await utimes(path, now, now).catch(() => {});
    }
    return body;
  }

  /** Adds a block. Where the disk does not take it, it is forgotten, and fetched again when it is needed again. */
  async write(start: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const kept = this.#keep(start, bytes);
    const stored = this.#folder === null ? false : await this.#stored(this.#folder, start, bytes);
    if (!stored && !kept) return;
    if (this.at(start) !== undefined) return;
    this.#blocks.splice(this.#index(start), 0, { start, end: start + bytes.length });
  }

  async #stored(folder: string, start: number, bytes: Uint8Array): Promise<boolean> {
    const unfinished = join(folder, `${UNFINISHED}${randomBytes(8).toString("hex")}`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(unfinished, [bytes, digestOf(bytes)], { mode: 0o600, flag: "wx" });
      await rename(unfinished, join(folder, `${start}-${start + bytes.length}`));
      await this.#wrote(bytes.length + DIGEST_BYTES);
      return true;
    } catch {
      await rm(unfinished, { force: true }).catch(() => {});
      return false;
    }
  }

  #keep(start: number, bytes: Uint8Array): boolean {
    if (bytes.length > SMALL) return false;
    this.#keptBytes += bytes.length - (this.#kept.get(start)?.length ?? 0);
    this.#kept.delete(start);
    this.#kept.set(start, bytes);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= MOST_KEPT) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
    return true;
  }

  /** Index of the first block that ends behind the position. */
  #index(position: number): number {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blocks[middle]!.end <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function isIntact(body: Uint8Array, whole: Uint8Array): boolean {
  return digestOf(body).every((byte, at) => byte === whole[body.length + at]);
}
