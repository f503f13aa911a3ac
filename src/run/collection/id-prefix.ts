/** What a run puts before the ids of its models, so that they differ from those of other runs. */

import { basename, resolve } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import { FORMATS, type Formats, withoutExtension } from "../../../connectors/sources/registry.ts";
import { show } from "../../model/errors.ts";
import { type Named, requireUniqueIds } from "./collection-ids.ts";

/**
 * The ids of models behind a prefix. `{run}` in it is the name of the output folder. `{folder}` is, for each model, the folder that it lies
 * in: the last one of its path that its id does not name already.
 *
 * @param ids one per model; unique
 * @throws {ConfigError} when a model has no such folder, or two models have the same id then
 * @example prefixedIds("{folder}/", "svr-out", [{ uri: "/a/run1/model.npz", … }], ["run1/model"]) // ["a/run1/model"]
 */
export function prefixedIds(
  prefix: string | undefined,
  out: string,
  models: readonly Named[],
  ids: readonly string[],
  formats: Formats = FORMATS,
): readonly string[] {
  if (prefix === undefined) return ids;
  const run = basename(resolve(out));
  const prefixed = ids.map((id, at) => {
    const { uri } = models[at]!;
    return prefix.replaceAll(
      /\{(folder|run)\}/g,
      (_, what) => what === "run" ? run : folderOf(id, uri, formats),
    ) + id;
  });
  requireUniqueIds(models, prefixed);
  return prefixed;
}

function folderOf(id: string, uri: string, formats: Formats): string {
  // An id that a user made up names no folders.
  const parts = withoutExtension(uri, formats).replace(/^hub:/i, "").split(/[/\\]+/u).filter((part) =>
    part !== ""
  );
  const named = id.split("/");
  const ends = parts.slice(-named.length);
  const own = named.every((part, at) => ends[at] === part || ends[at] === withoutExtension(part, formats));
  const folder = uri.startsWith("synthetic:") ? undefined : parts.at(-1 - (own ? named.length : 1));
  if (folder === undefined || /^[a-z][a-z0-9+.-]*:$/i.test(folder)) {
    throw new ConfigError(
      `idPrefix: found ${show("{folder}")} for the model ${show(id)} of ${show(uri)}, ` +
        "required a model with a folder above those that its id names",
    );
  }
  return folder;
}
