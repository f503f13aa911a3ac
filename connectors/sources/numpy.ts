/** NumPy's files: `.npy`, one array, and `.npz`, a zip of them. Arrays of Python objects are listed and never loaded. */

import { basename } from "node:path";
import { show } from "../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../src/model/ports.ts";
import type { ByteSource } from "../bytes.ts";
import { digestFile, openFile } from "./file.ts";
import { type NpyHeader, npyHeaderBytes, npyValues, parseNpy, PREFIX_BYTES } from "./npy.ts";
import { openZip, type ZipArchive, type ZipEntry } from "./zip.ts";

/** The end of the names of arrays in an archive. */
const NPY = ".npy";

/** An array, and how its bytes are read. */
interface StoredArray {
  readonly header: NpyHeader;
  bytes(signal?: AbortSignal): Promise<Uint8Array>;
}

/** Reads `.npy` files. The one tensor is called as the file is. */
export const npy: SourceFormat = {
  name: "npy",
  extensions: [NPY],
  open: (path, id, signal) =>
    opened(path, async (source) => {
      const name = basename(path).slice(0, -NPY.length);
      const header = await headerOf(path, source.size, name, (length) => source.slice(0, length, signal));
      const bytes = (signal?: AbortSignal) => source.slice(header.data, source.size, signal);
      return modelOf(path, id, npy.name, source, [{ header, bytes }]);
    }),
};

/** Reads `.npz` files. Tensors are called as their entries are, without `.npy`; other entries are no tensors. */
export const npz: SourceFormat = {
  name: "npz",
  extensions: [".npz"],
  open: (path, id, signal) =>
    opened(path, async (source) => {
      const archive = await openZip(path, source, signal);
      const arrays: StoredArray[] = [];
      for (const entry of archive.entries.values()) {
        if (entry.name.endsWith(NPY)) arrays.push(await arrayOf(path, archive, entry, signal));
      }
      return modelOf(path, id, npz.name, source, arrays);
    }),
};

async function opened(path: string, read: (source: ByteSource) => Promise<Model>): Promise<Model> {
  const source = await openFile(path);
  try {
    return await read(source);
  } catch (failure) {
    await source.close();
    throw failure;
  }
}

async function arrayOf(
  path: string,
  archive: ZipArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<StoredArray> {
  const name = entry.name.slice(0, -NPY.length);
  const what = `${path}: ${show(entry.name)}`;
  const header = await headerOf(what, entry.size, name, (length) => archive.head(entry, length, signal));
  const bytes = async (signal?: AbortSignal) => (await archive.read(entry, signal)).subarray(header.data);
  return { header, bytes };
}

async function headerOf(
  what: string,
  size: number,
  name: string,
  head: (length: number) => Promise<Uint8Array>,
): Promise<NpyHeader> {
  if (size < PREFIX_BYTES) {
    throw new SyntaxError(`${what}: found ${size} bytes, required at least ${PREFIX_BYTES} of a NumPy array`);
  }
  const length = npyHeaderBytes(what, await head(PREFIX_BYTES));
  if (length > size) {
    throw new SyntaxError(`${what}: header: found its end at byte ${length}, required within ${size} bytes`);
  }
  return parseNpy(what, await head(length), size, name);
}

function modelOf(
  path: string,
  id: string,
  format: string,
  source: ByteSource,
  arrays: readonly StoredArray[],
): Model {
  const byName = new Map(arrays.map((array) => [array.header.name, array]));
  return {
    id,
    uri: path,
    format,
    tensors: arrays.map(({ header }) => header),
    metadata: new Map(),
    async read(name, signal) {
      const array = byName.get(name);
      if (array === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${byName.size}`);
      }
      if (array.header.unreadable !== undefined) {
        throw new RangeError(`${path}: tensor ${show(name)}: ${array.header.unreadable}`);
      }
      return npyValues(array.header, await array.bytes(signal));
    },
    inputs: async (signal) => [await digestFile(path, source, signal)],
    close: () => source.close(),
  };
}
