/** Warnings of many models, each text once. */

import { counted } from "../../model/counted.ts";

/**
 * One line per warning: checkpoints of one network are all warned of the same.
 *
 * @param warnings by their texts, with the ids of the models, at least one each
 * @example
 * [...groupedWarnings(new Map([["topology guessed", ["a", "b"]]]))]; // ["a (and 1 other model): topology guessed"]
 */
export function* groupedWarnings(warnings: ReadonlyMap<string, readonly string[]>): Generator<string> {
  for (const [text, [first, ...others]] of warnings) {
    const more = others.length === 0 ? "" : ` (and ${counted(others.length, "other model")})`;
    yield `${first}${more}: ${text}`;
  }
}
