/** Collections: a file, a folder or a glob as a list of models. */

import { stat } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, relative, resolve, sep } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { EXTENSIONS } from "./registry.ts";

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
    return named(files, path, `the folder ${path}`);
  }
  if (found !== null || !isDynamicPattern(pattern)) {
    return [{ path, id: plainId(path, dirname(dirname(path))) }];
  }
  const files = await glob(pattern.split(sep).join("/"), {
    cwd: baseDir,
    absolute: true,
    followSymbolicLinks: false,
  });
  const known = files.filter((file) => EXTENSIONS.includes(extname(file).toLowerCase()));
  return named(known, dirname(commonFolder(known)), `the pattern ${pattern} in ${baseDir}`);
}

function named(files: readonly string[], root: string, what: string): ModelFile[] {
  if (files.length === 0) {
    throw new RangeError(
      `${what}: found no model, required at least one file with extension ${EXTENSIONS.join(" or ")}`,
    );
  }
  const order = new Intl.Collator("en", { numeric: true });
  // Where a name right under the root says nothing (`epoch-003`), all ids begin with the root's own name.
  const generic = files.some((path) =>
    dirname(path) === root && GENERIC.test(withoutExtension(basename(path)))
  );
  const start = generic ? dirname(root) : root;
  return [...files].sort((a, b) => order.compare(a, b)).map((path) => ({
    path,
    id: relativeId(path, start),
  }));
}

function commonFolder(files: readonly string[]): string {
  return files.map((file) => dirname(file)).reduce((common, folder) => {
    let shared = common;
    while (folder !== shared && !folder.startsWith(shared + sep)) shared = dirname(shared);
    return shared;
  }, files[0] === undefined ? "." : dirname(files[0]));
}

const withoutExtension = (path: string) => path.slice(0, path.length - extname(path).length);

function relativeId(path: string, root: string): string {
  return withoutExtension(relative(root, path)).split(sep).join("/");
}

function plainId(path: string, root: string): string {
  const name = withoutExtension(basename(path));
  return GENERIC.test(name) ? relativeId(path, root) : name;
}
