/** The picture of a forest of kin: models joined by their least distances, family by family. */

import type { Head } from "../head.ts";
import { counted, label, percent, textWidth } from "../label.ts";
import { FONT } from "../layout.ts";
import { INK, kindColour, PAPER, QUIET } from "../palette.ts";
import { sheetText } from "../sheet.ts";
import { svgDocument, type SvgElement } from "../svg.ts";
import { forestPlaces, type PicturedForest, SIDE } from "./forest-places.ts";

/** Models that are drawn. */
const MOST_MODELS = 400;
const ROW = 30;
const LONGEST_NAME = 320;

/**
 * Draws a forest. Each family begins with its most joined model on the left; which of two models came first, weights do not tell.
 *
 * @returns the text of an SVG file, below 2 MB
 */
export function drawForest({ models, links: joined }: PicturedForest): string {
  const svg = svgDocument();
  const placed = forestPlaces(models, joined).slice(0, MOST_MODELS);
  const names = placed.map(({ id }) => label(id, FONT.text, LONGEST_NAME));
  const width = placed.reduce(
    (most, { x }, at) => Math.max(most, Math.ceil(x + textWidth(names[at]!, FONT.text) + 2 * SIDE)),
    640,
  );
  const y = (row: number) => 20 + row * ROW;
  const links = placed.flatMap(({ x, row, from }): SvgElement[] =>
    from === null ? [] : [
      svg.element("path", {
        d: `M${from.x},${y(from.row)}L${from.x},${y(row)}L${x},${y(row)}`,
        fill: "none",
        stroke: kindColour("conv"),
        "stroke-width": 1.6,
        "aria-label": "link",
      }),
      svg.element(
        "text",
        { x: (from.x + x) / 2, y: y(row) - 4, "font-size": FONT.small, fill: QUIET },
        `${percent(from.distance)} %`,
      ),
    ]
  );
  const nodes = placed.flatMap(({ x, row, from }, at): SvgElement[] => [
    svg.element("circle", {
      cx: x,
      cy: y(row),
      r: 5,
      fill: from === null ? kindColour("conv") : PAPER,
      stroke: kindColour("conv"),
      "stroke-width": 1.6,
      "aria-label": "model",
    }),
    svg.element(
      "text",
      { x: x + 10, y: y(row) + 4, "font-size": FONT.text, fill: INK, "text-anchor": "start" },
      names[at]!,
    ),
  ]);
  const families = placed.filter(({ from }) => from === null).length;
  const head: Head = {
    title: "Kin, joined by least distances",
    lines: [
      `${counted(models.length, "model")} in ${counted(families, "family", "families")}${
        placed.length < models.length ? `; the first ${placed.length} are drawn` : ""
      }; a number says by how much of their length weights differ, and so does the length of its line`,
      "which of two models came first, weights do not tell: a family begins with its most joined model",
    ],
    legend: [],
  };
  return sheetText(svg, head.title, head, false, {
    width,
    height: y(placed.length),
    elements: [...links, ...nodes],
  });
}
