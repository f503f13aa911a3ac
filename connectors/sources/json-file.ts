/** Small JSON files beside models, as Python writes them. */

import { messageOf } from "../../src/model/errors.ts";
import type { ByteSource } from "../bytes.ts";

/**
 * Reads a whole JSON file.
 *
 * @param most bytes that it may have; the caller says why
 * @throws {SyntaxError} when it is longer, or no JSON; names the file
 */
export async function readJson(
  path: string,
  source: ByteSource,
  most: number,
  signal?: AbortSignal,
): Promise<unknown> {
  if (source.size > most) {
    throw new SyntaxError(`${path}: found ${source.size} bytes, required at most ${most}`);
  }
  return parseJson(path, await source.slice(0, source.size, signal));
}

/**
 * JSON as Python writes it.
 *
 * @param what the file, for messages
 * @throws {SyntaxError} when it is none
 */
export function parseJson(what: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(plain(new TextDecoder("utf-8", { fatal: true }).decode(bytes))) as unknown;
  } catch (cause) {
    throw new SyntaxError(`${what}: found no JSON (${messageOf(cause)}), required JSON`, { cause });
  }
}

/** What Python writes, and JSON that reads as the same number. */
const NUMBERS: ReadonlyMap<string, string> = new Map([
  ["NaN", "null"],
  ["Infinity", "1e999"],
  ["-Infinity", "-1e999"],
]);

/** Python's json writes numbers that JSON does not have; texts stay as they are. A number that is none becomes null. */
function plain(text: string): string {
  let within = false;
  // Quotes one by one: an expression that takes a text whole runs out of stack on a long one.
  return text.replace(/\\.|"|-?\bInfinity\b|\bNaN\b/gs, (found) => {
    if (found === '"') within = !within;
    const number = within ? undefined : NUMBERS.get(found);
    return number ?? found;
  });
}
