/**
 * HDF5, as far as files of weights need it: groups, data sets of numbers, attributes of text. The whole tree of names is read at
 * once, the numbers one data set at a time, by position.
 */

import { show } from "../../../src/model/errors.ts";
import type { ByteSource } from "../../bytes.ts";
import { unreadable } from "../floats.ts";
import { AttributeReader, type Attributes } from "./attributes.ts";
import { Hdf5Bytes, LONGEST_NAME } from "./bytes.ts";
import { readChunks } from "./chunks.ts";
import { MESSAGE, type Message, readHeader } from "./header.ts";
import { type Layout, parseLayout } from "./layout.ts";
import { readLinks } from "./links.ts";
import { parseDataspace, parseDatatype } from "./types.ts";

/** An array in the file. */
export interface Hdf5Dataset {
  /** Names of groups and its own, joined by slashes. */
  readonly path: string;
  /** Its own last name. */
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes of its numbers, uncompressed. */
  readonly byteLength: number;
  /** Why it cannot be read as real numbers. */
  readonly unreadable?: string;
  /** Its bytes, little-endian, row-major. @throws {SyntaxError} when they are damaged */
  read(signal?: AbortSignal): Promise<Uint8Array>;
}

/** A file that has been opened. */
export interface Hdf5File {
  /** In the file's order, which is by name in each group. */
  readonly datasets: readonly Hdf5Dataset[];
  /** Attributes that hold text, by the path of their group; `""` is the root. */
  readonly groups: ReadonlyMap<string, Attributes>;
}

const SIGNATURE = "\u0089HDF\r\n\u001a\n";

/** The largest published models hold some thousands of weights, with an optimizer three times as many. */
const MOST_DATASETS = 200_000;

/** Models in models in models; frameworks' own limit on recursion is near. */
const DEEPEST_GROUP = 64;

/** Deflate's best. A data set that says to be larger than this times its file cannot be in it. */
const BEST_RATIO = 1032;

/**
 * Opens an HDF5 file: reads all names, shapes and places.
 *
 * @param what the file in messages
 * @throws {SyntaxError} when it is no HDF5 file, or damaged, or a data set leaves it; names the place
 */
