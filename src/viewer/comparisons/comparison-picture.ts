/** The picture of two models compared: a panel for each pair of layers, in it the neurons of both, and lines between those that match. */

import type { Head } from "../head.ts";
import { counted, label, short } from "../label.ts";
import { FONT, valueAxis } from "../layout.ts";
import { CHAIN, INK, kindColour, QUIET } from "../palette.ts";
import { type Panel, PANEL_MARGIN, panelFrame, panelGrid, panelScale } from "../panel-grid.ts";
import { sheetText } from "../sheet.ts";
import { type SvgDocument, svgDocument, type SvgElement } from "../svg.ts";

/** Two layers that correspond. */
export interface PicturedPair {
  /** In the other model. */
  readonly name: string;
  /** Singular values of both, descending. */
  readonly base: Float64Array;
  readonly other: Float64Array;
  /** Matches that are more than chance; `similarity` is in [-1, 1]. */
  readonly matches: readonly { readonly base: number; readonly other: number; readonly similarity: number }[];
  /** Neurons of the other model. */
  readonly intruders: readonly number[];
}

/** Two models compared. */
export interface PicturedComparison {
  readonly base: string;
  readonly other: string;
  readonly layers: readonly PicturedPair[];
}

/** Panels that are drawn, and neurons of a layer at most. With them a file stays below 2 MB. */
const MOST_PANELS = 120;
const MOST_NEURONS = 40;
/** Neurons of all panels together and both models. */
const ALL_NEURONS = 6000;

/**
 * Draws a comparison.
 *
 * @returns the text of an SVG file, below 2 MB
 */
export function drawComparison({ base, other, layers }: PicturedComparison): string {
  const svg = svgDocument();
  const drawn = layers.slice(0, MOST_PANELS);
  const most = Math.max(10, Math.min(MOST_NEURONS, Math.floor(ALL_NEURONS / 2 / Math.max(1, drawn.length))));
  const drawing = panelGrid(
    svg,
    drawn.map(({ name }) => name),
    { up: "singular value", across: "left: base, right: other model" },
    (at, panel) => pairPanel(svg, drawn[at]!, most, panel),
  );
  const head = headOf(svg, { base, other, layers }, drawn.length, most);
  return sheetText(svg, `${other}, compared with ${base}`, head, false, drawing);
}

function headOf(
  svg: SvgDocument,
  { base, other, layers }: PicturedComparison,
  drawn: number,
  most: number,
): Head {
  const intruders = layers.reduce((sum, layer) => sum + layer.intruders.length, 0);
  const of = drawn < layers.length ? `; the first ${drawn} are drawn` : "";
  return {
    title: `${other}, compared with ${base}`,
    lines: [
      `${counted(layers.length, "layer")} that correspond${of}; ${
        counted(intruders, "intruder")
      }; at most ${most} leading neurons of a layer`,
      "a line joins two neurons that match by their vectors, whatever their rank: the darker, the more alike",
    ],
    legend: [
      { sign: [link(svg, 0, 20, 0, 0, 1)], signWidth: 20, text: "match, similarity 1" },
      { sign: [link(svg, 0, 20, 0, 0, 0.3)], signWidth: 20, text: "match, similarity 0.3" },
      { sign: [tick(svg, 6, 0)], signWidth: 12, text: "neuron" },
      { sign: [diamond(svg, 6, 0)], signWidth: 12, text: "intruder" },
    ],
  };
}

function pairPanel(svg: SvgDocument, layer: PicturedPair, most: number, panel: Panel): SvgElement[] {
  const { name, base, other, matches, intruders } = layer;
  const { y, ticks } = panelScale(panel, valueAxis([base, other], "linear"), short);
  const [left, right] = [PANEL_MARGIN.left + 14, panel.width - PANEL_MARGIN.right - 14];
  const shown = matches.filter((match) => match.base < most && match.other < most);
  const title = (element: SvgElement, text: string) => {
    element.append(svg.element("title", {}, text));
    return element;
  };
  return [
    ...panelFrame(svg, panel, name, ticks),
    // The most alike are drawn last, over the others.
    ...[...shown].sort((a, b) => Math.abs(a.similarity) - Math.abs(b.similarity)).map((match) =>
      title(
        link(svg, left, right, y(base[match.base]!), y(other[match.other]!), Math.abs(match.similarity)),
        `neuron ${match.base} and neuron ${match.other}: similarity ${short(match.similarity)}`,
      )
    ),
    ...[...base.subarray(0, most)].map((value) => tick(svg, left, y(value))),
    ...[...other.subarray(0, most)].map((value) => tick(svg, right, y(value))),
    ...intruders.filter((neuron) => neuron < most).map((neuron) =>
      title(diamond(svg, right, y(other[neuron]!)), `neuron ${neuron}: an intruder`)
    ),
    ...intruders.length === 0 ? [] : [svg.element(
      "text",
      { x: PANEL_MARGIN.left, y: 25, "font-size": 9, fill: QUIET, "text-anchor": "start" },
      counted(intruders.length, "intruder"),
    )],
    ...([["base", left], ["other", right]] as const).map(([text, x]) =>
      svg.element(
        "text",
        { x, y: panel.height - 6, "font-size": FONT.small, fill: INK },
        label(text, FONT.small, 60),
      )
    ),
  ];
}

function link(
  svg: SvgDocument,
  x1: number,
  x2: number,
  y1: number,
  y2: number,
  similarity: number,
): SvgElement {
  return svg.element("line", {
    x1,
    x2,
    y1,
    y2,
    stroke: kindColour("conv"),
    "stroke-width": Math.round(10 * (0.4 + 1.2 * similarity)) / 10,
    "stroke-opacity": Math.round(100 * (0.15 + 0.75 * similarity)) / 100,
    "aria-label": "match",
  });
}

function tick(svg: SvgDocument, x: number, y: number): SvgElement {
  return svg.element("line", { x1: x - 5, x2: x + 5, y1: y, y2: y, stroke: QUIET, "stroke-width": 1 });
}

function diamond(svg: SvgDocument, x: number, y: number): SvgElement {
  return svg.element("path", {
    d: `M${x - 5},${y}L${x},${y - 5}L${x + 5},${y}L${x},${y + 5}Z`,
    fill: CHAIN,
    stroke: INK,
    "stroke-width": 0.6,
    "aria-label": "intruder",
  });
}
