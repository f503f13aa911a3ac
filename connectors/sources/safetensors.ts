/**
 * The safetensors format: 8 bytes of header length (little-endian), a JSON header, then the tensors' data. Opened by its
 * header alone; one tensor is read at a time, by position.
 */

import { messageOf, show } from "../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../src/model/ports.ts";
import { elementCount, type TensorInfo } from "../../src/model/tensor.ts";
import type { ByteSource } from "../bytes.ts";
import { openPlace } from "../places/open.ts";
import { digestFile } from "./digest.ts";
import { DTYPE_BYTES, isStored, toFloat64, unreadable } from "./floats.ts";

/** The format's own limit on its header: a hundred megabytes of JSON describe a million tensors. */
const LONGEST_HEADER = 100_000_000;

/** No framework makes tensors of more axes. */
const MOST_AXES = 16;

interface Entry extends TensorInfo {
  /** Offsets into the data section. */
  readonly begin: number;
  readonly end: number;
}

interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the data section begins. */
  readonly data: number;
}

/** Reads `.safetensors` files. */
export const safetensors: SourceFormat = {
  name: "safetensors",
  extensions: [".safetensors"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    try {
      return modelOf(path, id, source, await readHeader(path, source, signal));
    } catch (failure) {
      await source.close();
      throw failure;
    }
  },
};

function modelOf(path: string, id: string, source: ByteSource, header: Header): Model {
  const byName = new Map(header.entries.map((entry) => [entry.name, entry]));
  return {
    id,
    uri: path,
    format: "safetensors",
    tensors: header.entries,
    metadata: header.metadata,
    async read(name, signal) {
      const entry = byName.get(name);
      if (entry === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${byName.size}`);
      }
      // Of float8 the stored numbers are read, for those who know the scales.
      if (!isStored(entry)) {
        throw new RangeError(`${path}: tensor ${show(name)}: ${entry.unreadable}`);
      }
      const bytes = await source.slice(header.data + entry.begin, header.data + entry.end, signal);
      return toFloat64(entry.dtype, bytes);
    },
    rows(name) {
      const entry = byName.get(name);
      const [extent = 0] = entry?.shape ?? [];
      if (entry === undefined || !isStored(entry) || extent === 0) return null;
      const bytes = entry.byteLength / extent;
      const start = header.data + entry.begin;
      return async (first, count, signal) =>
        toFloat64(
          entry.dtype,
          await source.slice(start + first * bytes, start + (first + count) * bytes, signal),
        );
    },
    async inputs(signal, tensors, known) {
      if (tensors === undefined) return [await digestFile(path, source, { signal, known })];
      const needed = header.entries.filter(({ name }) => tensors.has(name)).map(({ begin, end }) => ({
        start: header.data + begin,
        end: header.data + end,
      }));
      return [
        await digestFile(path, source, {
          signal,
          known,
          needed: [{ start: 0, end: header.data }, ...needed],
        }),
      ];
    },
    close: () => source.close(),
  };
}

async function readHeader(path: string, source: ByteSource, signal?: AbortSignal): Promise<Header> {
  if (source.size < 8) {
    throw new SyntaxError(`${path}: found ${source.size} bytes, required at least 8 for the header's length`);
  }
  const prefix = await source.slice(0, 8, signal);
  const declared = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  const room = Math.min(LONGEST_HEADER, source.size - 8);
  if (declared < 2n || declared > BigInt(room)) {
    throw new SyntaxError(
      `${path}: header length at byte 0: found ${declared}, required 2 to ${room} (is this a safetensors file?)`,
    );
  }
  const length = Number(declared);
  const text = decode(path, await source.slice(8, 8 + length, signal));
  const header = parse(path, text);
  const size = source.size - 8 - length;
  const entries: Entry[] = [];
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") entries.push(entryOf(path, name, value, size));
    else for (const [key, text] of Object.entries(record(path, name, value))) metadata.set(key, String(text));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(path, entries, size);
  return { entries, metadata, data: 8 + length };
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(
      `${path}: header at byte 8: found bytes that are not UTF-8, required JSON (is this a safetensors file?)`,
      { cause },
    );
  }
}

function parse(path: string, text: string): Record<string, unknown> {
  if (!text.startsWith("{")) {
    throw new SyntaxError(`${path}: header at byte 8: found ${show(text.slice(0, 20))}, required {`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(
      `${path}: header at byte 8: found invalid JSON (${messageOf(cause)}), required an object`,
      { cause },
    );
  }
  return record(path, "header", value);
}

/** `JSON.parse` gives `__proto__` as a plain own key, so entries of such a record are safe to list. */
function record(path: string, place: string, value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SyntaxError(`${path}: ${show(place)}: found ${show(value)}, required an object`);
  }
  return value as Record<string, unknown>;
}

function entryOf(path: string, name: string, value: unknown, size: number): Entry {
  const place = `${path}: tensor ${show(name)}`;
  const fields = record(path, name, value);
  const { dtype, shape, data_offsets: offsets } = fields;
  if (typeof dtype !== "string") {
    throw new SyntaxError(`${place}, dtype: found ${show(dtype)}, required a name such as "F32"`);
  }
  if (!isCounts(shape) || shape.length > MOST_AXES) {
    throw new SyntaxError(
      `${place}, shape: found ${show(shape)}, required at most ${MOST_AXES} non-negative integers`,
    );
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new SyntaxError(
      `${place}, data_offsets: found ${show(offsets)}, required two non-negative integers`,
    );
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > size) {
    throw new SyntaxError(
      `${place}, data_offsets: found ${show(offsets)}, required ascending and within ${size} bytes of data`,
    );
  }
  const bytes = DTYPE_BYTES.get(dtype);
  const expected = elementCount(shape) * (bytes ?? 0);
  if (bytes !== undefined && expected !== end - begin) {
    throw new SyntaxError(
      `${place}, shape ${show(shape)} of ${dtype}: found ${end - begin} bytes, required ${expected}`,
    );
  }
  const info = { name, dtype, shape, byteLength: end - begin, begin, end };
  const reason = unreadable(dtype);
  return reason === undefined ? info : { ...info, unreadable: reason };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

/** The format demands that tensors cover the data section without overlap or gap, as its reference implementation checks. */
function checkCoverage(path: string, entries: readonly Entry[], size: number): void {
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const what = begin < at ? "an overlap with the tensor before it" : `a gap of ${begin - at} bytes`;
      throw new SyntaxError(
        `${path}: tensor ${
          show(name)
        }, data_offsets [${begin}, ${end}]: found ${what}, required to begin at ${at}`,
      );
    }
    at = end;
  }
  if (at !== size) {
    throw new SyntaxError(
      `${path}: found ${size} bytes of data, required the ${at} that its tensors declare`,
    );
  }
}