export async function openHdf5(what: string, source: ByteSource, signal?: AbortSignal): Promise<Hdf5File> {
  const file = new Hdf5Bytes(what, source);
  const root = await readSuperblock(file, signal);
  const attributes = new AttributeReader(file);
  const datasets: Hdf5Dataset[] = [];
  const groups = new Map<string, Attributes>();
  const visited = new Set<number>();
  const open = [{ at: root, path: "", name: "", depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { at, path, name, depth } = next;
    const header = await readHeader(file, at, signal);
    const links = await readLinks(file, header, visited, signal);
    if (links === null) {
      const dataset = await datasetOf(file, path, name, header, attributes, signal);
      if (dataset !== null) datasets.push(dataset);
      if (datasets.length > MOST_DATASETS) {
        throw file.damaged(at, `more than ${MOST_DATASETS} data sets`, "as many at most");
      }
      continue;
    }
    if (visited.has(at) || depth > DEEPEST_GROUP || path.length > 4 * LONGEST_NAME) {
      throw file.damaged(
        at,
        `the group ${show(path)}, which is met twice or lies too deep`,
        "a tree of groups",
      );
    }
    visited.add(at);
    groups.set(path, await attributes.read(header, signal));
    const inside = links.flatMap((link) =>
      link.at === null
        ? [] // a link by path or into another file, which is not followed
        : [{
          at: link.at,
          name: link.name,
          path: path === "" ? link.name : `${path}/${link.name}`,
          depth: depth + 1,
        }]
    );
    for (const each of inside.reverse()) open.push(each);
  }
  return { datasets, groups };
}

async function readSuperblock(file: Hdf5Bytes, signal?: AbortSignal): Promise<number> {
  const { size } = file.source;
  if (size < 48) {
    throw new SyntaxError(`${file.what}: found ${size} bytes, required an HDF5 file of at least 48`);
  }
  const head = await file.read(0, Math.min(size, 128), signal);
  if (String.fromCharCode(...head.take(8)) !== SIGNATURE) {
    head.at = 0;
    throw head.damaged(show(head.text(head.take(8))), "HDF5's signature (is this an HDF5 file?)");
  }
  const version = head.version("the superblock", 0, 1, 2, 3);
  if (version < 2) head.skip(4);
  [file.offsetSize, file.lengthSize] = [head.u8(), head.u8()];
  for (const each of [file.offsetSize, file.lengthSize]) {
    if (each !== 4 && each !== 8) throw head.damaged(`numbers of ${each} bytes`, "4 or 8");
  }
  if (version >= 2) {
    head.skip(1);
    file.base = head.defined("the file's base");
    head.skip(2 * file.offsetSize);
    return head.defined("the root group");
  }
  head.skip(version === 0 ? 9 : 13);
  file.base = head.defined("the file's base");
  head.skip(3 * file.offsetSize + file.offsetSize);
  return head.defined("the root group");
}

/** Null where the object is neither a group nor a data set. */
async function datasetOf(
  file: Hdf5Bytes,
  path: string,
  name: string,
  header: readonly Message[],
  attributes: AttributeReader,
  signal?: AbortSignal,
): Promise<Hdf5Dataset | null> {
  const message = (wanted: number) => header.find(({ type }) => type === wanted);
  const [space, typed] = [message(MESSAGE.dataspace), message(MESSAGE.datatype)];
  if (space === undefined || typed === undefined || message(MESSAGE.layout) === undefined) return null;
  const place = `${file.what}: data set ${show(path)}`;
  if (typed.shared || space.shared) {
    const unreadable = "its type is shared with other data sets (h5repack does not; save the model again)";
    return {
      path,
      name,
      dtype: "shared",
      shape: [],
      byteLength: 0,
      unreadable,
      read: () => refused(place, unreadable),
    };
  }
  const type = parseDatatype(typed.data);
  const shape = parseDataspace(space.data);
  const layout = parseLayout(file, header);
  const dtype = type.kind === "opaque" && type.size === 2 &&
      (await attributes.read(header, signal)).get("dtype")?.[0] === "bfloat16"
    ? "BF16" // Keras's way: HDF5 has no name for it
    : type.name;
  const byteLength = (shape ?? [0]).reduce((product, extent) => product * extent, type.size);
  const unreadable = shape === null ? "it is without any element" : problem(dtype, layout, byteLength);
  checkSize(file, place, shape ?? [], byteLength, layout);
  const whole = { path, name, dtype, shape: shape ?? [0], byteLength };
  if (unreadable !== null) return { ...whole, unreadable, read: () => refused(place, unreadable) };
  return {
    ...whole,
    async read(signal) {
      const bytes = await bytesOf(file, place, whole.shape, type.size, byteLength, layout, signal);
      return type.bigEndian ? swapped(bytes, type.size) : bytes;
    },
  };
}

function refused(place: string, reason: string): Promise<never> {
  return Promise.reject(new RangeError(`${place}: ${reason}`));
}

function problem(dtype: string, layout: Layout, byteLength: number): string | null {
  const unknown = unreadable(dtype);
  if (unknown !== undefined) return unknown;
  if (layout.kind === "unknown") return layout.reason;
  return layout.kind === "contiguous" && layout.at === null && byteLength > 0 ? "it was never written" : null;
}

/** Impossible sizes are found before anything of that size is allocated. */
function checkSize(
  file: Hdf5Bytes,
  place: string,
  shape: readonly number[],
  byteLength: number,
  layout: Layout,
): void {
  const found = `${shape.join(" x ")} elements in ${byteLength} bytes`;
  if (layout.kind === "inside" && layout.bytes.length < byteLength) {
    throw new SyntaxError(`${place}: found ${found}, required within its ${layout.bytes.length} bytes`);
  }
  if (layout.kind === "contiguous" && layout.at !== null && layout.length !== byteLength) {
    throw new SyntaxError(`${place}: found ${found}, required the ${layout.length} bytes that it has`);
  }
  const most = file.source.size * (layout.kind === "chunked" && layout.filters.length > 0 ? BEST_RATIO : 1);
  if (
    !(layout.kind === "unknown" || layout.kind === "contiguous" && layout.at === null) && byteLength > most
  ) {
    throw new SyntaxError(
      `${place}: found ${found}, required at most ${most} in a file of ${file.source.size}`,
    );
  }
}

async function bytesOf(
  file: Hdf5Bytes,
  place: string,
  shape: readonly number[],
  size: number,
  byteLength: number,
  layout: Layout,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  if (byteLength === 0) return new Uint8Array();
  if (layout.kind === "inside") return layout.bytes.slice(0, byteLength);
  if (layout.kind === "contiguous" && layout.at !== null) {
    const start = layout.at + file.base;
    return await file.source.slice(start, start + byteLength, signal);
  }
  if (layout.kind === "chunked") return await readChunks(file, place, shape, size, layout, signal);
  return await refused(place, "it was never written");
}

function swapped(bytes: Uint8Array, size: number): Uint8Array {
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  return bytes;
}
