/** The picture of a series by its tracks: singular values over steps, each line a neuron that is followed by its vectors. */

import type { Head } from "../head.ts";
import { counted, label, short } from "../label.ts";
import { FONT, valueAxis } from "../layout.ts";
import { INK, kindColour, QUIET } from "../palette.ts";
import { type Panel, PANEL_MARGIN, panelFrame, panelGrid, panelScale } from "../panel-grid.ts";
import { sheetText } from "../sheet.ts";
import { type SvgDocument, svgDocument, type SvgElement } from "../svg.ts";

/** A layer of a series. */
export interface PicturedTracks {
  readonly name: string;
  /** By track, its places in the order of steps: `step` is an index of the series' steps. */
  readonly tracks: readonly (readonly { readonly step: number; readonly singularValue: number }[])[];
}

/** A series and its tracks. */
export interface PicturedTrackSeries {
  /** Ascending. */
  readonly steps: readonly number[];
  readonly layers: readonly PicturedTracks[];
}

/** Panels that are drawn, and tracks of a layer at most. With them a file stays below 2 MB. */
const MOST_PANELS = 120;
const MOST_TRACKS = 24;
/** Points of all lines together. */
const ALL_POINTS = 20_000;
/** Pixels that the label of a step takes. */
const APART = 30;

/**
 * Draws the strongest tracks of each layer: those of the largest singular values at any step.
 *
 * @returns the text of an SVG file, below 2 MB
 */
export function drawTracks({ steps, layers }: PicturedTrackSeries): string {
  const svg = svgDocument();
  const drawn = layers.slice(0, MOST_PANELS);
  const fitting = Math.floor(ALL_POINTS / steps.length / Math.max(1, drawn.length));
  const most = Math.max(2, Math.min(MOST_TRACKS, fitting));
  const drawing = panelGrid(
    svg,
    drawn.map(({ name }) => name),
    { up: "singular value", across: "step → (evenly spaced)" },
    (at, panel) => trackPanel(svg, drawn[at]!, steps, most, panel),
  );
  const head: Head = {
    title: `Tracks of neurons from step ${steps[0]} to step ${steps.at(-1)}`,
    lines: [
      `${counted(steps.length, "checkpoint")}, ${counted(layers.length, "layer")}${
        drawn.length < layers.length ? `, of which the first ${drawn.length} are drawn` : ""
      }; the ${most} strongest tracks of each layer`,
      "a line follows a neuron by its vectors: where two lines cross, their singular values change ranks",
    ],
    legend: [
      { sign: [line(svg, "M0,0L20,0", true)], signWidth: 20, text: "track through all steps" },
      { sign: [line(svg, "M0,0L20,0", false)], signWidth: 20, text: "track of some steps" },
      { sign: [birth(svg, 6, 0)], signWidth: 12, text: "begins after the first step" },
      { sign: [death(svg, 6, 0)], signWidth: 12, text: "ends before the last step" },
    ],
  };
  return sheetText(svg, head.title, head, false, drawing);
}

function trackPanel(
  svg: SvgDocument,
  { name, tracks }: PicturedTracks,
  steps: readonly number[],
  most: number,
  panel: Panel,
): SvgElement[] {
  const largest = (track: PicturedTracks["tracks"][number]) =>
    track.reduce((max, { singularValue }) => Math.max(max, singularValue), 0);
  const strongest = [...tracks].sort((a, b) => largest(b) - largest(a)).slice(0, most);
  const values = strongest.map((track) => Float64Array.from(track, ({ singularValue }) => singularValue));
  const { y, ticks } = panelScale(panel, valueAxis(values, "linear"), short);
  const { left, right } = PANEL_MARGIN;
  const wide = panel.width - left - right - 16;
  const x = (step: number) => left + 8 + wide * step / Math.max(1, steps.length - 1);
  const every = Math.max(1, Math.ceil(APART * steps.length / wide));
  return [
    ...panelFrame(svg, panel, name, ticks),
    ...steps.flatMap((step, at) =>
      at % every !== 0 ? [] : [svg.element(
        "text",
        { x: x(at), y: panel.height - 6, "font-size": 9, fill: QUIET },
        label(String(step), FONT.small, APART),
      )]
    ),
    // Whole tracks are drawn last, over the others.
    ...strongest.map((track) => ({ track, whole: isWhole(track, steps) }))
      .sort((a, b) => Number(a.whole) - Number(b.whole))
      .flatMap(({ track, whole }) => {
        const points = track.map(({ step, singularValue }) => `${x(step)},${y(singularValue)}`);
        const [first, last] = [track[0]!, track.at(-1)!];
        return [
          line(svg, `M${points.join("L")}`, whole),
          ...first.step > 0 ? [birth(svg, x(first.step), y(first.singularValue))] : [],
          ...last.step < steps.length - 1 ? [death(svg, x(last.step), y(last.singularValue))] : [],
        ];
      }),
  ];
}

const isWhole = (track: PicturedTracks["tracks"][number], steps: readonly number[]) =>
  track[0]!.step === 0 && track.at(-1)!.step === steps.length - 1;

function line(svg: SvgDocument, d: string, whole: boolean): SvgElement {
  return svg.element("path", {
    d,
    fill: "none",
    stroke: whole ? kindColour("conv") : QUIET,
    "stroke-width": whole ? 1.6 : 1,
    ...whole ? {} : { "stroke-dasharray": "3 2" },
    "aria-label": "track",
  });
}

function birth(svg: SvgDocument, x: number, y: number): SvgElement {
  return svg.element("circle", { cx: x, cy: y, r: 2.6, fill: "#ffffff", stroke: INK, "aria-label": "birth" });
}

function death(svg: SvgDocument, x: number, y: number): SvgElement {
  return svg.element("path", {
    d: `M${x - 3},${y - 3}L${x + 3},${y + 3}M${x - 3},${y + 3}L${x + 3},${y - 3}`,
    stroke: INK,
    "stroke-width": 1.2,
    "aria-label": "death",
  });
}
