/** The edges, weakest first; the neurons that they join; the dominant connection over both. */

import * as Plot from "@observablehq/plot";
import type { Chain } from "../model/measures.ts";
import { edgeCurve, middleOf } from "./edge-curve.ts";
import type { Frame } from "./frame.ts";
import { FONT } from "./layout.ts";
import {
  CHAIN,
  EDGE_CLASSES,
  edgeStyle,
  INTENSITY_OPACITIES,
  intensityClass,
  kindColour,
  PAPER,
} from "./palette.ts";
import type { PictureData } from "./picture-data.ts";
import type { SvgDocument, SvgElement } from "./svg.ts";
import { ownMark } from "./frame-marks.ts";
import type { Titles } from "./titles.ts";

/** A group of lines per class of strength. */
export function edgeMarks({ edges }: PictureData, frame: Frame, titles: Titles | null): Plot.Markish[] {
  const { count, sourceLayer, sourceNeuron, targetLayer, targetNeuron, strength } = edges;
  const finite = strength.filter(Number.isFinite);
  const [least = 0, most = 0] = [finite[0], finite[finite.length - 1]];
  // Roots, because a few edges are much stronger than most. Infinite weights are the weakest or the strongest.
  const share = (at: number) =>
    most === least ? 1 : Math.sqrt(Math.min(1, Math.max(0, (strength[at]! - least) / (most - least))));
  const classes = Array.from({ length: EDGE_CLASSES }, (): number[] => []);
  for (let at = 0; at < count; at++) {
    classes[Math.min(EDGE_CLASSES - 1, Math.floor(share(at) * EDGE_CLASSES))]!.push(at);
  }
  const value = (layer: Int32Array, neuron: Int32Array) => (at: number) =>
    frame.value(layer[at]!, neuron[at]!);
  return classes.flatMap((members, index) => {
    const { colour, width, opacity } = edgeStyle(index / (EDGE_CLASSES - 1));
    return members.length === 0 ? [] : [Plot.link(members, {
      x1: (at: number) => sourceLayer[at]!,
      x2: (at: number) => targetLayer[at]!,
      y1: value(sourceLayer, sourceNeuron),
      y2: value(targetLayer, targetNeuron),
      stroke: colour,
      strokeWidth: width,
      strokeOpacity: opacity,
      curve: edgeCurve(frame),
      title: titles === null ? null : (at: number) => titles.edge(at),
      ariaDescription: "edges",
    })];
  });
}

/** Dots for the neurons of drawn edges. */
export function nodeMarks(
  { layers, edges }: PictureData,
  frame: Frame,
  titles: Titles | null,
): Plot.Markish[] {
  const looks = new Map<string, { kind: string; look: number; near: boolean; at: [number, number][] }>();
  const seen = layers.map(() => new Set<number>());
  const add = (layer: number, neuron: number) => {
    const { kind, intensity, nearKernel } = layers[layer]!;
    if (seen[layer]!.has(neuron)) return;
    seen[layer]!.add(neuron);
    const look = intensityClass(intensity[neuron]!);
    const near = nearKernel[neuron] === 1;
    const key = `${near ? 0 : 1} ${look} ${kind}`;
    const group = looks.get(key) ?? looks.set(key, { kind, look, near, at: [] }).get(key)!;
    group.at.push([layer, neuron]);
  };
  for (let at = 0; at < edges.count; at++) {
    add(edges.sourceLayer[at]!, edges.sourceNeuron[at]!);
    add(edges.targetLayer[at]!, edges.targetNeuron[at]!);
  }
  const { nodeRadius } = frame.layout;
  return [...looks].sort(([a], [b]) => a < b ? -1 : 1).map(([, { kind, look, near, at }]) =>
    Plot.dot(at.sort(([l, n], [k, m]) => l - k || m - n), {
      x: ([layer]: [number, number]) => layer,
      y: ([layer, neuron]: [number, number]) => frame.value(layer, neuron),
      r: nodeRadius,
      title: titles === null ? null : ([layer, neuron]: [number, number]) => titles.neuron(layer, neuron),
      sort: null,
      ...near
        ? {
          fill: PAPER,
          stroke: kindColour(kind),
          strokeOpacity: INTENSITY_OPACITIES[look]!,
          strokeWidth: 1.2,
        }
        : { fill: pale(kindColour(kind), INTENSITY_OPACITIES[look]!), stroke: PAPER, strokeWidth: 0.5 },
      ariaDescription: near ? "near-kernels with edges" : "neurons with edges",
    })
  );
}

