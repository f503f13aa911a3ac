/**
 * The ONNX format: a protobuf message that holds a graph and its weights. Opened by scanning it, weights skipped; one tensor is read at a
 * time, by position, also from files of external data.
 */

import { messageOf, show } from "../../../src/model/errors.ts";
import type { KnownDigests, Model, SourceFormat } from "../../../src/model/ports.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { digestFile } from "../digest.ts";
import { ExternalFiles, type ExternalPlace } from "./external.ts";
import { inlined } from "./functions.ts";
import { type OnnxFile, scanFile } from "./proto.ts";
import { dequantize } from "./quantized.ts";
import { isIndex, type TableEntry, type TensorTable, tensorTable } from "./table.ts";
import { type OnnxTensor, readNumbers } from "./tensor.ts";
import { walk } from "./walk.ts";
import { WireScanner } from "./wire.ts";

/** Reads `.onnx` files. */
export const onnx: SourceFormat = {
  name: "onnx",
  extensions: [".onnx"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    const external = new ExternalFiles(path);
    try {
      signal?.throwIfAborted();
      const file = inlined(path, await scanFile(new WireScanner(path, source, signal), source.size));
      const table = tensorTable(path, file.graph);
      const reader = new TensorReader(path, source, external);
      await reader.locate(table, signal);
      return await modelOf(id, file, table, reader, signal);
    } catch (failure) {
      await external.close();
      await source.close();
      throw failure;
    }
  },
};

async function modelOf(
  id: string,
  file: OnnxFile,
  table: TensorTable,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<Model> {
  const { path } = reader;
  const indices = new Map<OnnxTensor, readonly number[]>();
  const near = reader.windowed();
  for (const entry of table.entries.values()) {
    if (entry.kind !== "stored" || !isIndex(entry.tensor)) continue;
    indices.set(entry.tensor, Array.from(await near.read(entry.tensor, signal)));
  }
  return {
    id,
    uri: path,
    format: "onnx",
    tensors: Array.from(table.entries.values(), ({ info }) => info),
    metadata: file.metadata,
    operators: walk(path, file, table, indices),
    async read(name, each) {
      const entry = table.entries.get(name);
      if (entry === undefined) {
        throw new RangeError(
          `${path}: found no tensor ${show(name)}, required one of its ${table.entries.size}`,
        );
      }
      const { unreadable } = entry.info;
      if (unreadable !== undefined) throw new RangeError(`${path}: tensor ${show(name)}: ${unreadable}`);
      if (entry.kind === "stored") return await reader.read(entry.tensor, each);
      return await dequantize(entry.made, (tensor) => reader.read(tensor, each));
    },
    inputs: (signal, _, known) => reader.digest(signal, known),
    close: () => reader.close(),
  };
}

/** Read at once for a small tensor, and kept for those behind it. */
const WINDOW = 64 * 1024;

/** The same bytes, of which the last piece that was read is kept. */
function windowed(source: ByteSource): ByteSource {
  let first = 0;
  let kept: Uint8Array = new Uint8Array(0);
  return {
    ...source,
    async slice(start, end, signal) {
      if (end - start > WINDOW) return await source.slice(start, end, signal);
      if (start < first || end > first + kept.length) {
        kept = await source.slice(start, Math.min(source.size, start + WINDOW), signal);
        first = start;
      }
      return kept.slice(start - first, end - first);
    },
  };
}

/** Reads the tensors of one file, and of the files beside it. */
class TensorReader {
  readonly path: string;
  readonly #source: ByteSource;
  readonly #external: ExternalFiles;
  readonly #places = new Map<OnnxTensor, ExternalPlace>();

  constructor(path: string, source: ByteSource, external: ExternalFiles) {
    this.path = path;
    this.#source = source;
    this.#external = external;
  }

  /** A reader of many small tensors that lie near one another: it reads the file in pieces. */
  windowed(): TensorReader {
    return new TensorReader(this.path, windowed(this.#source), this.#external);
  }

  /** Finds all external data, so that a file that lacks some is refused when it is opened. */
  async locate({ entries }: TensorTable, signal?: AbortSignal): Promise<void> {
    for (const entry of entries.values()) if (entry.kind === "stored") await this.#locate(entry, signal);
  }

  async #locate(
    { tensor }: TableEntry & { kind: "stored" },
    signal?: AbortSignal,
  ): Promise<void> {
    if (tensor.data.kind !== "external" || !tensor.type.readable) return;
    this.#places.set(tensor, await this.#external.place(tensor, tensor.data.entries, signal));
  }

  async read(tensor: OnnxTensor, signal?: AbortSignal): Promise<Float64Array> {
    const place = this.#places.get(tensor) ?? { source: this.#source, start: 0 };
    const name = `${this.path}: tensor ${show(tensor.name)}`;
    try {
      return await readNumbers(name, tensor, place.source, place.start, signal);
    } catch (cause) {
      if (signal?.aborted === true || messageOf(cause).includes(this.path)) throw cause;
      throw new RangeError(`${name}: ${messageOf(cause)}`, { cause });
    }
  }

  async digest(signal?: AbortSignal, known?: KnownDigests): ReturnType<Model["inputs"]> {
    const files = [...new Map([[this.path, this.#source], ...this.#external.files])];
    const digests = [];
    for (const [path, source] of files) digests.push(await digestFile(path, source, { signal, known }));
    return digests;
  }

  async close(): Promise<void> {
    await this.#external.close();
    await this.#source.close();
  }
}
