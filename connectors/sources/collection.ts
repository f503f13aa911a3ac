/** Collections: a file, a folder or a glob as a list of models. */

import { stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { extensionOf, EXTENSIONS } from "./registry.ts";
import { shardsOf } from "./safetensors-index.ts";

/** A model file and the id it gets. */
export interface ModelFile {
  readonly path: string;
  readonly id: string;
}

/** File names that say nothing about the model; its folder's name does. */
const GENERIC = /^(model|final|weights|checkpoint|pytorch_model|epoch-?\d*(\..*)?|step-?\d*(\..*)?)$/i;

/**
 * The models that a path, folder or glob stands for, naturally sorted.
 *
 * Ids: a single file gets its name without extension (with its folder's name before it where the file's own is generic, such
 * as `model` or `epoch-003`); files of a folder or glob get their path relative to it, likewise.
 *
 * @param baseDir where relative patterns start
 * @throws {RangeError} when nothing is found; names the pattern
 */
export async function resolveModels(pattern: string, baseDir: string): Promise<ModelFile[]> {
  const path = isAbsolute(pattern) ? pattern : resolve(baseDir, pattern);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    const files = await glob(EXTENSIONS.map((extension) => `**/*${extension}`), {
      cwd: path,
      absolute: true,
      followSymbolicLinks: false,
    });
    return await named(files, path, `the folder ${path}`);
  }
  if (found !== null || !isDynamicPattern(pattern)) {
    return [{ path, id: plainId(path, dirname(dirname(path))) }];
  }
  const files = await glob(pattern.split(sep).join("/"), {
    cwd: baseDir,
    absolute: true,
    followSymbolicLinks: false,
  });
  const known = files.filter((file) => extensionOf(file) !== undefined);
  return await named(known, dirname(commonFolder(known)), `the pattern ${pattern} in ${baseDir}`);
}

async function named(all: readonly string[], root: string, what: string): Promise<ModelFile[]> {
  const files = await withoutShards(all);
  if (files.length === 0) {
    throw new RangeError(
      `${what}: found no model, required at least one file that ends in ${EXTENSIONS.join(" or ")}`,
    );
  }
  const order = new Intl.Collator("en", { numeric: true });
  // Where a name right under the root says nothing (`epoch-003`), all ids begin with the root's own name.
  const generic = files.some((path) =>
    dirname(path) === root && GENERIC.test(withoutExtension(basename(path)))
  );
  const start = generic ? dirname(root) : root;
  // The same model in two formats: each keeps its extension.
  const ids = Map.groupBy(files, (path) => relativeId(path, start));
  const id = (path: string) => {
    const short = relativeId(path, start);
    return ids.get(short)!.length === 1 ? short : relative(start, path).split(sep).join("/");
  };
  return [...files].sort((a, b) => order.compare(a, b)).map((path) => ({ path, id: id(path) }));
}

/** Shards that an index among the files names are part of its model, and none of their own. */
async function withoutShards(files: readonly string[]): Promise<readonly string[]> {
  const indices = files.filter((file) => extensionOf(file) === ".safetensors.index.json");
  const shards = new Set((await Promise.all(indices.map((index) => shardsOf(index)))).flat());
  return files.filter((file) => !shards.has(file));
}

function commonFolder(files: readonly string[]): string {
  return files.map((file) => dirname(file)).reduce((common, folder) => {
    let shared = common;
    while (folder !== shared && !folder.startsWith(shared + sep)) shared = dirname(shared);
    return shared;
  }, files[0] === undefined ? "." : dirname(files[0]));
}

const withoutExtension = (path: string) => path.slice(0, path.length - (extensionOf(path)?.length ?? 0));

function relativeId(path: string, root: string): string {
  return withoutExtension(relative(root, path)).split(sep).join("/");
}

function plainId(path: string, root: string): string {
  const name = withoutExtension(basename(path));
  return GENERIC.test(name) ? relativeId(path, root) : name;
}
