/** NumPy's files: `.npy`, one array, and `.npz`, a zip archive of them. Headers are read first; an array is read as a whole. */

import { messageOf, show } from "../../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { nameOf } from "../../places/place.ts";
import { digestFile } from "../digest.ts";
import { toFloat64 } from "../floats.ts";
import { isNpy, NPY_HEAD, type NpyHeader, npyHeader } from "./npy-header.ts";
import { columnMajor, gather, swapBytes } from "../strided.ts";
import { isZip, openZip, type ZipArchive } from "../zip/zip.ts";
import type { ZipEntry } from "../zip/entry.ts";

/** An array, and how to get all its bytes, header included. */
interface NamedArray {
  readonly header: NpyHeader;
  bytes(signal?: AbortSignal): Promise<Uint8Array>;
}

/** Reads `numpy.save`, `savez` and `savez_compressed`, and so chainer's `save_npz`. */
export const numpy: SourceFormat = {
  name: "numpy",
  extensions: [".npz", ".npy"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    try {
      const head = await source.slice(0, Math.min(NPY_HEAD, source.size), signal);
      return modelOf(path, id, source, await arraysOf(path, source, head, signal));
    } catch (failure) {
      await source.close();
      throw failure;
    }
  },
};

async function arraysOf(
  path: string,
  source: ByteSource,
  head: Uint8Array,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, NamedArray>> {
  if (isZip(head)) return await archived(path, await openZip(path, source, signal), signal);
  if (!isNpy(head)) {
    throw new SyntaxError(
      `${path}: found ${
        show(new TextDecoder("latin1").decode(head.subarray(0, 8)))
      } at byte 0, required a NumPy array or a zip archive of them`,
    );
  }
  const name = nameOf(path).replace(/\.npy$/i, "");
  const header = npyHeader(`${path}: array ${show(name)}`, head, source.size);
  return new Map([[name, { header, bytes: (signal) => source.slice(0, source.size, signal) }]]);
}

/** Names are the entries' paths, less `.npy`. Entries that are no arrays (a readme) are passed over. */
async function archived(
  path: string,
  archive: ZipArchive,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, NamedArray>> {
  const arrays = new Map<string, NamedArray>();
  for (const entry of archive.entries.values()) {
    const name = entry.name.replace(/\.npy$/, "");
    const head = await archive.head(entry, NPY_HEAD, signal);
    if (!isNpy(head)) {
      if (name === entry.name) continue;
      throw new SyntaxError(`${path}: array ${show(name)}: found no NumPy array, required one`);
    }
    if (arrays.has(name)) {
      throw new SyntaxError(`${path}: array ${show(name)}: found two of this name, required one`);
    }
    arrays.set(name, arrayOf(path, archive, entry, name, head));
  }
  if (arrays.size === 0) {
    throw new SyntaxError(`${path}: found no array in the zip archive, required at least one`);
  }
  return arrays;
}

function arrayOf(
  path: string,
  archive: ZipArchive,
  entry: ZipEntry,
  name: string,
  head: Uint8Array,
): NamedArray {
  return {
    header: npyHeader(`${path}: array ${show(name)}`, head, entry.size),
    bytes: (signal) => archive.read(entry, signal),
  };
}

function modelOf(
  path: string,
  id: string,
  source: ByteSource,
  arrays: ReadonlyMap<string, NamedArray>,
): Model {
  return {
    id,
    uri: path,
    format: "numpy",
    tensors: Array.from(arrays, ([name, { header }]) => infoOf(name, header)),
    metadata: new Map(),
    async read(name, signal) {
      const array = arrays.get(name);
      if (array === undefined) {
        throw new RangeError(`${path}: found no array ${show(name)}, required one of its ${arrays.size}`);
      }
      const { header } = array;
      const place = `${path}: array ${show(name)}`;
      if (header.unreadable !== undefined) throw new RangeError(`${place}: ${header.unreadable}`);
      const bytes = await array.bytes(signal);
      try {
        return valuesOf(header, bytes.subarray(header.data));
      } catch (cause) {
        throw new RangeError(`${place}: ${messageOf(cause)}`, { cause });
      }
    },
    inputs: async (signal, _, known) => [await digestFile(path, source, { signal, known })],
    close: () => source.close(),
  };
}

function valuesOf(
  { dtype, bytes: size, shape, fortran, littleEndian }: NpyHeader,
  data: Uint8Array,
): Float64Array {
  const strides = columnMajor(shape);
  const ordered = fortran && shape.length > 1 ? gather(data, { shape, strides, offset: 0 }, size) : data;
  return toFloat64(dtype, littleEndian ? ordered : swapBytes(ordered, size));
}

function infoOf(name: string, { dtype, shape, bytes, unreadable }: NpyHeader): TensorInfo {
  const info = { name, dtype, shape, byteLength: elementCount(shape) * bytes };
  return unreadable === undefined ? info : { ...info, unreadable };
}
