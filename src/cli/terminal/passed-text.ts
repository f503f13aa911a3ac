/** Files that were not taken, in words. */

import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import { printable } from "../../report/text.ts";

/** So many are named; `run.json` names all. */
const MOST_NAMED = 5;

/**
 * Lines that name files which hold models and were not taken.
 *
 * @example
 * passedText([{ path: "a.msgpack", reason: "found Flax" }]); // ["1 file not taken: a.msgpack: found Flax"]
 */
export function passedText(files: readonly PassedFile[]): string[] {
  const lines = files.slice(0, MOST_NAMED).map(({ path, reason }) => printable(`${path}: ${reason}`));
  if (files.length < 2) return lines.map((line) => `1 file not taken: ${line}`);
  const more = files.length - lines.length;
  return [
    `${files.length} files not taken:`,
    ...lines.map((line) => `  ${line}`),
    ...more > 0 ? [`  and ${more} more`] : [],
  ];
}
