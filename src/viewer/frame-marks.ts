/** The frame: axes, grid, names of layers, near-kernels' bands and strip, the neurons' ticks. */

import * as Plot from "@observablehq/plot";
import type { Frame } from "./frame.ts";
import { percent, short } from "./label.ts";
import { FONT } from "./layout.ts";
import { BAND, BARS, GRID, INK, kindColour, QUIET } from "./palette.ts";
import type { PictureData } from "./picture-data.ts";
import { bandPath, bandReach, nearKernelShares, type Ticks } from "./spectrum-marks.ts";
import type { SvgDocument, SvgElement } from "./svg.ts";
import type { Titles } from "./titles.ts";

/** A mark that draws one element of our own. */
export function ownMark(element: SvgElement): () => SvgElement {
  return () => element;
}

/** What lies below the edges. */
export function frameMarks(
  svg: SvgDocument,
  data: PictureData,
  frame: Frame,
  ticks: Ticks,
  titles: Titles,
): Plot.Markish[] {
  const { layout, axis } = frame;
  const { layers } = data;
  const skipped = layers.flatMap(({ singularValues }, at) => singularValues.length === 0 ? [at] : []);
  const bands = bandPath(
    layers,
    frame.x,
    frame.y,
    layout.pitch,
    layout.bottom,
    data.test?.nearKernel ?? null,
  );
  const reach = layout.pitch / 2;
  // Not seen; shows a layer's title wherever no neuron or edge of its column has one.
  const columns = layout.named.map((layer) =>
    svg.element("rect", {
      x: frame.x(layer) - reach,
      y: layout.top,
      width: layout.pitch,
      height: layout.bottom - layout.top,
    }, svg.element("title", {}, titles.layer(layer)))
  );
  return [
    ownMark(svg.element("path", { d: bands, fill: BAND, "aria-label": "near-kernels" })),
    ownMark(
      svg.element("g", { "aria-label": "columns", fill: "none", "pointer-events": "all" }, ...columns),
    ),
    Plot.gridY({ ticks: [...axis.ticks], stroke: GRID, strokeOpacity: 1 }),
    Plot.ruleX(skipped, {
      stroke: QUIET,
      strokeDasharray: "2,4",
      strokeOpacity: 0.6,
      ariaDescription: "skipped layers",
    }),
    Plot.axisY({
      ticks: [...axis.ticks],
      // Given as texts: of formats, d3 leaves out some ticks of logarithmic axes.
      text: (tick: number) => axis.cut && tick === axis.floor ? `≤ ${short(tick)}` : short(tick),
      tickSize: 0,
      tickPadding: 8,
      fontSize: FONT.small,
      color: QUIET,
      label: null,
    }),
    Plot.axisX([...layout.indexed], {
      tickFormat: (layer: number) => String(layer),
      tickSize: 0,
      tickPadding: 6,
      insetBottom: 0,
      dy: layout.strip,
      fontSize: FONT.small,
      color: INK,
      label: null,
    }),
    ownMark(
      svg.element(
        "g",
        { "aria-label": "neurons", fill: "none", "stroke-width": 1 },
        ...ticks.paths.map(({ kind, opacity, path, title }) =>
          svg.element(
            "path",
            { d: path, stroke: kindColour(kind), "stroke-opacity": round(opacity * 0.55) },
            ...title === undefined ? [] : [svg.element("title", {}, title)],
          )
        ),
      ),
    ),
  ];
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Names of the layers, captions of the axes, and the strip of near-kernels, which stand outside of the frame. */
export function frameTexts(
  svg: SvgDocument,
  data: PictureData,
  frame: Frame,
  titles: Titles,
  normalized: boolean,
): SvgElement[] {
  const { layout } = frame;
  const { rotation, names, without, named, strip, bottom, left, width } = layout;
  const text = (x: number, y: number, content: string, more: Record<string, string | number> = {}) =>
    svg.element("text", { x, y, "font-size": FONT.small, fill: QUIET, ...more }, content);
  const y = bottom + strip + 30;
  const nameTexts = named.map((layer) => {
    const x = frame.x(layer);
    // The middle of a rotated line stands under its layer.
    const shift = rotation === -90 ? 3.5 : 0;
    const name = rotation === 0 ? text(x, y + 4, names[layer]!) : svg.element("text", {
      transform: `translate(${x + shift},${y - (rotation === -90 ? 4 : 2)}) rotate(${rotation})`,
      "font-size": FONT.small,
      fill: QUIET,
      "text-anchor": "end",
    }, names[layer]!);
    return svg.element("g", {}, svg.element("title", {}, titles.layer(layer)), name);
  });
  const value = `singular value${normalized ? ", as a share of the layer's largest" : ""}`;
  const layers = `layer${without === "" ? "" : ` (names without ${without})`}`;
  const behind = data.layers.some(({ kind }) => kind === "circuit") ? ", circuits behind" : "";
  const captions = [
    text(left, layout.top - 10, `${value}${frame.axis.type === "log" ? " (logarithmic)" : ""} ↑`, {
      "text-anchor": "start",
      fill: INK,
    }),
    text(width - layout.right, layout.height - 8, `${layers}, in the order of the signal${behind} →`, {
      "text-anchor": "end",
      fill: INK,
    }),
  ];
  return [
    svg.element("g", { "aria-label": "layers" }, ...nameTexts),
    ...captions,
    ...strip === 0 ? [] : stripElements(svg, data, frame, text),
  ];
}

/** A bar for the share of near-kernels of each layer; with a number where there is room for one. */
function stripElements(
  svg: SvgDocument,
  data: PictureData,
  frame: Frame,
  text: (x: number, y: number, content: string, more?: Record<string, string | number>) => SvgElement,
): SvgElement[] {
  const { pitch, bottom, left, width, right } = frame.layout;
  const shares = nearKernelShares(data.layers);
  const base = bottom + 26;
  const full = 14;
  const reach = bandReach(pitch);
  const numbers = pitch >= 30;
  const bars = shares.map((share, layer) => {
    const height = share * full;
    return height === 0 ? "" : `M${frame.x(layer) - reach},${base}v${-height}h${2 * reach}v${height}Z`;
  }).join("");
  return [
    svg.element("path", { d: bars, fill: BARS, "aria-label": "share of near-kernels" }),
    svg.element("path", { d: `M${left},${base}H${width - right}`, stroke: BARS, "stroke-width": 0.6 }),
    text(left - 6, base - 8, "near-", { "text-anchor": "end" }),
    text(left - 6, base + 2, "kernels", { "text-anchor": "end" }),
    ...numbers
      ? shares.map((share, layer) =>
        text(frame.x(layer), base - share * full - 2, share === 0 ? "0" : `${percent(share)} %`, {
          "font-size": 9,
        })
      )
      : [],
  ];
}
