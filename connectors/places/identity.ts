/** Whether two addresses name one file, and whether a file of this machine is still there. */

import { realpathSync } from "node:fs";
import { stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { codeOf, show } from "../../src/model/errors.ts";

/**
 * Whether two URIs of models name the same place: equal texts, or paths of this machine that lead to the same file.
 *
 * @example samePlace("/models/./a.npz", "/models/a.npz") // true
 */
export function samePlace(a: string, b: string): boolean {
  if (a === b) return true;
  return isAbsolute(a) && isAbsolute(b) && pathOf(a) === pathOf(b);
}

/** A path without links; where nothing is there, as it is written. */
function pathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** What is wrong where an id stands for a model from elsewhere, and the ways out. */
export function otherSource(id: string, standing: string, uri: string): string {
  return `found model ${show(id)} of ${show(standing)} there, required that of ${
    show(uri)
  }, which is not to replace ` +
    "it unasked: --id-prefix '{folder}/' (idPrefix) gives the models of this run ids of their own, --replace (replace: true) replaces it";
}

/**
 * Whether the file or folder that a model was read from is no longer there. Only paths of this machine are looked at: of remote places and
 * of generated models the answer is no, and so it is where the folders above may not be read.
 */
export async function isGone(uri: string): Promise<boolean> {
  if (!isAbsolute(uri)) return false;
  return await stat(uri).then(() => false, (cause) => ["ENOENT", "ENOTDIR"].includes(codeOf(cause) ?? ""));
}
