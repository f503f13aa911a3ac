/** Takes models out of a lake. */

import { TABLE_NAMES } from "../../src/model/tables.ts";
import { encodeModelId } from "../sinks/staging.ts";
import { FILE_NAME, type LakeModel, readManifest, replaceModels } from "./manifest.ts";
import type { LakePlace } from "./place.ts";

/** Names the files of models that are being removed: what an interrupted call leaves, the next removes. */
const REMOVAL = "_removal.json";

/** A model that is being removed, and its files. */
interface Removal {
  readonly id: string;
  readonly files: readonly string[];
}

/**
 * Removes models: first their entries in the manifest, then their files, Arrow files beside them too. Who reads by the manifest never sees half a
 * model. Only files are removed that were there before the entries went.
 *
 * @param wanted tells by its id whether a model is to go
 * @returns the models that were removed; none where no id was wanted, and then nothing has changed
 * @throws {SyntaxError} when the manifest is not valid; Error when the lake cannot be written to
 */
export async function removeModels(
  place: LakePlace,
  wanted: (id: string) => boolean,
): Promise<readonly LakeModel[]> {
  const ids = ((await readManifest(place))?.models ?? []).map(({ id }) => id).filter(wanted);
  if (ids.length === 0) return [];
  const removals: Removal[] = [];
  for (const id of ids) removals.push({ id, files: await filesOf(place, id) });
  await place.replaceText(
    REMOVAL,
    (before) => JSON.stringify([...parsed(before).filter(({ id }) => !ids.includes(id)), ...removals]),
  );
  let removed: readonly LakeModel[] = [];
  await replaceModels(place, (before) => {
    // A model that came in between stays: nobody has listed its files.
    removed = before.filter(({ id }) => ids.includes(id));
    return before.filter(({ id }) => !ids.includes(id));
  });
  await finishRemoval(place);
  return removed;
}

/**
 * Removes the files of models that an interrupted call took out of the manifest. Files that the manifest names stay.
 *
 * @returns the ids of those models
 * @throws {SyntaxError} when the manifest is not valid; Error when the lake cannot be written to
 */
export async function finishRemoval(place: LakePlace): Promise<readonly string[]> {
  const text = await place.readText(REMOVAL);
  if (text === null) return [];
  const standing = (await readManifest(place))?.models ?? [];
  // One whose entry stands was not removed, or is there again: its files are its own.
  const gone = parsed(text).filter(({ id }) => !standing.some((model) => model.id === id));
  for (const { files } of gone) for (const path of files) await place.remove(path);
  await place.remove(REMOVAL);
  return gone.map(({ id }) => id);
}

/** Where the files of a model lie. Where the lake is a run's own folder, the same rows lie there as Arrow files. */
function foldersOf(id: string): readonly string[] {
  const tables = TABLE_NAMES.flatMap((name) => [name, `arrow/${name}`]);
  return tables.map((table) => `${table}/model=${encodeModelId(id)}/`);
}

async function filesOf(place: LakePlace, id: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const folder of foldersOf(id)) {
    files.push(...(await place.list(folder)).filter((path) => FILE_NAME.test(path.slice(folder.length))));
  }
  return files;
}

/** Anybody may have written it: a path that is no table file of its model is left out, and so is what does not parse. */
function parsed(text: string | null): readonly Removal[] {
  let found: unknown;
  try {
    found = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  return (Array.isArray(found) ? found as unknown[] : []).flatMap((removal): Removal[] => {
    const { id, files } = (removal ?? {}) as Partial<Record<string, unknown>>;
    if (typeof id !== "string" || id === "" || !Array.isArray(files)) return [];
    const folders = foldersOf(id);
    const isOwn = (path: unknown): path is string =>
      typeof path === "string" &&
      folders.some((folder) => path.startsWith(folder) && FILE_NAME.test(path.slice(folder.length)));
    return [{ id, files: files.filter(isOwn) }];
  });
}
