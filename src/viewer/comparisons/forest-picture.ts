/** The picture of a forest of kin: models joined by their least distances, family by family. */

import type { Head } from "../head.ts";
import { counted, label, percent, textWidth } from "../label.ts";
import { FONT } from "../layout.ts";
import { INK, kindColour, PAPER, QUIET } from "../palette.ts";
import { sheetText } from "../sheet.ts";
import { svgDocument, type SvgElement } from "../svg.ts";

/** Models, and links of least distance among kin. */
export interface PicturedForest {
  readonly models: readonly string[];
  readonly links: readonly { readonly base: string; readonly other: string; readonly distance: number }[];
}

/** Models that are drawn. */
const MOST_MODELS = 400;
const ROW = 30;
const SIDE = 24;
/** Pixels between two models that are joined: the least, and for a distance of 1 more. */
const STEP = { least: 60, most: 260 } as const;
const LONGEST_NAME = 320;

/** A model in its place. */
interface Placed {
  readonly id: string;
  readonly x: number;
  readonly row: number;
  /** The row of the model that it hangs from, and how far it is from that; null for the first of a family. */
  readonly from: { readonly x: number; readonly row: number; readonly distance: number } | null;
}

/**
 * Draws a forest. Each family begins with its most joined model on the left; which of two models came first, weights do not tell.
 *
 * @returns the text of an SVG file, below 2 MB
 */
export function drawForest({ models, links: joined }: PicturedForest): string {
  const svg = svgDocument();
  const placed = places(models, joined).slice(0, MOST_MODELS);
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

/** Every model with the row below the one before; a family from its most joined model on, nearest first. */
function places(models: readonly string[], links: PicturedForest["links"]): Placed[] {
  const joined = new Map(models.map((id) => [id, [] as { id: string; distance: number }[]]));
  for (const { base, other, distance } of links) {
    joined.get(base)!.push({ id: other, distance });
    joined.get(other)!.push({ id: base, distance });
  }
  const longest = links.reduce((most, { distance }) => Math.max(most, distance), 0) || 1;
  const placed: Placed[] = [];
  const known = new Set<string>();
  for (const first of [...models].sort((a, b) => joined.get(b)!.length - joined.get(a)!.length)) {
    const open: Omit<Placed, "row">[] = known.has(first) ? [] : [{ id: first, x: SIDE, from: null }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      known.add(next.id);
      const row = placed.length;
      const { id, x } = next;
      placed.push({ ...next, row });
      const further = joined.get(id)!.filter((each) => !known.has(each.id))
        .sort((a, b) => b.distance - a.distance);
      for (const { id: other, distance } of further) {
        const step = STEP.least + (STEP.most - STEP.least) * distance / longest;
        open.push({ id: other, x: x + step, from: { x, row, distance } });
      }
    }
  }
  return placed;
}