/** The chain's lines with their direction, its neurons and their numbers. */
export function chainMarks(
  svg: SvgDocument,
  chain: Chain,
  frame: Frame,
  titles: Titles | null,
): Plot.Markish[] {
  const { edges } = chain;
  const curve = edgeCurve(frame);
  const line = (stroke: string, strokeWidth: number, ariaDescription: string) =>
    Plot.link([...edges], {
      x1: "sourceLayer",
      x2: "targetLayer",
      y1: (edge: (typeof edges)[number]) => frame.value(edge.sourceLayer, edge.sourceNeuron),
      y2: (edge: (typeof edges)[number]) => frame.value(edge.targetLayer, edge.targetNeuron),
      stroke,
      strokeWidth,
      strokeLinecap: "round",
      curve,
      title: titles === null ? null : (edge: (typeof edges)[number]) => titles.chainEdge(edge),
      ariaDescription,
    });
  const stops = [
    ...edges.map(({ sourceLayer, sourceNeuron }) => [sourceLayer, sourceNeuron] as const),
    ...edges.slice(-1).map(({ targetLayer, targetNeuron }) => [targetLayer, targetNeuron] as const),
  ];
  const chainLine = line(CHAIN, 2.6, "dominant connection");
  const numbers = ownMark(chainNumbers(svg, stops, frame));
  // Where layers are hardly apart, arrows and rings would be the line again.
  if (frame.layout.pitch < 6) return [chainLine, numbers];
  return [
    line(PAPER, 6, "halo of the dominant connection"),
    chainLine,
    ownMark(svg.element("g", { fill: CHAIN, "aria-label": "direction" }, ...arrows(svg, edges, frame))),
    ownMark(
      svg.element(
        "g",
        { fill: PAPER, stroke: CHAIN, "stroke-width": 2 },
        ...rings(svg, stops, frame, titles),
      ),
    ),
    numbers,
  ];
}

/** A layer and a neuron of it. */
type Stop = readonly [layer: number, neuron: number];

function arrows(svg: SvgDocument, edges: Chain["edges"], frame: Frame): SvgElement[] {
  const size = Math.min(5, Math.max(2.5, frame.layout.pitch * 0.12));
  return edges.map(({ sourceLayer, sourceNeuron, targetLayer, targetNeuron }) => {
    const [from, to] = [frame.place(sourceLayer, sourceNeuron), frame.place(targetLayer, targetNeuron)];
    const { x, y, angle } = middleOf(frame, from, to);
    return svg.element("path", {
      transform: `translate(${x},${y}) rotate(${angle})`,
      d: `M${-size},${-size}L${size},0L${-size},${size}Z`,
    });
  });
}

function rings(svg: SvgDocument, stops: readonly Stop[], frame: Frame, titles: Titles | null): SvgElement[] {
  return stops.map(([layer, neuron]) => {
    const { x, y } = frame.place(layer, neuron);
    return svg.element(
      "circle",
      { cx: x, cy: y, r: frame.layout.nodeRadius + 1.2 },
      ...titles === null ? [] : [svg.element("title", {}, titles.neuron(layer, neuron))],
    );
  });
}

/** The numbers of its neurons; where layers stand close only those of both ends. */
function chainNumbers(
  svg: SvgDocument,
  stops: readonly Stop[],
  frame: Frame,
): SvgElement {
  const all = frame.layout.pitch >= 30;
  return svg.element(
    "g",
    {
      fill: CHAIN,
      "font-size": FONT.small,
      "font-weight": "bold",
      "aria-label": "neurons of the dominant connection",
    },
    ...stops.filter((_, at) => all || at === 0 || at === stops.length - 1).map(([layer, neuron]) => {
      const { x, y } = frame.place(layer, neuron);
      // A white outline keeps it readable over edges; two elements, because not every reader paints strokes below fills.
      const attributes = { x, y: y - frame.layout.nodeRadius - 5 };
      return svg.element(
        "g",
        {},
        svg.element(
          "text",
          { ...attributes, stroke: PAPER, "stroke-width": 3, "stroke-linejoin": "round" },
          `#${neuron}`,
        ),
        svg.element("text", attributes, `#${neuron}`),
      );
    }),
  );
}

/** A colour on paper at an opacity, but opaque, so that no edge shines through the dot. */
function pale(colour: string, opacity: number): string {
  const channels = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `#${
    channels.map((value) => Math.round(255 + (value - 255) * opacity).toString(16).padStart(2, "0")).join("")
  }`;
}
