/**
 * Models in several files, as Hugging Face writes them: `model.safetensors.index.json` (or `pytorch_model.bin.index.json`) says
 * which tensor is in which file. All files are opened by their headers; each tensor is read from its own.
 */

import { basename, extname } from "node:path";
import { show } from "../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { openPlace } from "../places/open.ts";
import { beside } from "../places/place.ts";
import { digestFile } from "./digest.ts";
import { readJson } from "./json-file.ts";
import { pytorch } from "./pytorch/pytorch.ts";
import { safetensors } from "./safetensors.ts";

/** A hundred bytes per tensor make this a million tensors. */
const LONGEST_INDEX = 100_000_000;

/** The largest models have some two hundred; every one is an open file, and systems allow a thousand. */
const MOST_SHARDS = 512;

/** Formats of shards, by extension. */
const SHARDS: ReadonlyMap<string, SourceFormat> = new Map([[".safetensors", safetensors], [".bin", pytorch]]);

/** How an index's name ends. */
export const INDEX_ENDING = ".index.json";

/** Reads an index and its shards as one model. */
export const sharded: SourceFormat = {
  name: "sharded",
  extensions: [".safetensors.index.json", ".bin.index.json"],
  async open(path, id, signal) {
    const files = await weightMap(path, signal);
    const open: { readonly model: Model; readonly file: string }[] = [];
    try {
      for (const file of new Set(files.values())) {
        const shard = beside(path, file);
        open.push({ file, model: await SHARDS.get(extname(file))!.open(shard, id, signal) });
      }
      return modelOf(path, id, files, new Map(open.map(({ file, model }) => [file, model])));
    } catch (failure) {
      for (const { model } of open) await model.close();
      throw failure;
    }
  },
};

/**
 * The files that an index names.
 *
 * @returns tensor name -> file name, in the same folder
 * @throws {SyntaxError} when it is no index, or names a file that is not in its folder
 */
export async function weightMap(path: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const source = await openPlace(path, signal);
  try {
    const index = await readJson(path, source, LONGEST_INDEX, signal);
    const entries = objectOf(objectOf(index)?.["weight_map"]);
    if (entries === null) {
      throw new SyntaxError(`${path}: weight_map: found none, required one of tensor names and their files`);
    }
    const files = new Map<string, string>();
    for (const [name, file] of Object.entries(entries)) files.set(name, checkedFile(path, name, file));
    const count = new Set(files.values()).size;
    if (count === 0 || count > MOST_SHARDS) {
      throw new SyntaxError(`${path}: weight_map: found ${count} files, required 1 to ${MOST_SHARDS}`);
    }
    return files;
  } finally {
    await source.close();
  }
}

function checkedFile(path: string, name: string, file: unknown): string {
  if (
    typeof file !== "string" || file !== basename(file) || /[\\/:\0]/.test(file) || file.startsWith(".") ||
    !SHARDS.has(extname(file))
  ) {
    throw new SyntaxError(
      `${path}: weight_map, ${show(name)}: found ${
        show(file)
      }, required a file of the same folder with extension ${[...SHARDS.keys()].join(" or ")}`,
    );
  }
  return file;
}

/** `JSON.parse` makes `__proto__` a plain own key, so entries of its objects are safe to list. */
function objectOf(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : null;
}

function modelOf(
  path: string,
  id: string,
  files: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Model>,
): Model {
  const metadata = new Map<string, string>();
  const tensors: TensorInfo[] = [];
  const found = new Set<string>();
  for (const [file, shard] of shards) {
    for (const [key, value] of shard.metadata) metadata.set(key, value);
    for (const tensor of shard.tensors) {
      const { name } = tensor;
      if (files.get(name) !== file) {
        throw new SyntaxError(
          `${path}: tensor ${show(name)}: found in ${show(file)}, required in ${
            files.has(name) ? show(files.get(name)) : "weight_map"
          }`,
        );
      }
      found.add(name);
      tensors.push(tensor);
    }
  }
  for (const [name, file] of files) {
    if (!found.has(name)) {
      throw new SyntaxError(`${path}: tensor ${show(name)}: found none in ${show(file)}, required one`);
    }
  }
  return {
    id,
    uri: path,
    format: "sharded",
    tensors,
    metadata,
    async read(name, signal) {
      const shard = shards.get(files.get(name) ?? "");
      if (shard === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${files.size}`);
      }
      return await shard.read(name, signal);
    },
    async inputs(signal, tensors, known) {
      const source = await openPlace(path, signal);
      try {
        const digests = [await digestFile(path, source, { signal, known })];
        for (const shard of shards.values()) digests.push(...await shard.inputs(signal, tensors, known));
        return digests;
      } finally {
        await source.close();
      }
    },
    async close() {
      for (const shard of shards.values()) await shard.close();
    },
  };
}
