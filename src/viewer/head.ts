/** What stands above a frame: title, lines of words, and the legend. */

import { label, textWidth } from "./label.ts";
import { FONT } from "./layout.ts";
import { INK, QUIET } from "./palette.ts";
import type { Attributes, SvgDocument, SvgElement } from "./svg.ts";

/** Bold letters are about so much wider. */
const BOLD = 1.2;
const LEFT = 20;
const LINE = 17;
const ROW = 20;
/** The longest title, in pixels, where the picture is wider. */
const LONGEST_TITLE = 1200;

/** One entry of the legend: its sign is drawn from x = 0 on, around y = 0. */
export interface Entry {
  readonly sign: readonly SvgElement[];
  readonly signWidth: number;
  readonly text: string;
}

/** What it says. */
export interface Head {
  readonly title: string;
  readonly lines: readonly string[];
  readonly legend: readonly Entry[];
}

/** Title, lines and legend for a width. */
export function drawHead(
  svg: SvgDocument,
  { title, lines, legend }: Head,
  width: number,
): { readonly elements: readonly SvgElement[]; readonly height: number } {
  const room = width - 2 * LEFT;
  const text = (y: number, size: number, colour: string, content: string, more: Attributes = {}) =>
    svg.element(
      "text",
      { x: LEFT, y, "font-size": size, fill: colour, "text-anchor": "start", ...more },
      content,
    );
  const elements = [
    text(28, FONT.title, INK, label(title, FONT.title * BOLD, Math.min(room, LONGEST_TITLE)), {
      "font-weight": "bold",
    }),
  ];
  let y = 28 + 4;
  for (const line of lines.flatMap((each) => wrapped(each, room))) {
    elements.push(text(y += LINE, FONT.text, QUIET, line));
  }
  y += 8 + ROW / 2;
  let x = LEFT;
  for (const { sign, signWidth, text: words } of legend) {
    const needed = signWidth + 6 + textWidth(words, FONT.text) + 18;
    if (x > LEFT && x + needed > width - LEFT) {
      x = LEFT;
      y += ROW;
    }
    elements.push(svg.element(
      "g",
      { transform: `translate(${x},${y})`, "aria-label": "legend" },
      ...sign,
      svg.element("text", {
        x: signWidth + 6,
        y: "0.35em",
        "font-size": FONT.text,
        fill: INK,
        "text-anchor": "start",
      }, words),
    ));
    x += needed;
  }
  return { elements, height: y + ROW };
}

/** A line of words, broken where it would be too long. */
function wrapped(line: string, room: number): string[] {
  const lines = [""];
  for (const word of line.split(" ")) {
    const longer = lines.at(-1) === "" ? word : `${lines.at(-1)} ${word}`;
    if (lines.at(-1) !== "" && textWidth(longer, FONT.text) > room) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
