/**
 * Models in several files, as Hugging Face writes them: `model.safetensors.index.json` (or `pytorch_model.bin.index.json`) says
 * which tensor is in which file. All files are opened by their headers; each tensor is read from its own.
 */

import { basename, extname } from "node:path";
import { counted } from "../../src/model/counted.ts";
import { show } from "../../src/model/errors.ts";
import type { InputFile, KnownDigests, Model, SourceFormat } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { openPlace } from "../places/open.ts";
import { beside, nameOf } from "../places/place.ts";
import { digestFile } from "./digest.ts";
import { readJson } from "./json-file.ts";
import { pytorch } from "./pytorch/pytorch.ts";
import { safetensors } from "./safetensors.ts";
import { MOST_SHARDS, shardsOf } from "./shard-names.ts";

/** A hundred bytes per tensor make this a million tensors. */
const LONGEST_INDEX = 100_000_000;

/** Formats of shards, by extension. */
const SHARDS: ReadonlyMap<string, SourceFormat> = new Map([[".safetensors", safetensors], [".bin", pytorch]]);

/** Reads an index and its shards as one model. */
export const sharded: SourceFormat = {
  name: "sharded",
  extensions: [".safetensors.index.json", ".bin.index.json"],
  async open(path, id, signal) {
    const files = await weightMap(path, signal);
    return await joined(path, id, new Set(files.values()), files, signal);
  },
};

/** Reads the first shard and those that its name counts as one model: there is no index. */
export const unindexed: SourceFormat = {
  name: "sharded",
  extensions: [],
  open: async (path, id, signal) => {
    const names = shardsOf(nameOf(path));
    if (names.length === 0 || names.length > MOST_SHARDS) {
      throw new SyntaxError(`${path}: found ${names.length} files by its name, required 2 to ${MOST_SHARDS}`);
    }
    return await joined(path, id, names, null, signal);
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

/** Opens files as one model. @param files of the index: tensor name -> file name; null where there is none */
async function joined(
  path: string,
  id: string,
  names: Iterable<string>,
  files: ReadonlyMap<string, string> | null,
  signal?: AbortSignal,
): Promise<Model> {
  const open = new Map<string, Model>();
  try {
    for (const file of names) {
      open.set(file, await SHARDS.get(extname(file))!.open(beside(path, file), id, signal));
    }
    return modelOf(path, id, files, open);
  } catch (failure) {
    for (const model of open.values()) await model.close();
    throw failure;
  }
}

function told(names: readonly string[], which: string, what: string): string | null {
  const [first] = names;
  return first === undefined
    ? null
    : `${counted(names.length, "tensor")} ${which}: ${what} (the first: ${show(first)})`;
}

function modelOf(
  path: string,
  id: string,
  files: ReadonlyMap<string, string> | null,
  shards: ReadonlyMap<string, Model>,
): Model {
  const metadata = new Map<string, string>();
  const tensors: TensorInfo[] = [];
  const found = new Map<string, string>();
  for (const [file, shard] of shards) {
    for (const [key, value] of shard.metadata) metadata.set(key, value);
    for (const tensor of shard.tensors) {
      const { name } = tensor;
      const other = found.get(name);
      if (other !== undefined) {
        throw new SyntaxError(
          `${path}: tensor ${show(name)}: found in ${show(other)} and in ${show(file)}, required in one file`,
        );
      }
      found.set(name, file);
      tensors.push(tensor);
    }
  }
  const amiss = files === null ? [] : [
    told(
      [...files.keys()].filter((name) => !found.has(name)),
      "that the index names",
      "in none of its files",
    ),
    told(
      [...found].flatMap(([name, file]) => files.get(name) === file ? [] : [name]),
      "that the index does not name there",
      "read all the same",
    ),
  ].filter((each) => each !== null);
  return {
    id,
    uri: path,
    format: "sharded",
    tensors,
    metadata,
    ...amiss.length === 0 ? {} : { warnings: amiss },
    async read(name, signal) {
      const shard = shards.get(found.get(name) ?? "");
      if (shard === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${found.size}`);
      }
      return await shard.read(name, signal);
    },
    rows: (name) => shards.get(found.get(name) ?? "")?.rows?.(name) ?? null,
    async inputs(signal, tensors, known) {
      const digests = files === null ? [] : [await indexDigest(path, signal, known)];
      for (const shard of shards.values()) digests.push(...await shard.inputs(signal, tensors, known));
      return digests;
    },
    async close() {
      for (const shard of shards.values()) await shard.close();
    },
  };
}

async function indexDigest(path: string, signal?: AbortSignal, known?: KnownDigests): Promise<InputFile> {
  const source = await openPlace(path, signal);
  try {
    return await digestFile(path, source, { signal, known });
  } finally {
    await source.close();
  }
}
