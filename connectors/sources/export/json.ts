/** The JSON of an exported program. */

import { isObject, own } from "../keras/config.ts";
import { parseJson } from "../json-file.ts";
import type { ZipEntry } from "../zip/entry.ts";
import type { ZipArchive } from "../zip/zip.ts";

/** A program of ten thousand operators takes ten megabytes, with stack traces a hundred. */
const LONGEST = 256 * 2 ** 20;

/**
 * Reads an entry as JSON.
 *
 * @param place archive and entry, for messages
 * @throws {SyntaxError} when it is too long, or no JSON
 */
export async function readText(
  place: string,
  archive: ZipArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<unknown> {
  if (entry.size > LONGEST) {
    throw new SyntaxError(`${place}: found ${entry.size} bytes, required at most ${LONGEST}`);
  }
  return parseJson(place, await archive.read(entry, signal));
}

/** What an object has under a key; undefined where it is none. */
export function field(value: unknown, key: string): unknown {
  return isObject(value) ? own(value, key) : undefined;
}

/** An extent, `{"as_int": 3}` or plain; null where it is no count. */
export function countOf(value: unknown): number | null {
  const number = typeof value === "number" ? value : field(value, "as_int");
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : null;
}
