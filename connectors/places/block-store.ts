/** Blocks of one file, on disk. Each is a file of its own, named by its range, with a digest behind its bytes: a damaged one is none. */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { LruCache } from "../../src/base/lru-cache.ts";
import type { LruFolder } from "../../src/base/lru-folder.ts";
import type { ByteRange } from "../bytes.ts";

/** Bytes of the digest behind a block. */
const DIGEST_BYTES = 32;

/** Small blocks are kept in memory too: structures of a file are read in tiny pieces. */
const SMALL = 256 * 1024;
const MOST_KEPT = 2 * 2 ** 20;

/** The blocks of one version of one file. */
export class BlockStore {
  readonly #files: LruFolder | null;
  readonly #prefix: string;
  /** In order and apart. */
  #blocks: ByteRange[] = [];
  readonly #kept = new LruCache<number, Uint8Array>(MOST_KEPT, ({ length }) => length);
  readonly #used = new Set<number>();

  /**
   * @param files null to keep small blocks in memory, and nothing else
   * @param prefix of the blocks' names in it: nothing, or a folder with `/`
   */
  constructor(files: LruFolder | null, prefix = "") {
    this.#files = files;
    this.#prefix = prefix;
  }

  /** Finds out which blocks there are already. */
  async load(): Promise<void> {
    const names = this.#files === null ? [] : await readdir(this.#files.path(this.#prefix)).catch(() => []);
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
    const name = `${this.#prefix}${start}-${end}`;
    const bytes = this.#files === null ? null : await readFile(this.#files.path(name)).catch(() => null);
    const body = bytes?.subarray(0, end - start);
    if (body === undefined || bytes?.length !== end - start + DIGEST_BYTES || !isIntact(body, bytes)) {
      this.#blocks = this.#blocks.filter((block) => block.start !== start);
      await this.#files?.remove(name).catch(() => undefined);
      return null;
    }
    if (body.length <= SMALL) this.#kept.set(start, body);
    if (!this.#used.has(start)) {
      this.#used.add(start);
      await this.#files?.touch(name);
    }
    return body;
  }

  /** Adds a block. Where the disk does not take it, it is forgotten, and fetched again when it is needed again. */
  async write(start: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    if (bytes.length <= SMALL) this.#kept.set(start, bytes);
    const end = start + bytes.length;
    const stored = await this.#files?.put(`${this.#prefix}${start}-${end}`, [bytes, digestOf(bytes)])
      .catch(() => false);
    if ((stored !== true && bytes.length > SMALL) || this.at(start) !== undefined) return;
    this.#blocks.splice(this.#index(start), 0, { start, end });
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
