/** Where the numbers of a data set lie, and how they are compressed. */

import type { Cursor, Hdf5Bytes } from "./bytes.ts";
import { MESSAGE, type Message } from "./header.ts";

/** One step of compression. */
export interface Filter {
  /** As registered: 1 deflate, 2 shuffle, 3 a checksum. */
  readonly id: number;
  readonly values: readonly number[];
}

/** Where a data set's numbers lie. */
export type Layout =
  | { readonly kind: "inside"; readonly bytes: Uint8Array }
  /** `at` is null where nothing was ever written. */
  | { readonly kind: "contiguous"; readonly at: number | null; readonly length: number }
  /** `chunk` are extents; `tree` leads to the chunks, `only` is the one there is; both null where nothing was ever written. */
  | {
    readonly kind: "chunked";
    readonly chunk: readonly number[];
    readonly tree: number | null;
    readonly only: { readonly at: number; readonly length: number | null } | null;
    readonly filters: readonly Filter[];
  }
  | { readonly kind: "unknown"; readonly reason: string };

/** HDF5 allows as many. */
const MOST_FILTERS = 32;

/** Filters that can be undone here. */
const KNOWN_FILTERS: readonly number[] = [1, 2, 3];

/** @throws {SyntaxError} when a message is damaged, or the data leaves the file */
export function parseLayout(file: Hdf5Bytes, header: readonly Message[]): Layout {
  if (header.some(({ type }) => type === MESSAGE.externalFiles)) {
    return { kind: "unknown", reason: "its data lies in another file, which is not opened" };
  }
  const layout = header.find(({ type }) => type === MESSAGE.layout);
  if (layout === undefined) return { kind: "unknown", reason: "the file does not say where its data lies" };
  const found = placed(layout.data, header);
  if (
    found.kind === "contiguous" && found.at !== null && found.at + file.base + found.length > file.source.size
  ) {
    throw layout.data.damaged(
      `${found.length} bytes of data at ${found.at}`,
      `within the file's ${file.source.size} bytes`,
    );
  }
  return found;
}

function placed(data: Cursor, header: readonly Message[]): Layout {
  const version = data.version("a data layout", 1, 2, 3, 4, 5);
  if (version < 3) {
    return { kind: "unknown", reason: "its layout is of before 2004 (h5repack writes it anew)" };
  }
  switch (data.u8()) {
    case 0:
      return { kind: "inside", bytes: data.take(data.u16()).slice() };
    case 1:
      return { kind: "contiguous", at: data.address(), length: data.length() };
    case 2:
      return version === 3 ? chunkedThree(data, header) : chunkedFour(data, header);
    default:
      return { kind: "unknown", reason: "it is put together from other data sets (h5repack writes it anew)" };
  }
}

function chunkedThree(data: Cursor, header: readonly Message[]): Layout {
  const rank = data.u8() - 1;
  const tree = data.address();
  const chunk = Array.from({ length: Math.max(0, rank) }, () => data.u32());
  return chunked(data, chunk, tree, null, header);
}

function chunkedFour(data: Cursor, header: readonly Message[]): Layout {
  const flags = data.u8();
  const rank = data.u8() - 1;
  const width = data.u8();
  const chunk = Array.from({ length: Math.max(0, rank) }, () => data.uint(width));
  data.skip(width);
  const index = data.u8();
  if (index !== 1) {
    return {
      kind: "unknown",
      reason: "its chunks are indexed in the newer way (h5repack --high=1 writes it anew)",
    };
  }
  const length = flags & 2 ? data.length() : null;
  if (flags & 2) data.skip(4);
  const at = data.address();
  return chunked(data, chunk, null, at === null ? null : { at, length }, header);
}

function chunked(
  data: Cursor,
  chunk: readonly number[],
  tree: number | null,
  only: { at: number; length: number | null } | null,
  header: readonly Message[],
): Layout {
  if (chunk.includes(0) || chunk.length === 0) {
    throw data.damaged(`chunks of ${chunk.join(" x ")}`, "some extent");
  }
  const message = header.find(({ type }) => type === MESSAGE.filters);
  const filters = message === undefined ? [] : parseFilters(message.data);
  const unknown = filters.find(({ id }) => !KNOWN_FILTERS.includes(id));
  return unknown === undefined ? { kind: "chunked", chunk, tree, only, filters } : {
    kind: "unknown",
    reason: `it is compressed by filter ${unknown.id}, not by deflate (h5repack -f GZIP=4 writes it anew)`,
  };
}

function parseFilters(data: Cursor): Filter[] {
  const version = data.version("a filter pipeline", 1, 2);
  const count = data.u8();
  if (count > MOST_FILTERS) throw data.damaged(`${count} filters`, `at most ${MOST_FILTERS}`);
  if (version === 1) data.skip(6);
  return Array.from({ length: count }, () => {
    const id = data.u16();
    const nameLength = version === 1 || id >= 256 ? data.u16() : 0;
    const valueCount = data.skip(2).u16();
    data.skip(version === 1 ? Math.ceil(nameLength / 8) * 8 : nameLength);
    const values = Array.from({ length: valueCount }, () => data.u32());
    if (version === 1 && valueCount % 2 === 1) data.skip(4);
    return { id, values };
  });
}
