/**
 * The picture of a model: layers across, singular values up, a tick for every spectral neuron, a dot for every one that has an edge, edges by
 * strength, and the dominant connection over all of it. Data in, SVG out; the same data gives the same text.
 */

import { plot } from "@observablehq/plot";
import { chainMarks, edgeMarks, nodeMarks } from "./edge-marks.ts";
import { frameOf } from "./frame.ts";
import { frameMarks, frameTexts } from "./frame-marks.ts";
import { drawHead } from "./head.ts";
import { label } from "./label.ts";
import { layoutOf } from "./layout.ts";
import { INK, PAPER } from "./palette.ts";
import { MOST_EDGES, type PictureData, type PictureSettings } from "./picture-data.ts";
import { tickPaths } from "./spectrum-marks.ts";
import { svgDocument, type SvgElement, svgText } from "./svg.ts";

/**
 * Draws a model.
 *
 * @returns the text of an SVG file: below 2 MB, whatever the number of layers and neurons
 * @throws {RangeError} when there are more edges than a picture can show, or an edge or the chain ends at a neuron that no layer has
 */
export function drawPicture(data: PictureData, settings: PictureSettings): string {
  checkEnds(data);
  const svg = svgDocument();
  const layout = layoutOf(data);
  const frame = frameOf(data, settings, layout);
  const { width, height, top, bottom, left, right } = layout;
  const ticks = tickPaths(data.layers, frame.x, frame.y, layout.tickReach, bottom - top);
  const figure = plot({
    document: svg.document,
    width,
    height,
    marginTop: top,
    marginBottom: height - bottom,
    marginLeft: left,
    marginRight: right,
    x: frame.xScale,
    y: frame.yScale,
    axis: null,
    figure: false,
    marks: [
      ...frameMarks(svg, data, frame, ticks),
      ...edgeMarks(data, frame),
      ...nodeMarks(data, frame),
      ...typeof data.chain === "string" ? [] : chainMarks(svg, data.chain, frame),
    ],
  }) as unknown as SvgElement;
  const head = drawHead(svg, data, { merged: ticks.merged, bows: frame.bows, returns: frame.returns }, width);
  const total = Math.round(head.height + height);
  const name = label(data.model, 12, 1200);
  return svgText(svg.element(
    "svg",
    {
      width,
      height: total,
      viewBox: `0 0 ${width} ${total}`,
      "font-family": "system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif",
      "font-size": 10,
      "text-anchor": "middle",
      fill: INK,
      role: "img",
    },
    svg.element("title", {}, `Spectral neurons of ${name}`),
    svg.element("rect", { width, height: total, fill: PAPER }),
    ...head.elements,
    svg.element(
      "g",
      { transform: `translate(0,${head.height})` },
      // Plot's style sheet serves pages; files have none.
      ...[...figure.children].filter(({ outerHTML }) => !outerHTML.startsWith("<style")),
      ...frameTexts(svg, data, frame),
    ),
  ));
}

function checkEnds({ layers, edges, chain }: PictureData): void {
  if (edges.count > MOST_EDGES) {
    throw new RangeError(`edges to draw: found ${edges.count}, required at most ${MOST_EDGES}`);
  }
  const check = (what: string, layer: number, neuron: number) => {
    const neurons = layers[layer]?.singularValues.length ?? 0;
    if (!(Number.isInteger(neuron) && neuron >= 0 && neuron < neurons)) {
      throw new RangeError(
        `${what}: found neuron ${neuron} of layer ${layer}, required one of its ${neurons}`,
      );
    }
  };
  for (let at = 0; at < edges.count; at++) {
    check("edge", edges.sourceLayer[at]!, edges.sourceNeuron[at]!);
    check("edge", edges.targetLayer[at]!, edges.targetNeuron[at]!);
  }
  if (typeof chain === "string") return;
  if (chain.edges.length === 0) {
    throw new RangeError("dominant connection: found no edge, required one at least");
  }
  for (const edge of chain.edges) {
    check("dominant connection", edge.sourceLayer, edge.sourceNeuron);
    check("dominant connection", edge.targetLayer, edge.targetNeuron);
  }
}
