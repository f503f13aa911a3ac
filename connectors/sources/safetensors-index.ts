/** Models of several safetensors files: `<name>.safetensors.index.json` says which tensor is in which of the files beside it. */

import { basename, dirname, join } from "node:path";
import { messageOf, show } from "../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { digestFile, openFile } from "./file.ts";
import { safetensors } from "./safetensors.ts";

/** An index of a million tensors takes less. */
const LONGEST = 128 * 2 ** 20;

/** The largest published models have a few hundred. */
const MOST_SHARDS = 10_000;

/** Reads `.safetensors.index.json` files, and the shards that they name. */
export const safetensorsIndex: SourceFormat = {
  name: "safetensors-index",
  extensions: [".safetensors.index.json"],
  async open(path, id, signal) {
    const index = await readIndex(path, signal);
    const shards = new Map<string, Model>();
    try {
      for (const file of new Set(index.values())) {
        shards.set(file, await safetensors.open(join(dirname(path), file), id, signal));
      }
      return modelOf(path, id, index, shards);
    } catch (failure) {
      await closeAll(shards.values());
      throw failure;
    }
  },
};

/** Paths of the shards that an index names; none where it cannot be read, which whoever opens it is told. */
export async function shardsOf(path: string): Promise<string[]> {
  const index = await readIndex(path).catch(() => new Map<string, string>());
  return [...new Set(index.values())].map((file) => join(dirname(path), file));
}

async function closeAll(shards: Iterable<Model>): Promise<void> {
  await Promise.allSettled([...shards].map((shard) => shard.close()));
}

/** From tensors to names of files. */
async function readIndex(path: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const source = await openFile(path);
  try {
    if (source.size > LONGEST) {
      throw new SyntaxError(`${path}: found ${source.size} bytes, required at most ${LONGEST} of an index`);
    }
    return parse(path, new TextDecoder().decode(await source.slice(0, source.size, signal)));
  } finally {
    await source.close();
  }
}

function parse(path: string, text: string): ReadonlyMap<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`${path}: found ${messageOf(cause)}, required the JSON of an index`, { cause });
  }
  const map = isRecord(parsed) ? parsed["weight_map"] : undefined;
  if (!isRecord(map)) {
    throw new SyntaxError(`${path}: weight_map: found ${show(map)}, required names of files by tensor`);
  }
  // Entries, not look-ups: a tensor may be called __proto__.
  const entries = Object.entries(map).map(([tensor, file]) =>
    [tensor, checkedFile(path, tensor, file)] as const
  );
  const files = new Set(entries.map(([, file]) => file)).size;
  if (files === 0 || files > MOST_SHARDS) {
    throw new SyntaxError(`${path}: weight_map: found ${files} files, required 1 to ${MOST_SHARDS}`);
  }
  return new Map(entries);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A stranger's index may name any file; only those beside it are opened. */
function checkedFile(path: string, tensor: string, file: unknown): string {
  const plain = typeof file === "string" && file !== "" && file === basename(file) && !/[\\\0]/.test(file) &&
    file.endsWith(".safetensors");
  if (!plain) {
    throw new SyntaxError(
      `${path}: weight_map, tensor ${show(tensor)}: found ${
        show(file)
      }, required a .safetensors file beside the index`,
    );
  }
  return file;
}

function modelOf(
  path: string,
  id: string,
  index: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Model>,
): Model {
  const tensors: TensorInfo[] = [];
  const home = new Map<string, Model>();
  for (const [file, shard] of shards) {
    for (const tensor of shard.tensors) {
      if (index.get(tensor.name) !== file) {
        const said = index.has(tensor.name) ? `in ${show(index.get(tensor.name))}` : "in no file";
        throw new SyntaxError(
          `${path}: tensor ${show(tensor.name)}: found in ${show(file)}, the index has it ${said}`,
        );
      }
      tensors.push(tensor);
      home.set(tensor.name, shard);
    }
  }
  for (const [tensor, file] of index) {
    if (!home.has(tensor)) {
      throw new SyntaxError(
        `${path}: tensor ${show(tensor)}: found none in ${show(file)}, where the index has it`,
      );
    }
  }
  return {
    id,
    uri: path,
    format: safetensorsIndex.name,
    tensors,
    metadata: new Map([...shards.values()].flatMap(({ metadata }) => [...metadata])),
    async read(name, signal) {
      const shard = home.get(name);
      if (shard === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${home.size}`);
      }
      return await shard.read(name, signal);
    },
    async inputs(signal, needed) {
      const source = await openFile(path);
      try {
        const own = await digestFile(path, source, signal);
        const parts = [];
        for (const shard of shards.values()) parts.push(...await shard.inputs(signal, needed));
        return [own, ...parts];
      } finally {
        await source.close();
      }
    },
    close: () => closeAll(shards.values()),
  };
}
