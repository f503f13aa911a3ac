/** The two containers that `torch.save` has written: a zip archive, and since long before it a row of pickles and storages. */

import { show } from "../../../src/model/errors.ts";
import type { ByteSource } from "../../bytes.ts";
import { windowOf } from "../zip/byte-window.ts";
import { type Pickle, readPickle } from "./pickle.ts";
import { PickleCutShort } from "./pickle-cursor.ts";
import { isKind, type PickleValue } from "./pickle-values.ts";
import { torchStorage } from "./tensor.ts";
import type { ZipArchive } from "../zip/zip.ts";

/** A file of torch's whose pickle has been read. */
export interface TorchContainer {
  readonly root: PickleValue;
  readonly littleEndian: boolean;
  /** Bytes of a storage in the file; undefined where there is no such storage. */
  sizeOf(key: string): number | undefined;
  /** A storage's bytes. */
  storage(key: string, signal?: AbortSignal): Promise<ByteSource>;
}

/** Whole modules carry their sources, some kilobytes each; tensors take a hundred bytes. A hundred thousand of either fit. */
const LONGEST_PICKLE = 64 * 2 ** 20;

/** The legacy container does not say how long its pickle is: this much is tried first, and eight times more each time. */
const FIRST_TRY = 2 ** 16;

/** What a legacy file begins with, pickled. */
const MAGIC = 0x1950a86a20f9469cfc6cn;

const LEGACY_PROTOCOL = 1001;

/** The entry of a zip archive that torch has pickled a model into; undefined where there is none. */
export function pickleEntry({ entries }: ZipArchive): string | undefined {
  return [...entries.keys()].find((name) => /^(?:[^/]+\/)?data\.pkl$/.test(name));
}

/**
 * Opens a zip archive of torch's: `data.pkl` and a storage each in `data/<key>`, or `constants.pkl` and `constants/<key>`.
 *
 * @param name of the pickle among the entries
 * @throws {SyntaxError} when the archive or its pickle is damaged
 */
export async function openTorchZip(
  what: string,
  archive: ZipArchive,
  name: string,
  signal?: AbortSignal,
): Promise<TorchContainer> {
  const folder = name.slice(0, name.lastIndexOf("/") + 1);
  const stem = name.slice(folder.length, -".pkl".length);
  const entry = archive.entries.get(name);
  if (entry === undefined || entry.size > LONGEST_PICKLE) {
    throw new SyntaxError(
      `${what}: ${show(name)}: found ${entry?.size} bytes, required up to ${LONGEST_PICKLE}`,
    );
  }
  const { value } = readPickle(await archive.read(entry, signal), what);
  const order = archive.entries.get(`${folder}byteorder`);
  const littleEndian = order === undefined || (await archive.head(order, 3, signal))[0] !== "b".charCodeAt(0);
  const at = (key: string) => archive.entries.get(`${folder}${stem}/${key}`);
  return {
    root: value,
    littleEndian,
    sizeOf: (key) => at(key)?.size,
    async storage(key, signal) {
      const found = at(key);
      if (found === undefined) throw new RangeError(`${what}: found no storage ${show(key)}, required one`);
      return await archive.source(found, signal);
    },
  };
}

/** Whether bytes begin with torch's magic number, in whatever protocol it is pickled. */
export function isLegacyTorch(head: Uint8Array): boolean {
  try {
    return readPickle(head, "").value === MAGIC;
  } catch {
    return false;
  }
}

/**
 * Opens the legacy container: four pickles (magic number, protocol, machine, the model), the list of storage keys, then
 * each storage, as its count of elements in 64 bits and the elements.
 *
 * @throws {SyntaxError} when it is damaged
 */
export async function openLegacyTorch(
  what: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<TorchContainer> {
  let at = 0;
  const next = async (): Promise<Pickle> => {
    const pickle = await pickleAt(what, source, at, signal);
    at += pickle.end;
    return pickle;
  };
  const [magic, protocol, machine, model, keys] = [
    await next(),
    await next(),
    await next(),
    await next(),
    await next(),
  ];
  if (magic.value !== MAGIC || protocol.value !== LEGACY_PROTOCOL) {
    throw new SyntaxError(
      `${what}: found protocol ${
        show(protocol.value)
      }, required ${LEGACY_PROTOCOL} (load it in torch and save it again)`,
    );
  }
  if (!isKind(keys.value, "list")) throw new SyntaxError(`${what}: found no list of storages, required one`);
  const littleEndian =
    !(isKind(machine.value, "dict") && machine.value.entries.get("little_endian") === false);
  const declared = new Map(
    model.persistent.flatMap((reference) => {
      const storage = torchStorage(reference);
      return storage === null ? [] : [[storage.key, storage] as const];
    }),
  );
  const places = new Map<string, { readonly start: number; readonly size: number }>();
  for (const item of keys.value.items) {
    const key = String(typeof item === "object" ? null : item);
    const storage = declared.get(key);
    const elements = await countAt(what, source, at, littleEndian, signal);
    if (storage === undefined || places.has(key) || elements !== BigInt(storage.elements)) {
      throw new SyntaxError(
        `${what}: storage ${show(key)} at byte ${at}: found ${elements} elements, required ${
          storage === undefined || places.has(key) ? "each storage of the pickle once" : storage.elements
        }`,
      );
    }
    const size = storage.elements * storage.elementBytes;
    places.set(key, { start: at + 8, size });
    at += 8 + size;
  }
  if (at > source.size) {
    throw new SyntaxError(
      `${what}: found ${source.size} bytes, required ${at} for its storages (cut short?)`,
    );
  }
  return {
    root: model.value,
    littleEndian,
    sizeOf: (key) => places.get(key)?.size,
    storage(key) {
      const { start, size } = places.get(key) ?? { start: 0, size: 0 };
      return Promise.resolve(windowOf(source, `${what}: storage ${show(key)}`, start, size));
    },
  };
}

async function pickleAt(
  what: string,
  source: ByteSource,
  at: number,
  signal?: AbortSignal,
): Promise<Pickle> {
  for (let length = FIRST_TRY;; length = Math.min(8 * length, LONGEST_PICKLE)) {
    const end = Math.min(source.size, at + length);
    try {
      return readPickle(await source.slice(at, end, signal), what);
    } catch (failure) {
      if (!(failure instanceof PickleCutShort) || end === source.size || length === LONGEST_PICKLE) {
        throw failure;
      }
    }
  }
}

async function countAt(
  what: string,
  source: ByteSource,
  at: number,
  littleEndian: boolean,
  signal?: AbortSignal,
): Promise<bigint> {
  if (at + 8 > source.size) {
    throw new SyntaxError(`${what}: found its end at byte ${source.size}, required a storage at byte ${at}`);
  }
  const bytes = await source.slice(at, at + 8, signal);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, littleEndian);
}
