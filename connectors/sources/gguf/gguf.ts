/**
 * GGUF, the format of llama.cpp: opened by its header; one tensor is read at a time, by position, and its blocks become numbers. A model in
 * several files is opened by its first.
 */

import { counted } from "../../../src/model/counted.ts";
import { messageOf, show } from "../../../src/model/errors.ts";
import type { InputFile, Model, SourceFormat } from "../../../src/model/ports.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { beside, nameOf } from "../../places/place.ts";
import { digestFile } from "../digest.ts";
import { MOST_SHARDS, shardsOf } from "../shard-names.ts";
import { dequantized } from "./blocks.ts";
import { configOf, halvesApart, interleavedHeads, metadataOf } from "./config.ts";
import { type GgufEntry, type GgufHeader, readHeader } from "./header.ts";

/** A file of a model. */
interface Part extends GgufHeader {
  readonly path: string;
  readonly source: ByteSource;
}

/** Reads `.gguf` files. */
export const gguf: SourceFormat = {
  name: "gguf",
  extensions: [".gguf"],
  async open(path, id, signal) {
    const parts: Part[] = [];
    try {
      for (const place of filesOf(path)) {
        const source = await openPlace(place, signal);
        try {
          parts.push({ path: place, source, ...await readHeader(place, source, signal) });
        } catch (failure) {
          await source.close();
          throw failure;
        }
      }
      checkSplit(path, parts);
      return modelOf(path, id, parts);
    } catch (failure) {
      await closeAll(parts);
      throw failure;
    }
  },
};

async function closeAll(parts: readonly Part[]): Promise<void> {
  for (const { source } of parts) await source.close();
}

/** The files of a model by the name of its first. */
function filesOf(path: string): readonly string[] {
  const names = shardsOf(nameOf(path));
  if (names[0] !== nameOf(path)) return [path];
  if (names.length > MOST_SHARDS) {
    throw new SyntaxError(
      `${path}: found ${names.length} files by its name, required at most ${MOST_SHARDS}`,
    );
  }
  return names.map((name) => beside(path, name));
}

/** Only the first of several files has the metadata, so that no other says enough alone. */
function checkSplit(path: string, parts: readonly Part[]): void {
  parts.forEach(({ path: place, values }, at) => {
    const [count, number] = [values.get("split.count"), values.get("split.no")];
    if (typeof count === "number" && count > 1 && count !== parts.length) {
      throw new SyntaxError(
        `${place}: split.count: found a file of ${count}, required ${
          parts.length === 1 ? "the first of them, named as …-00001-of-0000n.gguf" : parts.length
        } (opened: ${show(nameOf(path))})`,
      );
    }
    if (typeof number === "number" && number !== at) {
      throw new SyntaxError(`${place}: split.no: found ${number}, required ${at}`);
    }
  });
}

function modelOf(path: string, id: string, parts: readonly Part[]): Model {
  const byName = new Map<string, { readonly entry: GgufEntry; readonly part: Part }>();
  for (const part of parts) {
    for (const entry of part.entries) {
      const other = byName.get(entry.name)?.part.path;
      if (other !== undefined) {
        throw new SyntaxError(
          `${part.path}: tensor ${show(entry.name)}: found in ${show(other)} too, required in one file`,
        );
      }
      byName.set(entry.name, { entry, part });
    }
  }
  const { values } = parts[0]!;
  const metadata = metadataOf(values);
  const config = configOf(values, new Set(byName.keys()));
  const entries = [...byName.values()].map(({ entry }) => entry);
  const turned = entries.filter(({ name }) => interleavedHeads(values, name) !== null);
  const odd = turned.filter(({ name, shape }) => !dividesInto(shape, interleavedHeads(values, name)!));
  if (turned.length > odd.length) metadata.set("rotary rows", "of q and k, in the order of transformers");
  return {
    id,
    uri: path,
    format: "gguf",
    tensors: entries,
    metadata,
    ...config === undefined ? {} : { config },
    ...odd.length === 0 ? {} : {
      warnings: [
        `${counted(odd.length, "tensor")} of q or k: rows are not those of the heads in the metadata, ` +
        `their order is that of the file (the first: ${show(odd[0]!.name)})`,
      ],
    },
    async read(name, signal) {
      const found = byName.get(name);
      if (found === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${byName.size}`);
      }
      const { entry, part } = found;
      const place = `${part.path}: tensor ${show(name)}`;
      if (entry.unreadable !== undefined) throw new RangeError(`${place}: ${entry.unreadable}`);
      const read = numbers(place, entry, await part.source.slice(entry.begin, entry.end, signal));
      const heads = interleavedHeads(values, name);
      return heads === null || !dividesInto(entry.shape, heads)
        ? read
        : halvesApart(read, entry.shape[0]!, heads);
    },
    rows(name) {
      const found = byName.get(name);
      const [extent = 0] = found?.entry.shape ?? [];
      if (found === undefined || found.entry.unreadable !== undefined || extent === 0) return null;
      // Rows whose order is another than the file's.
      const heads = interleavedHeads(values, name);
      if (heads !== null && dividesInto(found.entry.shape, heads)) return null;
      const { entry, part } = found;
      // Blocks are of one row each.
      const bytes = (entry.end - entry.begin) / extent;
      return async (first, count, signal) =>
        numbers(
          `${part.path}: tensor ${show(name)}`,
          entry,
          await part.source.slice(entry.begin + first * bytes, entry.begin + (first + count) * bytes, signal),
        );
    },
    async inputs(signal, tensors, known) {
      const digests: InputFile[] = [];
      for (const { path: place, source, length, entries } of parts) {
        const needed = tensors === undefined ? undefined : [
          { start: 0, end: length },
          ...entries.filter(({ name }) => tensors.has(name))
            .map(({ begin, end }) => ({ start: begin, end }))
            .sort((a, b) => a.start - b.start),
        ];
        digests.push(
          await digestFile(place, source, { signal, known, ...needed === undefined ? {} : { needed } }),
        );
      }
      return digests;
    },
    close: () => closeAll(parts),
  };
}

/** Whether rows are of so many heads, each of two halves. */
function dividesInto([rows = 0]: readonly number[], heads: number): boolean {
  return Number.isInteger(heads) && heads > 0 && rows > 0 && rows % (2 * heads) === 0;
}

function numbers(place: string, { type }: GgufEntry, bytes: Uint8Array): Float64Array {
  try {
    return dequantized(type, bytes);
  } catch (cause) {
    throw new RangeError(`${place}: ${messageOf(cause)}`, { cause });
  }
}
