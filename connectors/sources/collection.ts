/** Collections: a file, a folder or a glob as a list of models. */

import { stat } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { glob } from "tinyglobby";
import { globBase, globMatcher, isGlob, walkGlobs } from "../glob.ts";
import { messageOf } from "../../src/model/errors.ts";
import { listPlace } from "../places/open.ts";
import { isRemote, nameOf, placeOf, schemeOf } from "../places/place.ts";
import { FOLDER_EXTENSIONS, modelsAmong, withoutTwins } from "./listing.ts";
import { collectionIds, type ModelFile, plainId } from "./model-ids.ts";
import { extensionOf, EXTENSIONS, formatOf } from "./registry.ts";
import { UNSUPPORTED_EXTENSIONS } from "./unsupported.ts";

/**
 * The models that a path, folder, glob or remote place stands for, naturally sorted.
 *
 * Ids: a single file gets its name without extension (with its folder's name before it where the file's own is generic, such
 * as `model` or `epoch-003`); files of a folder or glob get their path relative to it, likewise. Files that differ in nothing but
 * their extension keep it.
 *
 * @param baseDir where relative patterns start
 * @throws {RangeError} when nothing is found; names the pattern
 * @example
 * import { openModel, resolveModels } from "svrflow";
 *
 * for (const { path, id } of await resolveModels("checkpoints/*.safetensors", ".")) {
 *   const model = await openModel(path, id);
 *   console.log(model.id, model.tensors.length);
 *   await model.close();
 * }
 */
export async function resolveModels(
  pattern: string,
  baseDir: string,
  signal?: AbortSignal,
): Promise<ModelFile[]> {
  if (isRemote(pattern)) return await remoteModels(placeOf(pattern), signal);
  const path = resolve(baseDir, pattern);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    const files = await filesIn(path, FOLDER_EXTENSIONS);
    return await named(await modelsAmong(files), path, path, `the folder ${path}`, () => refusedIn(path));
  }
  if (found !== null || !isGlob(pattern)) return [{ path, id: plainId(path), name: basename(path) }];
  const files = await matching(pattern.split(sep).join("/"), baseDir);
  const known = await modelsAmong(files);
  const refused = () => refusalOf(files);
  const common = commonFolder(known);
  return await named(known, dirname(common), common, `the pattern ${pattern} in ${baseDir}`, refused);
}

/** The files that a glob stands for, and those in folders that it stands for; hidden ones where it has a dot for them. */
async function matching(pattern: string, baseDir: string): Promise<string[]> {
  const base = globBase(pattern);
  const rest = pattern.slice(base.length);
  const folder = resolve(baseDir, base);
  const globs = rest.endsWith("*") ? [rest] : [rest, `${rest}/**`];
  const matchers = globs.map(globMatcher);
  const files = await glob(globs.flatMap(walkGlobs), {
    cwd: folder,
    absolute: true,
    dot: /(^|[/{,])\./.test(rest),
    followSymbolicLinks: false,
    expandDirectories: false,
  });
  return files.filter((file) => {
    const name = relative(folder, file).split(sep).join("/");
    return matchers.some((matches) => matches(name));
  });
}

/** The models among the files of a remote place. */
async function remoteModels(place: string, signal?: AbortSignal): Promise<ModelFile[]> {
  const { files, name, root, single } = await listPlace(place, signal);
  if (single) {
    return files.map(({ place }) => ({ path: place, id: plainId(place, name), name: nameOf(place) }));
  }
  const inside = new Map(files.map((file) => [file.place, file.inside]));
  const all = [...inside.keys()];
  const wanted = new Set(FOLDER_EXTENSIONS);
  const candidates = all.filter((each) => wanted.has(extensionOf(each)));
  const found = await modelsAmong(candidates, all, signal);
  const models = schemeOf(place) === "hub" ? withoutTwins(found) : found;
  if (models.length === 0) throw nothingIn(root, await refusalOf(all));
  const below = (each: string) => ({ place: each, inside: inside.get(each)!, name: inside.get(each)! });
  return collectionIds(models.map(below), name);
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
    files.find((file) => nameOf(file) === "model.json");
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
  if (files.length === 0) throw nothingIn(what, await refused());
  const below = (folder: string, path: string) => relative(folder, path).split(sep).join("/");
  const listed = files.map((path) => ({
    place: path,
    inside: below(root, path),
    name: below(searched, path),
  }));
  return collectionIds(listed, basename(root));
}

function nothingIn(what: string, refused: string): RangeError {
  return new RangeError(
    `${what}: found no model, required at least one file with extension ${EXTENSIONS.join(" or ")}${refused}`,
  );
}

function commonFolder(files: readonly string[]): string {
  return files.map((file) => dirname(file)).reduce((common, folder) => {
    let shared = common;
    while (folder !== shared && !folder.startsWith(shared + sep)) shared = dirname(shared);
    return shared;
  }, files[0] === undefined ? "." : dirname(files[0]));
}
