/** The picture of a layer's spectrum: the density of its eigenvalues on logarithmic axes, the law of noise, spikes and the tail's power law. */

import * as Plot from "@observablehq/plot";
import { bulkDensity } from "../../stats/marchenko-pastur.ts";
import type { Head } from "../head.ts";
import { counted, label, short } from "../label.ts";
import { FONT } from "../layout.ts";
import { CHAIN, GRID, INK, kindColour, QUIET } from "../palette.ts";
import { sheetText } from "../sheet.ts";
import { type SvgDocument, svgDocument, type SvgElement } from "../svg.ts";
import type { SpectrumData } from "./spectrum-data.ts";

const WIDTH = 760;
const HEIGHT = 460;
const MARGIN = { left: 72, right: 24, top: 22, bottom: 46 } as const;
/** Bins of an octave: fewer where there are few eigenvalues. */
const MOST_BINS = 48;
/** Smaller eigenvalues than this share of the largest are not drawn: on a logarithmic axis they would take all room. */
const SMALLEST = 1e-8;
const TAIL = "#e69f00";
const NOISE = "#56b4e9";
const POINTS = 400;

interface Bin {
  readonly from: number;
  readonly to: number;
  readonly density: number;
}

/**
 * Draws a spectrum.
 *
 * @param bare whether head and legend are left out
 * @returns the text of an SVG file
 */
export function drawSpectrum(data: SpectrumData, bare = false): string {
  const svg = svgDocument();
  const { eigenvalues } = data;
  const largest = eigenvalues.at(-1)!;
  const shown = eigenvalues.filter((value) => value > SMALLEST * largest);
  const bins = histogram(shown, eigenvalues.length);
  const colour = kindColour(data.kind);
  const densities = bins.map(({ density }) => density).filter((density) => density > 0);
  const floor = Math.min(...densities) / 2;
  const ceiling = Math.max(...densities) * 2;
  const xDomain: [number, number] = [bins[0]!.from / 1.15, bins.at(-1)!.to * 1.15];
  const spikes = eigenvalues.subarray(eigenvalues.length - (data.spikes ?? 0));
  const curve = (points: readonly (readonly [number, number])[]) =>
    points.filter(([x, y]) => y >= floor && y <= ceiling && x >= xDomain[0] && x <= xDomain[1]);
  const figure = Plot.plot({
    document: svg.document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    x: { type: "log", domain: xDomain },
    y: { type: "log", domain: [floor, ceiling], clamp: true },
    axis: null,
    figure: false,
    marks: [
      Plot.gridY({ stroke: GRID, strokeOpacity: 1, ticks: 5 }),
      Plot.axisY({ ticks: 5, tickFormat: short, tickSize: 0, fontSize: 10, color: QUIET, label: null }),
      Plot.axisX({ ticks: 7, tickFormat: short, tickSize: 4, fontSize: 10, color: QUIET, label: null }),
      Plot.rect(bins.filter(({ density }) => density > 0), {
        x1: "from",
        x2: "to",
        y1: () => floor,
        y2: "density",
        fill: colour,
        fillOpacity: 0.45,
        ariaDescription: "density",
      }),
      ...data.bulk === null
        ? []
        : [line(curve(noise(data.bulk, 1 - (data.spikes ?? 0) / eigenvalues.length)), NOISE, "noise")],
      ...data.tail === null ? [] : [
        Plot.ruleX([data.tail.xmin], { stroke: TAIL, strokeDasharray: "2,3" }),
        line(curve(powerLaw(data.tail, largest, eigenvalues.length)), TAIL, "power law", "7,4"),
      ],
      ...spikes.length === 0 ? [] : [Plot.tickX(spikes, {
        x: (value: number) => value,
        stroke: CHAIN,
        strokeOpacity: 0.8,
        insetTop: HEIGHT - MARGIN.top - MARGIN.bottom - 14,
        ariaDescription: "spike",
      })],
    ],
  }) as unknown as SvgElement;
  const caption = (x: number, y: number, anchor: string, text: string) =>
    svg.element("text", { x, y, "font-size": FONT.text, fill: INK, "text-anchor": anchor }, text);
  return sheetText(svg, `Spectrum of ${data.layer} of ${data.model}`, headOf(svg, data, shown.length), bare, {
    width: WIDTH,
    height: HEIGHT,
    elements: [
      caption(20, 14, "start", "density of eigenvalues (logarithmic) ↑"),
      ...[...figure.children].filter(({ outerHTML }) => !outerHTML.startsWith("<style")),
      caption(WIDTH - 20, HEIGHT - 8, "end", "eigenvalue: squared singular value (logarithmic) →"),
    ],
  });
}

