/** Panels side by side and below one another, one for each layer. */

import { label } from "./label.ts";
import { axisNames } from "./layer-names.ts";
import { FONT, type ValueAxis } from "./layout.ts";
import { GRID, INK, QUIET } from "./palette.ts";
import type { Drawing } from "./sheet.ts";
import type { SvgDocument, SvgElement } from "./svg.ts";

/** Panels side by side, by the most layers that have so many. */
const COLUMNS = [[4, 4], [12, 5], [Infinity, 7]] as const;
/** Widths in pixels: of all panels together, of a panel at most, and beside them. */
const WIDEST = 1160;
const PANEL = 280;
const SIDE = 20;
/** Around the frame of a panel. */
export const PANEL_MARGIN = { left: 34, right: 10, top: 34, bottom: 20 } as const;
const CAPTION = 24;

/** A panel to be drawn into. */
export interface Panel {
  /** The layer's name, as it fits. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws a panel for each layer.
 *
 * @param captions of the axes: the one up stands above all panels, the one across below
 * @param draw the elements of a panel, by its place
 */
export function panelGrid(
  svg: SvgDocument,
  layers: readonly string[],
  captions: { readonly up: string; readonly across: string },
  draw: (at: number, panel: Panel) => readonly SvgElement[],
): Drawing {
  // Without a layer one row is empty.
  const rows = Math.max(1, Math.ceil(layers.length / COLUMNS.find(([most]) => layers.length <= most)![1]));
  const columns = Math.max(1, Math.ceil(layers.length / rows));
  const panelWidth = Math.min(PANEL, Math.floor(WIDEST / columns));
  const panelHeight = Math.round(0.8 * panelWidth);
  const width = Math.max(640, 2 * SIDE + columns * panelWidth);
  const height = 2 * CAPTION + rows * panelHeight;
  const axis = axisNames(layers);
  const panels = layers.map((_, at) => {
    const x = SIDE + (at % columns) * panelWidth;
    const y = CAPTION + Math.floor(at / columns) * panelHeight;
    const name = label(axis.names[at]!, FONT.text, panelWidth - PANEL_MARGIN.right, "start");
    return svg.element(
      "g",
      { transform: `translate(${x},${y})`, "aria-label": "layer" },
      ...draw(at, { name, width: panelWidth, height: panelHeight }),
    );
  });
  const caption = (x: number, y: number, anchor: string, text: string) =>
    svg.element("text", { x, y, "font-size": FONT.small, fill: INK, "text-anchor": anchor }, text);
  const without = label(axis.without, FONT.small, width / 2, "start");
  return {
    width,
    height,
    elements: [
      caption(SIDE, 16, "start", `${captions.up} ↑`),
      ...panels,
      caption(
        width - SIDE,
        height - 6,
        "end",
        `${without === "" ? "" : `names of layers without ${without}; `}${captions.across}`,
      ),
    ],
  };
}

/** The name of a panel's layer, whole where a reader points at it, and the lines and labels of its axis of values. */
export function panelFrame(
  svg: SvgDocument,
  { name, width }: Panel,
  whole: string,
  ticks: readonly { readonly y: number; readonly text: string }[],
): SvgElement[] {
  const { left, right } = PANEL_MARGIN;
  return [
    svg.element("title", {}, label(whole, FONT.text, WIDEST)),
    ...ticks.flatMap(({ y, text }) => [
      svg.element("line", { x1: left, x2: width - right, y1: y, y2: y, stroke: GRID }),
      svg.element("text", { x: left - 4, y: y + 3, "font-size": 9, fill: QUIET, "text-anchor": "end" }, text),
    ]),
    svg.element("text", { x: left, y: 12, "font-size": FONT.text, fill: INK, "text-anchor": "start" }, name),
  ];
}

/** Where values stand in a panel, and the ticks of their axis whose labels do not cover one another. */
export function panelScale(
  { height }: Panel,
  axis: ValueAxis,
  text: (value: number) => string,
): { readonly y: (value: number) => number; readonly ticks: readonly { y: number; text: string }[] } {
  const { top, bottom } = PANEL_MARGIN;
  const inner = height - top - bottom;
  const y = (value: number) => top + inner * (1 - value / axis.domain[1]);
  const step = Math.max(1, Math.ceil(16 * axis.ticks.length / inner));
  return {
    y,
    ticks: axis.ticks.filter((_, at) => at % step === 0).map((value) => ({ y: y(value), text: text(value) })),
  };
}
