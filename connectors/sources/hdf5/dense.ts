/** Groups with many links in files of the newer layout: a B-tree of names that lead into a fractal heap. */

import type { Cursor, Hdf5Bytes } from "./bytes.ts";

/** B-trees of a hundred million records are this deep. */
const DEEPEST_TREE = 16;

/** HDF5's own limit on addresses within a heap, in bits. */
const MOST_HEAP_BITS = 64;

/** Signature, version and kind before, a checksum behind. */
const NODE_FRAME = 10;

/** Records of a tree by link name: a hash, then where the link lies in the heap. */
const HASH_BYTES = 4;

/**
 * The link messages that a link info message leads to.
 *
 * @throws {SyntaxError} when heap or tree are damaged, or kept in a way that nobody writes for links
 */
export async function denseLinks(
  file: Hdf5Bytes,
  info: Cursor,
  visited: Set<number>,
  signal?: AbortSignal,
): Promise<Cursor[]> {
  info.version("link information", 0);
  info.skip(info.u8() & 1 ? 8 : 0);
  const heapAt = info.address();
  const treeAt = info.address();
  if (heapAt === null || treeAt === null) return [];
  const heap = await FractalHeap.open(file, heapAt, signal);
  const links: Cursor[] = [];
  for (const record of await records(file, treeAt, visited, signal)) {
    links.push(await heap.object(record.skip(HASH_BYTES), signal));
  }
  return links;
}

/** All records of a B-tree of version 2 that is indexed by name. */
async function records(
  file: Hdf5Bytes,
  at: number,
  visited: Set<number>,
  signal?: AbortSignal,
): Promise<Cursor[]> {
  const head = await file.read(at, 22 + file.offsetSize + file.lengthSize, signal);
  head.expect("BTHD").version("a tree", 0);
  head.version("a tree of links by name", 5);
  const [nodeSize, recordSize, depth] = [head.u32(), head.u16(), head.u16()];
  const root = head.skip(2).address();
  const count = head.u16();
  if (root === null || count === 0) return [];
  if (recordSize <= HASH_BYTES || nodeSize < NODE_FRAME + recordSize || depth > DEEPEST_TREE) {
    throw head.damaged(
      `nodes of ${nodeSize} bytes, records of ${recordSize}, a depth of ${depth}`,
      `records that fit and a depth of at most ${DEEPEST_TREE}`,
    );
  }
  const levels = pointerSizes(file, nodeSize, recordSize, depth);
  const found: Cursor[] = [];
  const open = [{ at: root, count, level: depth }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (visited.has(next.at)) throw file.damaged(next.at, "a tree that leads back to itself", "a tree");
    visited.add(next.at);
    const node = await file.read(next.at, nodeSize, signal);
    node.expect(next.level === 0 ? "BTLF" : "BTIN").version("a node", 0);
    node.skip(1);
    for (let i = 0; i < next.count; i++) found.push(node.part(recordSize));
    if (next.level === 0) continue;
    const { counts, totals } = levels[next.level]!;
    for (let i = 0; i <= next.count; i++) {
      const child = node.defined("a node");
      open.push({ at: child, count: node.uint(counts), level: next.level - 1 });
      node.skip(totals);
    }
  }
  return found;
}

/** Bytes of the counts in the pointers of each level's nodes: as many as the largest count needs. */
function pointerSizes(
  file: Hdf5Bytes,
  nodeSize: number,
  recordSize: number,
  depth: number,
): { counts: number; totals: number }[] {
  let most = Math.floor((nodeSize - NODE_FRAME) / recordSize);
  let total = most;
  let totals = 0;
  const counts = bytesFor(most);
  const levels = [{ counts: 0, totals: 0 }];
  for (let level = 1; level <= depth; level++) {
    const pointer = file.offsetSize + counts + totals;
    levels.push({ counts, totals });
    most = Math.floor((nodeSize - NODE_FRAME - pointer) / (recordSize + pointer));
    total = (most + 1) * total + most;
    totals = bytesFor(total);
  }
  return levels;
}

