/** Which of the files of a folder or glob are models. */

import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beside, isRemote, nameOf } from "../places/place.ts";
import { RemoteError } from "../places/remote-error.ts";
import { recognize } from "./recognize.ts";
import { extensionOf, FORMATS, type Formats, SHARED_EXTENSIONS, withoutExtension } from "./registry.ts";
import type { PassedFile } from "./passed-files.ts";
import { INDEX_ENDING, shardsOf } from "./shard-names.ts";
import { weightMap } from "./sharded.ts";
import { reasonAgainst, UNSUPPORTED_EXTENSIONS, unsupportedFormat } from "./unsupported.ts";

/** What trainers leave beside a model, under extensions of models. */
const NO_MODEL =
  /^(optimizer|scheduler|scaler|rng_state.*|training_args|random_states.*|optim.*)\.(pt|pth|bin)$/i;

/** A single array is a data set more often than a layer: it counts where it is named, not where it lies about. */
const ONLY_NAMED = [".npy"];

/** The extensions that are looked for in a folder. */
export function folderExtensions(formats: Formats): readonly string[] {
  return [...formats.keys()].filter((each) => !ONLY_NAMED.includes(each));
}

/**
 * The files that are models: those of a known extension, less what trainers leave; files under extensions that others use too
 * only where their content is a model's; and in place of the shards of an index, the index, once.
 *
 * @param all of remote files, everything that is listed: their folders cannot be asked
 * @param passed told of each under a shared extension that is of a format which cannot be read
 */
export async function modelsAmong(
  files: readonly string[],
  all: readonly string[] = files,
  signal?: AbortSignal,
  passed: (file: PassedFile) => void = () => undefined,
  formats: Formats = FORMATS,
): Promise<string[]> {
  const indices = new Map<string, ReadonlyMap<string, string>>();
  const found = new Set<string>();
  for (const file of files) {
    const extension = extensionOf(file, formats);
    if (!formats.has(extension) || NO_MODEL.test(nameOf(file))) continue;
    const folder = folderOf(file);
    const shards = indices.get(folder) ?? await shardsIn(await indicesIn(folder, all), signal);
    indices.set(folder, shards);
    const index = shards.get(nameOf(file));
    const [first] = shardsOf(nameOf(file));
    if (index !== undefined) found.add(index);
    // Without an index the first shard stands for all.
    else if (first !== undefined && first !== nameOf(file) && files.includes(beside(file, first))) continue;
    else if (!SHARED_EXTENSIONS.includes(extension)) found.add(file);
    else {
      const { model, reason } = await content(file, signal);
      if (model) found.add(file);
      else if (reason !== null) passed({ path: file, reason });
    }
  }
  return [...found];
}

function folderOf(file: string): string {
  return isRemote(file) ? file.slice(0, file.lastIndexOf("/")) : dirname(file);
}

/** The indices in a folder. */
async function indicesIn(folder: string, all: readonly string[]): Promise<string[]> {
  const files = isRemote(folder)
    ? all.filter((file) => folderOf(file) === folder)
    : (await readdir(folder)).map((name) => join(folder, name));
  return files.filter((file) => INDEX_ENDING.test(file)).sort();
}

/** Shards of some indices, by name, and the path of their index. */
async function shardsIn(
  indices: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const shards = new Map<string, string>();
  for (const index of indices) {
    // A damaged index is found by whoever opens it.
    const map = await weightMap(index, signal).catch((failure: unknown) =>
      unlessLost(failure, signal, new Map<string, string>())
    );
    for (const file of map.values()) if (!shards.has(file)) shards.set(file, index);
  }
  return shards;
}

/** What the twins of `model` are called in other formats. */
const OTHER_NAMES = /^(pytorch|tf|flax)_model$/;

/** Leaves out whatever stands beside the same model in safetensors, as repositories carry it for older programs. */
export function withoutTwins(models: readonly string[]): string[] {
  const stemOf = (file: string) =>
    `${folderOf(file)}/${withoutExtension(nameOf(file)).replace(OTHER_NAMES, "model")}`;
  const safe = (file: string) => extensionOf(file).startsWith(".safetensors");
  const stems = new Set(models.filter(safe).map(stemOf));
  return models.filter((file) =>
    safe(file) || !TWINS.includes(extensionOf(file)) || !stems.has(stemOf(file))
  );
}

/** Extensions of twins. An ONNX file is none: it knows the graph. */
const TWINS: readonly string[] = [
  ...[".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".h5", ".gguf"],
  ...UNSUPPORTED_EXTENSIONS,
];

/**
 * What is under an extension that others use too: a model, or why it is none, where that is worth saying. A damaged archive is a
 * model, so that it is not passed over in silence, except where anybody's archives have the extension.
 */
async function content(
  file: string,
  signal?: AbortSignal,
): Promise<{ readonly model: boolean; readonly reason: string | null }> {
  const extension = extensionOf(file);
  const found = await recognize(file, signal).catch((failure: unknown) => unlessLost(failure, signal, null));
  if (found === null) return { model: extension !== ".zip", reason: null };
  if (found.extension !== null) return { model: true, reason: null };
  const format = unsupportedFormat(extension, found.head);
  if (format !== undefined) return { model: false, reason: reasonAgainst(format) };
  // Only checkpoints are called so.
  return { model: false, reason: extension === ".ckpt" ? "found neither PyTorch nor NumPy in it" : null };
}

/** A file that cannot be had says nothing about what it is. */
function unlessLost<T>(failure: unknown, signal: AbortSignal | undefined, otherwise: T): T {
  signal?.throwIfAborted();
  if (failure instanceof RemoteError) throw failure;
  return otherwise;
}
