/** Which of the files of a folder or glob are models. */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { recognize } from "./recognize.ts";
import { extensionOf, FORMATS, SHARED_EXTENSIONS } from "./registry.ts";
import { INDEX_ENDING, weightMap } from "./sharded.ts";

/** What trainers leave beside a model, under extensions of models. */
const NO_MODEL =
  /^(optimizer|scheduler|scaler|rng_state.*|training_args|random_states.*|optim.*)\.(pt|pth|bin)$/i;

/** A single array is a data set more often than a layer: it counts where it is named, not where it lies about. */
const ONLY_NAMED = [".npy"];

/** Extensions that are looked for in a folder. */
export const FOLDER_EXTENSIONS: readonly string[] = [...FORMATS.keys()].filter((each) =>
  !ONLY_NAMED.includes(each)
);

/**
 * The files that are models: those of a known extension, less what trainers leave; files under extensions that others use too
 * only where their content is a model's; and in place of the shards of an index, the index, once.
 */
export async function modelsAmong(files: readonly string[]): Promise<string[]> {
  const indices = new Map<string, ReadonlyMap<string, string>>();
  const found = new Set<string>();
  for (const file of files) {
    const extension = extensionOf(file);
    if (!FORMATS.has(extension) || NO_MODEL.test(basename(file))) continue;
    const folder = dirname(file);
    const shards = indices.get(folder) ?? await shardsIn(folder);
    indices.set(folder, shards);
    const index = shards.get(basename(file));
    if (index !== undefined) found.add(index);
    else if (!SHARED_EXTENSIONS.includes(extension) || await isModel(file)) found.add(file);
  }
  return [...found];
}

/** Shards in a folder, by name, and the path of their index. */
async function shardsIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const shards = new Map<string, string>();
  for (const name of (await readdir(folder)).sort()) {
    if (!name.endsWith(INDEX_ENDING) || !FORMATS.has(extensionOf(name))) continue;
    const index = join(folder, name);
    // A damaged index is found by whoever opens it.
    const map = await weightMap(index).catch(() => new Map<string, string>());
    for (const file of map.values()) if (!shards.has(file)) shards.set(file, index);
  }
  return shards;
}

/** A damaged archive is one, so that it is not passed over in silence, except where anybody's archives have the extension. */
async function isModel(file: string): Promise<boolean> {
  const found = await recognize(file).catch(() => null);
  return found === null ? extensionOf(file) !== ".zip" : found.extension !== null;
}
