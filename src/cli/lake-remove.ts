/** `svr lake rm`. */

import { ConfigError } from "../../config/document.ts";
import { globMatcher, isGlob } from "../../connectors/glob.ts";
import { readManifest } from "../../connectors/lake/manifest.ts";
import type { LakePlace } from "../../connectors/lake/place.ts";
import { finishRemoval, removeModels } from "../../connectors/lake/remove.ts";
import { commitTables } from "../../connectors/lake/table-formats/commit.ts";
import { keptFormats } from "../../connectors/lake/table-formats/kept-formats.ts";
import { messageOf, show } from "../model/errors.ts";
import { printable } from "../report/text.ts";
import { VERSION } from "../version.ts";

/** An error names so many of a lake's models. */
const MOST_NAMED = 10;

/**
 * Removes models and their comparisons from a lake and says which. What an earlier call was interrupted in is finished first.
 *
 * @param wanted ids, or globs of ids; an id that stands is never taken for a glob
 * @throws {ConfigError} when one of them is no model of the lake; then nothing is removed
 */
export async function removeCommand(
  place: LakePlace,
  wanted: readonly string[],
  write: (text: string) => void,
): Promise<void> {
  // What an earlier call was interrupted in.
  const finished = await finishRemoval(place);
  for (const id of finished) write(`${printable(`removed ${id}, which an earlier call had begun`)}\n`);
  const { models = [], comparisons = [] } = await readManifest(place) ?? {};
  const compared = comparisons.flatMap(({ base, other }) => [base, other]);
  const ids = [...new Set([...models.map(({ id }) => id), ...compared])];
  const chosen = new Set<string>();
  for (const each of wanted) {
    const found = ids.filter(idFilter(each, ids));
    if (found.length === 0) {
      if (finished.some(idFilter(each, finished))) continue;
      const some = ids.slice(0, MOST_NAMED).map(show).join(", ");
      const more = ids.length > MOST_NAMED ? `, … (${ids.length} in all)` : "";
      throw new ConfigError(
        `${place.name}: found no model ${show(each)}, required ${
          ids.length === 0 ? "a lake with models" : `one of ${some}${more}`
        }`,
      );
    }
    for (const id of found) chosen.add(id);
  }
  const removed = await removeModels(place, (id) => chosen.has(id));
  const formats = await keptFormats(place);
  const stay = formats.length === 0 ? "" : " stay, for older versions of the tables name them";
  for (const { id, files } of removed.models) {
    write(`${printable(`removed ${id}: ${files.length} files${stay}`)}\n`);
  }
  for (const { base, other, files } of removed.comparisons) {
    write(`${printable(`removed the comparison of ${other} with ${base}: ${files.length} files${stay}`)}\n`);
  }
  if (formats.length > 0) await commitTables(place, formats, { runId: null, version: VERSION });
}

function idFilter(wanted: string, ids: readonly string[]): (id: string) => boolean {
  if (ids.includes(wanted) || !isGlob(wanted)) return (id) => id === wanted;
  try {
    return globMatcher(wanted);
  } catch (cause) {
    throw new ConfigError(messageOf(cause), { cause });
  }
}
