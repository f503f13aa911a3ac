/** Takes models and comparisons out of a lake. */

import { COMPARISON_TABLE_NAMES } from "../../src/model/comparison-tables.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import { encodeModelId } from "../sinks/staging.ts";
import {
  comparisonPartition,
  FILE_NAME,
  type LakeComparison,
  type LakeModel,
  readManifest,
  replaceEntries,
} from "./manifest.ts";
import { keptFormats } from "./table-formats/kept-formats.ts";
import type { LakePlace } from "./place.ts";

/** Where the lake is a run's own folder, its Arrow files lie there. */
const ARROW = "arrow/";

/** Names the files of what is being removed: what an interrupted call leaves, the next removes. */
const REMOVAL = "_removal.json";

/** A model that is being removed, or a comparison of one with a base, and its files. */
interface Removal {
  readonly id: string;
  readonly base?: string;
  readonly files: readonly string[];
}

/** What a lake has lost. */
export interface Removed {
  readonly models: readonly LakeModel[];
  readonly comparisons: readonly LakeComparison[];
}

/**
 * Removes models with their comparisons: first their entries in the manifest, then their files, Arrow files beside them too. Who reads by the
 * manifest never sees half a model. Only files are removed that were there before the entries went. In a lake that keeps versions of its
 * tables the Parquet files stay: older versions name them.
 *
 * @param wanted tells by its id whether a model is to go
 * @returns what was removed; nothing where no id was wanted, and then nothing has changed
 * @throws {SyntaxError} when the manifest is not valid; Error when the lake cannot be written to
 */
export async function removeModels(place: LakePlace, wanted: (id: string) => boolean): Promise<Removed> {
  return await removeEntries(
    place,
    ({ id }) => wanted(id),
    ({ base, other }) => wanted(base) || wanted(other),
  );
}

/** Removes comparisons in the same way. */
export async function removeComparisons(
  place: LakePlace,
  wanted: (comparison: LakeComparison) => boolean,
): Promise<readonly LakeComparison[]> {
  return (await removeEntries(place, () => false, wanted)).comparisons;
}

async function removeEntries(
  place: LakePlace,
  isWanted: (model: LakeModel) => boolean,
  isComparisonWanted: (comparison: LakeComparison) => boolean,
): Promise<Removed> {
  const manifest = await readManifest(place);
  const removals: Removal[] = [];
  for (const { id } of manifest?.models.filter(isWanted) ?? []) {
    removals.push({ id, files: await filesIn(place, foldersOf({ id })) });
  }
  for (const { base, other: id } of manifest?.comparisons.filter(isComparisonWanted) ?? []) {
    removals.push({ id, base, files: await filesIn(place, foldersOf({ id, base })) });
  }
  if (removals.length === 0) return { models: [], comparisons: [] };
  const going = new Set(removals.map(partitionOf));
  await place.replaceText(
    REMOVAL,
    (before) =>
      JSON.stringify([...parsed(before).filter((each) => !going.has(partitionOf(each))), ...removals]),
  );
  let removed: Removed = { models: [], comparisons: [] };
  await replaceEntries(place, ({ models, comparisons }) => {
    // What came in between stays: nobody has listed its files.
    const goes = ({ partition }: { readonly partition: string }) => going.has(partition);
    removed = { models: models.filter(goes), comparisons: comparisons.filter(goes) };
    return {
      models: models.filter((each) => !goes(each)),
      comparisons: comparisons.filter((each) => !goes(each)),
    };
  });
  await finishRemoval(place);
  return removed;
}

/**
 * Removes the files of what an interrupted call took out of the manifest. Files that the manifest names stay, and in a lake that keeps
 * versions of its tables all Parquet files.
 *
 * @returns the ids of those models
 * @throws {SyntaxError} when the manifest is not valid; Error when the lake cannot be written to
 */
export async function finishRemoval(place: LakePlace): Promise<readonly string[]> {
  const text = await place.readText(REMOVAL);
  if (text === null) return [];
  const { models = [], comparisons = [] } = await readManifest(place) ?? {};
  const standing = new Set([...models, ...comparisons].map(({ partition }) => partition));
  // One whose entry stands was not removed, or is there again: its files are its own.
  const gone = parsed(text).filter((each) => !standing.has(partitionOf(each)));
  const keepsVersions = (await keptFormats(place)).length > 0;
  for (const path of gone.flatMap(({ files }) => files)) {
    // Versions of the tables name the others.
    if (!keepsVersions || path.startsWith(ARROW)) await place.remove(path);
  }
  await place.remove(REMOVAL);
  return gone.flatMap(({ id, base }) => base === undefined ? [id] : []);
}

/** The folder of its files within each table's. */
function partitionOf({ id, base }: Pick<Removal, "id" | "base">): string {
  return base === undefined ? `model=${encodeModelId(id)}` : comparisonPartition(base, id);
}

/** Where its files lie. */
function foldersOf(of: Pick<Removal, "id" | "base">): readonly string[] {
  const names = of.base === undefined ? TABLE_NAMES : COMPARISON_TABLE_NAMES;
  return names.flatMap((name) => [name, `${ARROW}${name}`]).map((table) => `${table}/${partitionOf(of)}/`);
}

async function filesIn(place: LakePlace, folders: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const folder of folders) {
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
    const { id, base, files } = (removal ?? {}) as Partial<Record<string, unknown>>;
    const isId = (value: unknown): value is string => typeof value === "string" && value !== "";
    if (!isId(id) || base !== undefined && !isId(base) || !Array.isArray(files)) return [];
    const of = base === undefined ? { id } : { id, base };
    const folders = foldersOf(of);
    const isOwn = (path: unknown): path is string =>
      typeof path === "string" &&
      folders.some((folder) => path.startsWith(folder) && FILE_NAME.test(path.slice(folder.length)));
    return [{ ...of, files: files.filter(isOwn) }];
  });
}
