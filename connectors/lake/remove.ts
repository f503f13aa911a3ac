/** Takes models out of a lake. */

import { TABLE_NAMES } from "../../src/model/tables.ts";
import { encodeModelId } from "../sinks/staging.ts";
import { FILE_NAME, type LakeModel, readManifest, replaceModels } from "./manifest.ts";
import type { LakePlace } from "./place.ts";

/**
 * Removes models: first their entries in the manifest, then their files, Arrow files beside them too. Who reads by the manifest never sees half a model.
 *
 * @param wanted tells by its id whether a model is to go
 * @returns the models that were removed; none where no id was wanted, and then nothing has changed
 * @throws {SyntaxError} when the manifest is not valid; Error when the lake cannot be written to
 */
export async function removeModels(
  place: LakePlace,
  wanted: (id: string) => boolean,
): Promise<readonly LakeModel[]> {
  const manifest = await readManifest(place);
  if (manifest?.models.some(({ id }) => wanted(id)) !== true) return [];
  let removed: readonly LakeModel[] = [];
  await replaceModels(place, (before) => {
    removed = before.filter(({ id }) => wanted(id));
    return before.filter(({ id }) => !wanted(id));
  });
  for (const { id } of removed) {
    // Where the lake is a run's own folder, the same rows lie there as Arrow files.
    for (const table of TABLE_NAMES.flatMap((name) => [name, `arrow/${name}`])) {
      const folder = `${table}/model=${encodeModelId(id)}/`;
      for (const path of await place.list(folder)) {
        if (FILE_NAME.test(path.slice(folder.length))) await place.remove(path);
      }
    }
  }
  return removed;
}
