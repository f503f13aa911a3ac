/** The picture of a series of checkpoints: a panel for each layer, in it the singular values over the steps. Data in, SVG out. */

import * as Plot from "@observablehq/plot";
import { ownMark } from "./frame-marks.ts";
import type { Head } from "./head.ts";
import { count, counted, label, percent, short } from "./label.ts";
import { FONT, valueAxis } from "./layout.ts";
import { GRID, INK, kindColour, QUIET } from "./palette.ts";
import { type Panel, PANEL_MARGIN, panelGrid } from "./panel-grid.ts";
import type { PictureSettings } from "./picture-data.ts";
import type { SeriesData, SeriesLayer } from "./series-data.ts";
import { sheetText } from "./sheet.ts";
import { type SvgDocument, svgDocument, type SvgElement } from "./svg.ts";

/** Pixels that labels of an axis take. */
const APART = { x: 34, y: 16 } as const;
/** Opacity of the line of the largest singular value, and of the smallest. */
const OPACITY = { first: 1, last: 0.35 } as const;

/**
 * Draws a series.
 *
 * @returns the text of an SVG file, below 2 MB
 */
export function drawSeries(series: SeriesData, settings: PictureSettings): string {
  const { normalize = false, bare = false, scale } = settings;
  const data = normalize ? { ...series, layers: series.layers.map(normalized) } : series;
  const svg = svgDocument();
  const of = normalize ? ", as a share of the layer's largest" : "";
  const captions = {
    up: `singular value${of}${scale === "log" ? " (logarithmic)" : ""}`,
    across: "step →",
  };
  const drawing = panelGrid(
    svg,
    data.layers.map(({ name }) => name),
    captions,
    (at, place) => panel(svg, data.layers[at]!, data.steps, place, scale),
  );
  return sheetText(svg, `Spectra of ${series.series}`, headOf(svg, data), bare, drawing);
}

function headOf(svg: SvgDocument, { series, steps, layers, of }: SeriesData): Head {
  const among = (chosen: number, all: number) => chosen === all ? "" : ` (an even choice of ${count(all)})`;
  return {
    title: series,
    lines: [
      `${counted(steps.length, "checkpoint")}${among(steps.length, of.checkpoints)} from step ${
        steps[0]
      } to step ${steps.at(-1)}; ${counted(layers.length, "layer")}${among(layers.length, of.layers)}`,
      "a line follows a rank: the largest singular value of a layer is dark, smaller ones are paler, at most 12 of a layer",
    ],
    legend: [...new Set(layers.map(({ kind }) => kind))].sort().map((kind) => ({
      sign: [
        svg.element("line", { x1: 0, x2: 20, y1: 0, y2: 0, stroke: kindColour(kind), "stroke-width": 2 }),
      ],
      signWidth: 20,
      text: label(kind, FONT.text, 160),
    })),
  };
}