function line(points: readonly (readonly [number, number])[], stroke: string, said: string, dash = "none") {
  return Plot.line(points, {
    x: ([x]: readonly [number, number]) => x,
    y: ([, y]: readonly [number, number]) => y,
    stroke,
    strokeWidth: 2.2,
    strokeDasharray: dash,
    ariaDescription: said,
  });
}

/** Bins of equal width on a logarithmic axis. @param values ascending, above 0 @param of how many in all */
function histogram(values: Float64Array, of: number): Bin[] {
  const number = Math.max(6, Math.min(MOST_BINS, Math.ceil(2.5 * Math.sqrt(values.length))));
  const [first, last] = [Math.log(values[0]!), Math.log(values.at(-1)!)];
  // Of equal values there is one bin, which must have a width.
  const width = Math.max((last - first) / number, 1e-3);
  const counts = new Int32Array(number);
  for (const value of values) {
    counts[Math.min(number - 1, Math.max(0, Math.floor((Math.log(value) - first) / width)))]!++;
  }
  return Array.from(counts, (found, at) => {
    const [from, to] = [Math.exp(first + at * width), Math.exp(first + (at + 1) * width)];
    return { from, to, density: found / (of * (to - from)) };
  });
}

function noise(
  { min, max }: NonNullable<SpectrumData["bulk"]>,
  share: number,
): (readonly [number, number])[] {
  // Near the edges the density turns: points are dense there.
  return Array.from({ length: POINTS }, (_, at) => {
    const x = (min + max) / 2 - (max - min) / 2 * Math.cos(Math.PI * (at + 0.5) / POINTS);
    return [x, share * bulkDensity(x, { min, max })] as const;
  });
}

function powerLaw(
  { alpha, xmin, count }: NonNullable<SpectrumData["tail"]>,
  largest: number,
  of: number,
): (readonly [number, number])[] {
  return Array.from({ length: POINTS }, (_, at) => {
    const x = xmin * (largest / xmin) ** (at / (POINTS - 1));
    return [x, count / of * (alpha - 1) / xmin * (x / xmin) ** -alpha] as const;
  });
}

function headOf(svg: SvgDocument, data: SpectrumData, shown: number): Head {
  const { eigenvalues, spikes, bulk, tail, layer, model, kind } = data;
  const sign = (stroke: string, dash: string) => ({
    sign: [svg.element("line", {
      x1: 0,
      x2: 22,
      y1: 0,
      y2: 0,
      stroke,
      "stroke-width": 2.2,
      "stroke-dasharray": dash,
    })],
    signWidth: 22,
  });
  const left = eigenvalues.length - shown;
  const interval = tail?.low == null || tail.high == null
    ? ""
    : ` (95 %: ${short(tail.low)} to ${short(tail.high)})`;
  const fit = tail?.p == null
    ? ""
    : tail.p <= 0.1
    ? `, but no power law here: goodness of fit ${short(tail.p, 2)}`
    : `, goodness of fit ${short(tail.p, 2)}`;
  return {
    title: layer,
    lines: [
      `${label(model, FONT.text, 400)}; ${counted(eigenvalues.length, "eigenvalue")}${
        left > 0 ? `, ${left} of them below ${SMALLEST} of the largest and not drawn` : ""
      }${spikes === null ? "" : `; ${counted(spikes, "spike")}`}`,
      ...bulk === null ? [] : [
        `noise from ${short(bulk.min)} to ${short(bulk.max)}${
          bulk.distance === null
            ? ""
            : `, distance of the other eigenvalues from its law ${short(bulk.distance)}`
        }`,
      ],
      ...tail === null
        ? ["no power law could be fitted"]
        : [`power law from ${short(tail.xmin)} on: alpha ${short(tail.alpha)}${interval}${fit}`],
    ],
    legend: [
      {
        sign: [svg.element("rect", {
          x: 0,
          y: -6,
          width: 14,
          height: 12,
          fill: kindColour(kind),
          "fill-opacity": 0.45,
        })],
        signWidth: 14,
        text: "eigenvalues",
      },
      ...bulk === null ? [] : [{ ...sign(NOISE, "none"), text: "noise (Marchenko and Pastur)" }],
      ...tail === null ? [] : [{ ...sign(TAIL, "7,4"), text: "power law" }],
      ...(spikes ?? 0) === 0 ? [] : [{ ...sign(CHAIN, "none"), text: "spikes" }],
    ],
  };
}