function bytesFor(value: number): number {
  return Math.max(1, Math.ceil(Math.log2(value + 1) / 8));
}

/** A heap whose blocks double in size, row by row. */
class FractalHeap {
  readonly #file: Hdf5Bytes;
  readonly #width: number;
  readonly #start: number;
  readonly #largest: number;
  readonly #offsetBytes: number;
  readonly #lengthBytes: number;
  readonly #root: number | null;
  /** Rows of the root where it leads to blocks; 0 where it is one. */
  readonly #rows: number;

  static async open(file: Hdf5Bytes, at: number, signal?: AbortSignal): Promise<FractalHeap> {
    return new FractalHeap(
      file,
      await file.read(at, 22 + 12 * file.lengthSize + 3 * file.offsetSize, signal),
    );
  }

  private constructor(file: Hdf5Bytes, head: Cursor) {
    this.#file = file;
    head.expect("FRHP").version("a heap", 0);
    const filters = head.skip(2).u16();
    const largestObject = head.skip(1).u32();
    head.skip(10 * file.lengthSize + 2 * file.offsetSize);
    this.#width = head.u16();
    this.#start = head.length();
    this.#largest = head.length();
    const bits = head.u16();
    head.skip(2);
    this.#root = head.address();
    this.#rows = head.u16();
    const sound = this.#width > 0 && this.#start > 0 && this.#largest >= this.#start &&
      bits <= MOST_HEAP_BITS &&
      this.#largest <= file.source.size && this.#rows <= MOST_HEAP_BITS;
    if (filters !== 0 || !sound) {
      throw head.damaged("a heap that is compressed or has no sizes", "a plain one");
    }
    this.#offsetBytes = Math.ceil(bits / 8);
    this.#lengthBytes = bytesFor(Math.min(this.#largest, largestObject));
  }

  /** The object that an id leads to. */
  async object(id: Cursor, signal?: AbortSignal): Promise<Cursor> {
    const kind = id.u8() >> 4 & 3;
    if (kind !== 0) throw id.damaged(`an object of kind ${kind}`, "one within a block");
    const offset = id.uint(this.#offsetBytes);
    const length = id.uint(this.#lengthBytes);
    const at = await this.#locate(offset, length, signal);
    return await this.#file.read(at, length, signal);
  }

  async #locate(offset: number, length: number, signal?: AbortSignal): Promise<number> {
    let [block, rows, rest] = [this.#root, this.#rows, offset];
    for (let depth = 0; block !== null && depth < DEEPEST_TREE; depth++) {
      if (rows === 0) {
        if (rest + length > (this.#rows === 0 ? this.#start : this.#largest)) break;
        return block + rest;
      }
      const { row, column, within, size } = this.#place(rest);
      if (row >= rows) break;
      const frame = 5 + this.#file.offsetSize + this.#offsetBytes;
      const child = block + frame + (row * this.#width + column) * this.#file.offsetSize;
      (await this.#file.read(block, 5, signal)).expect("FHIB").version("a block", 0);
      block = (await this.#file.read(child, this.#file.offsetSize, signal)).address();
      rest = within;
      rows = size <= this.#largest ? 0 : Math.log2(size / (this.#start * this.#width)) + 1;
    }
    throw this.#file.damaged(this.#root ?? 0, `no object of ${length} bytes at ${offset} of a heap`, "one");
  }

  /** Rows 0 and 1 have blocks of the first size; each later row doubles it. */
  #place(offset: number): { row: number; column: number; within: number; size: number } {
    const first = this.#start * this.#width;
    const row = offset < first ? 0 : Math.floor(Math.log2(offset / first)) + 1;
    const size = row === 0 ? this.#start : this.#start * 2 ** (row - 1);
    const rest = row === 0 ? offset : offset - first * 2 ** (row - 1);
    const column = Math.floor(rest / size);
    return { row, column, within: rest - column * size, size };
  }
}
