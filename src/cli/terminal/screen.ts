/** What is about a terminal: its width, and colours where it has them. */

import { env } from "node:process";
import { styleText } from "node:util";
import type { WriteStream } from "node:tty";
import type { Screen } from "../../report/screen.ts";

/** Marks a text: on a terminal by colour, elsewhere not at all. `NO_COLOR` and `FORCE_COLOR` are heard. */
export type Mark = (format: "bold" | "red" | "yellow", text: string) => string;

/** The marks of a stream. */
export function markOn(stream: WriteStream): Mark {
  return (format, text) => styleText(format, text, { stream });
}

/** Narrower than this no table is of use. */
const NARROWEST = 40;

/**
 * A stream as a screen: as wide as `COLUMNS` says, else as the terminal is.
 *
 * @param otherwise the width where neither says any
 */
export function screenOn(stream: WriteStream, otherwise: number): Screen {
  const said = Number(env["COLUMNS"]);
  // A terminal of no columns is one that does not know.
  const found = Number.isInteger(said) && said > 0
    ? said
    : stream.isTTY
    ? stream.columns || otherwise
    : otherwise;
  const mark = markOn(stream);
  return { width: Math.max(NARROWEST, found), bold: (text) => mark("bold", text) };
}
