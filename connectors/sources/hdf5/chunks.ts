/** Data sets in chunks: found by their tree, decompressed one by one, put together. */

import { inflateSync } from "node:zlib";
import { messageOf } from "../../../src/model/errors.ts";
import type { Hdf5Bytes } from "./bytes.ts";
import type { Filter, Layout } from "./layout.ts";

/** Deflate's best: 258 bytes from two bits. Whoever declares more is a bomb. */
const BEST_RATIO = 1032;

/** B-trees of a hundred million chunks are this deep. */
const DEEPEST_TREE = 32;

/** HDF5 keeps a chunk below 4 GiB; ours must fit into memory beside the tensor. */
const LARGEST_CHUNK = 2 ** 31 - 1;

interface Chunk {
  /** First element, along every axis. */
  readonly from: readonly number[];
  readonly at: number;
  readonly length: number;
  /** Bit `i`: filter `i` was left out. */
  readonly mask: number;
}

type Chunked = Layout & { readonly kind: "chunked" };

/**
 * All bytes of a data set, row-major. Nothing of its size is allocated before every chunk was found.
 *
 * @param size bytes of an element
 * @throws {SyntaxError} when chunks are missing, damaged, or hold less than they declare
 */
export async function readChunks(
  file: Hdf5Bytes,
  place: string,
  shape: readonly number[],
  size: number,
  layout: Chunked,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { chunk, filters } = layout;
  const chunkBytes = chunk.reduce((product, extent) => product * extent, size);
  const grid = shape.map((extent, axis) => Math.ceil(extent / (chunk[axis] ?? 1)));
  const wanted = grid.reduce((product, each) => product * each, 1);
  if (chunk.length !== shape.length || chunkBytes > LARGEST_CHUNK) {
    throw new SyntaxError(
      `${place}: found chunks of ${
        chunk.join(" x ")
      }, required ${shape.length} axes and at most ${LARGEST_CHUNK} bytes`,
    );
  }
  const chunks = await findChunks(file, shape.length, layout, chunkBytes, signal);
  const whole = chunks.filter(({ length }) =>
    chunkBytes <= (filters.length === 0 ? length : length * BEST_RATIO)
  );
  const places = new Set(chunks.map(({ from }) => from.join()));
  const inGrid = chunks.every(({ from }) =>
    from.every((at, axis) => at % chunk[axis]! === 0 && at < shape[axis]!)
  );
  if (whole.length !== wanted || places.size !== wanted || !inGrid) {
    throw new SyntaxError(
      `${place}: found ${whole.length} whole chunks of ${chunk.join(" x ")}, required ${wanted} for ${
        shape.join(" x ")
      }`,
    );
  }
  const out = new Uint8Array(shape.reduce((product, extent) => product * extent, size));
  for (const each of chunks) {
    const stored = await file.source.slice(each.at + file.base, each.at + file.base + each.length, signal);
    copy(unfiltered(place, stored, chunkBytes, filters, each.mask), each.from, chunk, out, shape, size);
  }
  return out;
}

async function findChunks(
  file: Hdf5Bytes,
  rank: number,
  { tree, only, filters }: Chunked,
  chunkBytes: number,
  signal?: AbortSignal,
): Promise<Chunk[]> {
  const from = Array.from({ length: rank }, () => 0);
  if (only !== null) return [{ from, at: only.at, length: only.length ?? chunkBytes, mask: 0 }];
  const found: Chunk[] = [];
  const visited = new Set<number>();
  const open = tree === null ? [] : [{ at: tree, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { at, depth } = next;
    if (visited.has(at) || depth > DEEPEST_TREE) {
      throw file.damaged(at, "a tree of chunks that leads back to itself", "a tree");
    }
    visited.add(at);
    const head = await file.read(at, 8, signal);
    head.expect("TREE").version("a tree of chunks", 1);
    const level = head.u8();
    const count = head.u16();
    const key = 8 + 8 * (rank + 1);
    const node = await file.read(at, 8 + 2 * file.offsetSize + count * (key + file.offsetSize), signal);
    node.skip(8 + 2 * file.offsetSize);
    for (let i = 0; i < count; i++) {
      const [length, mask] = [node.u32(), node.u32()];
      const first = Array.from({ length: rank }, () => node.uint(8));
      const child = node.skip(8).defined("a chunk");
      if (level > 0) open.push({ at: child, depth: depth + 1 });
      else found.push({ from: first, at: child, length: filters.length === 0 ? chunkBytes : length, mask });
    }
  }
  return found;
}

function unfiltered(
  place: string,
  stored: Uint8Array,
  size: number,
  filters: readonly Filter[],
  mask: number,
): Uint8Array {
  let bytes = stored;
  for (let i = filters.length - 1; i >= 0; i--) {
    const { id, values } = filters[i]!;
    if (mask >> i & 1) continue;
    if (id === 1) bytes = inflated(place, bytes, size);
    else if (id === 2) bytes = unshuffled(bytes, values[0] ?? 1);
    else bytes = bytes.subarray(0, Math.max(0, bytes.length - 4)); // the checksum behind
  }
  if (bytes.length === size) return bytes;
  throw new SyntaxError(`${place}: found a chunk of ${bytes.length} bytes, required ${size}`);
}

function inflated(place: string, bytes: Uint8Array, size: number): Uint8Array {
  try {
    // A checksum may be inside.
    return inflateSync(bytes, { maxOutputLength: size + 4 });
  } catch (cause) {
    throw new SyntaxError(
      `${place}: found a chunk that does not inflate (${messageOf(cause)}), required ${size} bytes, deflated`,
      { cause },
    );
  }
}

/** First the first bytes of all elements, then the second bytes, and so on. */
function unshuffled(bytes: Uint8Array, size: number): Uint8Array {
  const count = size < 1 ? 0 : Math.floor(bytes.length / size);
  if (size === 1 || count === 0) return bytes;
  const out = Uint8Array.from(bytes); // zlib's buffers make views, not copies, by slice
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < count; i++) out[i * size + byte] = bytes[byte * count + i]!;
  }
  return out;
}

/** A chunk's rows into the whole; what hangs over the edge is left out. */
function copy(
  chunk: Uint8Array,
  from: readonly number[],
  extents: readonly number[],
  out: Uint8Array,
  shape: readonly number[],
  size: number,
): void {
  const last = shape.length - 1;
  const row = Math.min(extents[last]!, shape[last]! - from[last]!) * size;
  const index = extents.map(() => 0);
  const rows = extents.slice(0, last).reduce((product, extent) => product * extent, 1);
  for (let r = 0; r < rows; r++) {
    let at = 0;
    let inside = true;
    for (let axis = 0; axis < last; axis++) {
      const position = from[axis]! + index[axis]!;
      inside &&= position < shape[axis]!;
      at = (at + position) * shape[axis + 1]!;
    }
    const start = (at + from[last]!) * size;
    const begin = r * extents[last]! * size;
    if (inside) out.set(chunk.subarray(begin, begin + row), start);
    for (let axis = last - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      if (index[axis]! < extents[axis]!) break;
      index[axis] = 0;
    }
  }
}