/** One layer. */
function panel(
  svg: SvgDocument,
  layer: SeriesLayer,
  steps: readonly number[],
  { name, width, height }: Panel,
  scale: "linear" | "log",
): SvgElement[] {
  const { ranks, values, kind, nearKernels, neurons } = layer;
  const axis = valueAxis(values.map((each) => Float64Array.from(each)), scale);
  const inner = {
    width: width - PANEL_MARGIN.left - PANEL_MARGIN.right,
    height: height - PANEL_MARGIN.top - PANEL_MARGIN.bottom,
  };
  const xScale: Plot.ScaleOptions = {
    type: "linear",
    domain: [steps[0]!, steps.at(-1)!],
    range: [PANEL_MARGIN.left, PANEL_MARGIN.left + inner.width],
  };
  const yScale: Plot.ScaleOptions = {
    type: axis.type,
    domain: [...axis.domain],
    range: [PANEL_MARGIN.top + inner.height, PANEL_MARGIN.top],
    clamp: true,
  };
  const [across, up] = [Plot.scale({ x: xScale }), Plot.scale({ y: yScale })];
  const yTicks = apart(axis.ticks, (tick) => Number(up.apply(tick)), APART.y);
  const xTicks = apart(steps, (step) => Number(across.apply(step)), APART.x);
  const colour = kindColour(kind);
  const present = steps.map((_, at) => at).filter((at) => values[at]!.length > 0);
  const [first, last] = [present[0]!, present.at(-1)!];
  const text = (tick: number) => axis.cut && tick === axis.floor ? `≤ ${short(tick)}` : short(tick);
  const figure = Plot.plot({
    document: svg.document,
    width,
    height,
    marginLeft: PANEL_MARGIN.left,
    marginRight: PANEL_MARGIN.right,
    marginTop: PANEL_MARGIN.top,
    marginBottom: PANEL_MARGIN.bottom,
    x: xScale,
    y: yScale,
    axis: null,
    figure: false,
    marks: [
      Plot.gridY(yTicks, { stroke: GRID, strokeOpacity: 1 }),
      Plot.axisY(yTicks, { text, tickSize: 0, tickPadding: 4, fontSize: 9, color: QUIET, label: null }),
      Plot.axisX(xTicks, {
        text: String,
        tickSize: 3,
        tickPadding: 3,
        fontSize: 9,
        color: QUIET,
        label: null,
      }),
      ...ranks.map((rank, line) => {
        const title = `${name}, singular value ${rank + 1} of ${neurons[last]}\n${
          short(values[first]![line]!)
        } at step ${steps[first]}, ${short(values[last]![line]!)} at step ${steps[last]}`;
        // Over all steps: a line has a gap where a value is NaN, and would go across steps that are left out.
        return Plot.line(steps, {
          x: (step: number) => step,
          y: (_: number, at: number) => Math.max(axis.floor, values[at]![line] ?? NaN),
          stroke: colour,
          strokeWidth: line === 0 ? 1.8 : 1.1,
          strokeOpacity: opacityOf(line, ranks.length),
          title: () => title,
          ariaDescription: "neuron",
        });
      }).reverse(),
      ownMark(svg.element(
        "text",
        { x: PANEL_MARGIN.left, y: 12, "font-size": FONT.text, fill: INK, "text-anchor": "start" },
        name,
      )),
      ...nearKernels.some((each) => each > 0)
        ? [ownMark(svg.element(
          "text",
          { x: PANEL_MARGIN.left, y: 25, "font-size": 9, fill: QUIET, "text-anchor": "start" },
          `near-kernels ${percent(nearKernels[first]! / neurons[first]!)} % → ${
            percent(nearKernels[last]! / neurons[last]!)
          } %`,
        ))]
        : [],
    ],
  }) as unknown as SvgElement;
  const whole = svg.element("title", {}, label(layer.name, FONT.text, 1160));
  return [whole, ...[...figure.children].filter(({ outerHTML }) => !outerHTML.startsWith("<style"))];
}

function opacityOf(line: number, lines: number): number {
  const share = lines === 1 ? 0 : line / (lines - 1);
  return Math.round(100 * (OPACITY.first + (OPACITY.last - OPACITY.first) * share)) / 100;
}

/** Those of some places on an axis whose labels do not cover one another; the last and the first come before the others. */
function apart(values: readonly number[], place: (value: number) => number, pixels: number): number[] {
  const kept: number[] = [];
  for (const value of [...values.slice(-1), ...values]) {
    if (kept.every((other) => Math.abs(place(value) - place(other)) >= pixels)) kept.push(value);
  }
  return kept;
}

/** A layer whose singular values are shares of its largest, step by step. */
function normalized(layer: SeriesLayer): SeriesLayer {
  const largest = layer.values.map(([most = 0]) => most === 0 ? 1 : most);
  return {
    ...layer,
    values: layer.values.map((values, at) => values.map((value) => value / largest[at]!)),
  };
}
