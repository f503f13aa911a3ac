/** Collections: a file, a folder or a glob as a list of models. */

import { stat } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { glob } from "tinyglobby";
import { globBase, globMatcher, isGlob, walkGlobs } from "../glob.ts";
import { listPlace } from "../places/open.ts";
import { isRemote, nameOf, placeOf, schemeOf } from "../places/place.ts";
import { LINKS_TO_FILES, withoutLinksWithin } from "./linked-files.ts";
import { folderExtensions, modelsAmong, withoutTwins } from "./listing.ts";
import { collectionIds, type ModelFile, plainId } from "./model-ids.ts";
import { PASSED_NAMES, type PassedFile, passedFiles } from "./passed-files.ts";
import { extensionOf, FORMATS, type Formats } from "./registry.ts";

/**
 * The models that a path, folder, glob or remote place stands for, naturally sorted.
 *
 * Ids: a single file gets its name without extension (with its folder's name before it where the file's own is generic, such
 * as `model` or `epoch-003`); files of a folder or glob get their path relative to it, likewise. Files that differ in nothing but
 * their extension keep it.
 *
 * @param baseDir where relative patterns start
 * @param passed told of each file beside the models that holds one and cannot be read
 * @param formats default: those that svrflow reads by itself
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
  passed: TellPassed = () => undefined,
  formats: Formats = FORMATS,
): Promise<ModelFile[]> {
  if (isRemote(pattern)) return await remoteModels(placeOf(pattern), passed, formats, signal);
  const path = resolve(baseDir, pattern);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) {
    const files = await filesIn(path, [...folderExtensions(formats), ...PASSED_NAMES]);
    const { models, others } = await localModels(files, formats, signal);
    tellAll(others, (file) => below(path, file), passed);
    return named(models, path, path, formats, nothingIn(`the folder ${path}`, others, formats));
  }
  if (found !== null || !isGlob(pattern)) {
    return [{ path, id: plainId(path, undefined, formats), name: basename(path) }];
  }
  const files = await matching(pattern.split(sep).join("/"), baseDir);
  const { models, others } = await localModels(files, formats, signal);
  const common = commonFolder(models);
  tellAll(others, (file) => below(common, file), passed);
  const nothing = nothingIn(`the pattern ${pattern} in ${baseDir}`, others, formats);
  return named(models, dirname(common), common, formats, nothing);
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
    fs: LINKS_TO_FILES,
  });
  return files.filter((file) => {
    const name = relative(folder, file).split(sep).join("/");
    return matchers.some((matches) => matches(name));
  });
}

/** The models among the files of a remote place. */
async function remoteModels(
  place: string,
  passed: TellPassed,
  formats: Formats,
  signal?: AbortSignal,
): Promise<ModelFile[]> {
  const { files, name, root, single } = await listPlace(place, signal);
  if (single) {
    return files.map(({ place }) => ({
      path: place,
      id: plainId(place, name, formats),
      name: nameOf(place),
    }));
  }
  const inside = new Map(files.map((file) => [file.place, file.inside]));
  const all = [...inside.keys()];
  const wanted = new Set(folderExtensions(formats));
  const candidates = all.filter((each) => wanted.has(extensionOf(each, formats)));
  const found = await sorted(candidates, all, formats, signal);
  const models = schemeOf(place) === "hub" ? withoutTwins(found.models) : found.models;
  if (models.length === 0) throw nothingIn(root, found.others, formats);
  const twins = schemeOf(place) === "hub"
    ? withoutTwins([...models, ...found.others.map(({ path }) => path)])
    : null;
  const others = found.others.filter(({ path }) => twins?.includes(path) ?? true);
  tellAll(others, (file) => inside.get(file)!, passed);
  const listed = models.map((each) => ({ place: each, inside: inside.get(each)!, name: inside.get(each)! }));
  return collectionIds(listed, name, formats);
}

/** The models among files of this machine, each once. */
async function localModels(
  files: readonly string[],
  formats: Formats,
  signal?: AbortSignal,
): Promise<Sorted> {
  const { models, others } = await sorted(files, files, formats, signal);
  return { models: await withoutLinksWithin(models), others };
}

/** Files with one of these extensions below a folder, whatever their case. */
async function filesIn(folder: string, extensions: readonly string[]): Promise<string[]> {
  return await glob(extensions.map((extension) => `**/*${extension}`), {
    cwd: folder,
    absolute: true,
    followSymbolicLinks: false,
    caseSensitiveMatch: false,
    fs: LINKS_TO_FILES,
  });
}

/** Takes a file that is not taken, and its path below what was searched, with `/`. */
export type TellPassed = (file: PassedFile, name: string) => void;

function tellAll(
  files: readonly PassedFile[],
  nameOf: (path: string) => string,
  passed: TellPassed,
): void {
  for (const file of files) passed(file, nameOf(file.path));
}

/** The models among files, and the others that hold models. */
interface Sorted {
  readonly models: readonly string[];
  readonly others: readonly PassedFile[];
}

/** @param all as of `modelsAmong` */
async function sorted(
  candidates: readonly string[],
  all: readonly string[],
  formats: Formats,
  signal?: AbortSignal,
): Promise<Sorted> {
  const others: PassedFile[] = [];
  const models = await modelsAmong(candidates, all, signal, (file) => others.push(file), formats);
  // What a plugin reads is not passed over, though svrflow by itself cannot read it.
  const unread = all.filter((file) => {
    const extension = extensionOf(file, formats);
    return FORMATS.has(extension) || !formats.has(extension);
  });
  others.push(...await passedFiles(unread, signal));
  return { models, others: others.sort((a, b) => a.path < b.path ? -1 : 1) };
}

const below = (folder: string, path: string) => relative(folder, path).split(sep).join("/");

function named(
  files: readonly string[],
  root: string,
  searched: string,
  formats: Formats,
  nothing: RangeError,
): ModelFile[] {
  if (files.length === 0) throw nothing;
  const listed = files.map((path) => ({
    place: path,
    inside: below(root, path),
    name: below(searched, path),
  }));
  return collectionIds(listed, basename(root), formats);
}

/** @param others that hold models: why the first is refused is said */
function nothingIn(what: string, others: readonly PassedFile[], formats: Formats): RangeError {
  const [first] = others;
  const refused = first === undefined ? "" : `; ${first.path}: ${first.reason}`;
  return new RangeError(
    `${what}: found no model, required at least one file with extension ${
      [...formats.keys()].join(" or ")
    }${refused}`,
  );
}

function commonFolder(files: readonly string[]): string {
  return files.map((file) => dirname(file)).reduce((common, folder) => {
    let shared = common;
    while (folder !== shared && !folder.startsWith(shared + sep)) shared = dirname(shared);
    return shared;
  }, files[0] === undefined ? "." : dirname(files[0]));
}
