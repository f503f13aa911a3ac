/** Collections: a file, a folder or a glob as a list of models. */

import { stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { messageOf } from "../../src/model/errors.ts";
import { FOLDER_EXTENSIONS, modelsAmong } from "./listing.ts";
import { extensionOf, EXTENSIONS, formatOf, withoutExtension } from "./registry.ts";
import { UNSUPPORTED_EXTENSIONS } from "./unsupported.ts";

/** A model file and the id it gets. */
export interface ModelFile {
  readonly path: string;
  readonly id: string;
  /** Its path below the folder or the folders that a glob searches, with `/`; a single file's own name. */
  readonly name: string;
}

/** File names that say nothing about the model; its folder's name does. */
const GENERIC = /^(model|final|weights|checkpoint|pytorch_model|epoch-?\d*(\..*)?|step-?\d*(\..*)?)$/i;

/**
 * The models that a path, folder or glob stands for, naturally sorted.
 *
 * Ids: a single file gets its name without extension (with its folder's name before it where the file's own is generic, such
 * as `model` or `epoch-003`); files of a folder or glob get their path relative to it, likewise. Files that differ in nothing but
 * their extension keep it.
 *
 * @param baseDir where relative patterns start
 * @throws {RangeError} when nothing is found; names the pattern
 */
export async function resolveModels(pattern: string, baseDir: string): Promise<ModelFile[]> {
  const path = isAbsolute(pattern) ? pattern : resolve(baseDir, pattern);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    const files = await filesIn(path, FOLDER_EXTENSIONS);
    return await named(await modelsAmong(files), path, path, `the folder ${path}`, () => refusedIn(path));
  }
  if (found !== null || !isDynamicPattern(pattern)) {
    return [{ path, id: plainId(path, dirname(dirname(path))), name: basename(path) }];
  }
  const files = await glob(pattern.split(sep).join("/"), {
    cwd: baseDir,
    absolute: true,
    followSymbolicLinks: false,
  });
  const known = await modelsAmong(files);
  const refused = () => refusalOf(files);
  const common = commonFolder(known);
  return await named(known, dirname(common), common, `the pattern ${pattern} in ${baseDir}`, refused);
}

/** Files with one of these extensions below a folder, whatever their case. */
async function filesIn(folder: string, extensions: readonly string[]): Promise<string[]> {
  return await glob(extensions.map((extension) => `**/*${extension}`), {
    cwd: folder,
    absolute: true,
    followSymbolicLinks: false,
    caseSensitiveMatch: false,
  });
}

/** Why the first model in a folder of none that can be read is refused; empty where there is none either. */
async function refusedIn(folder: string): Promise<string> {
  return await refusalOf(await filesIn(folder, [...UNSUPPORTED_EXTENSIONS, "model.json"]));
}

async function refusalOf(files: readonly string[]): Promise<string> {
  const first = [...files].sort().find((file) => UNSUPPORTED_EXTENSIONS.includes(extensionOf(file))) ??
    files.find((file) => basename(file) === "model.json");
  if (first === undefined) return "";
  return await formatOf(first).then(() => "", (failure: unknown) => `; ${messageOf(failure)}`);
}

async function named(
  files: readonly string[],
  root: string,
  searched: string,
  what: string,
  refused: () => Promise<string>,
): Promise<ModelFile[]> {
  if (files.length === 0) {
    throw new RangeError(
      `${what}: found no model, required at least one file with extension ${
        EXTENSIONS.join(" or ")
      }${await refused()}`,
    );
  }
  const order = new Intl.Collator("en", { numeric: true });
  // Where a name right under the root says nothing (`epoch-003`), all ids begin with the root's own name.
  const generic = files.some((path) =>
    dirname(path) === root && GENERIC.test(withoutExtension(basename(path)))
  );
  const start = generic ? dirname(root) : root;
  const sorted = [...files].sort((a, b) => order.compare(a, b));
  const ids = sorted.map((path) => relativeId(path, start));
  return sorted.map((path, at) => {
    const id = ids[at]!;
    const name = relative(searched, path).split(sep).join("/");
    return {
      path,
      id: ids.filter((other) => other === id).length > 1 ? `${id}${extensionOf(path)}` : id,
      name,
    };
  });
}

function commonFolder(files: readonly string[]): string {
  return files.map((file) => dirname(file)).reduce((common, folder) => {
    let shared = common;
    while (folder !== shared && !folder.startsWith(shared + sep)) shared = dirname(shared);
    return shared;
  }, files[0] === undefined ? "." : dirname(files[0]));
}

function relativeId(path: string, root: string): string {
  return withoutExtension(relative(root, path)).split(sep).join("/");
}

function plainId(path: string, root: string): string {
  const name = withoutExtension(basename(path));
  return GENERIC.test(name) ? relativeId(path, root) : name;
}
