/** Ids of a collection: one each, told apart by longer paths where names are the same. */

import { ConfigError } from "../../../config/document.ts";
import {
  extensionOf,
  FORMATS,
  type Formats,
  withoutExtension,
} from "../../../connectors/sources/registry.ts";
import { show } from "../../model/errors.ts";

/** A model that has an id, given by the user or made from its path. */
export interface Named {
  readonly id: string;
  /** Whether the user gave the id: then it stays. */
  readonly given: boolean;
  /** Where the model is; absolute for a file. */
  readonly uri: string;
}

/**
 * Makes ids unique. Of models with the same id, those whose id was not given get longer ones, all alike: one more folder of their
 * paths, and where nothing else differs the extension, until no two are the same.
 *
 * @returns the ids, in order
 * @throws {ConfigError} when two given ids are the same, or a model is listed twice
 */
export function uniqueIds(models: readonly Named[], formats: Formats = FORMATS): string[] {
  const ids = models.map(({ id }) => id);
  // Each round adds a folder to some path; there are no more rounds than the longest path has parts.
  for (;;) {
    const shared = repeated(ids);
    if (shared.length === 0) return ids;
    for (const group of shared) {
      const longer = group.filter((at) => !models[at]!.given);
      const stems = longer.map((at) => withoutExtension(models[at]!.uri, formats));
      let grown = false;
      longer.forEach((at, i) => {
        const { uri } = models[at]!;
        // Files that differ in their extension only can be told apart by nothing else.
        const twin = stems.some((stem, other) => other !== i && stem === stems[i]);
        const next = lengthened(ids[at]!, uri, twin, formats);
        grown ||= next !== ids[at];
        ids[at] = next;
      });
      if (!grown) refuse(models, group, ids[group[0]!]!);
    }
  }
}

/** Places of ids that are there more than once, by id. */
function repeated(ids: readonly string[]): (readonly number[])[] {
  return [...Map.groupBy(ids.keys(), (at) => ids[at]!).values()].filter((group) => group.length > 1);
}

/** Refuses ids of which two are the same. @throws {ConfigError} naming both models */
export function requireUniqueIds(models: readonly Named[], ids: readonly string[]): void {
  const [group] = repeated(ids);
  if (group !== undefined) refuse(models, group, ids[group[0]!]!);
}

function lengthened(id: string, uri: string, withExtension: boolean, formats: Formats): string {
  const parts = withoutExtension(uri, formats).split(/[/\\]+/u).filter((part) => part !== "");
  const ending = extensionOf(uri, formats);
  const has = id.endsWith(ending) && ending !== "";
  if (withExtension && !has) return `${id}${ending}`;
  const bare = has ? id.slice(0, id.length - ending.length) : id;
  const longer = parts.slice(-(bare.split("/").length + 1)).join("/");
  return has ? `${longer}${ending}` : longer;
}

function refuse(models: readonly Named[], group: readonly number[], id: string): never {
  const uris = group.map((at) => models[at]!.uri);
  const found = new Set(uris).size === 1
    ? `${show(uris[0])} ${uris.length} times`
    : uris.slice(0, 2).map(show).join(" and ");
  throw new ConfigError(
    `models: found ${found} with the same id ${
      show(id)
    }, required one id each (give them one: {path: …, id: …})`,
  );
}
