/**
 * The picture of a model: layers across, singular values up, a tick for every spectral neuron, a dot for every one that has an edge, edges by
 * strength, and the dominant connection over all of it. Data in, SVG out; the same data gives the same text.
 */

import { plot } from "@observablehq/plot";
import { chainMarks, edgeMarks, nodeMarks } from "./edge-marks.ts";
import { frameOf } from "./frame.ts";
import { frameMarks, frameTexts } from "./frame-marks.ts";
import { layoutOf } from "./layout.ts";
import { modelHead } from "./model-head.ts";
import { MOST_EDGES, type PictureData, type PicturedLayer, type PictureSettings } from "./picture-data.ts";
import { sheetText } from "./sheet.ts";
import { tickPaths } from "./spectrum-marks.ts";
import { svgDocument, type SvgElement } from "./svg.ts";
import { titlesOf } from "./titles.ts";

/** So few edges have titles, as have the neurons that they join, and each tick of models of so few neurons: else a file passes 2 MB. */
const MOST_TITLED = { edges: 2_000, neurons: 1_000 } as const;

/**
 * Draws a model.
 *
 * @returns the text of an SVG file: below 2 MB, whatever the number of layers and neurons
 * @throws {RangeError} when there are more edges than a picture can show, or an edge or the chain ends at a neuron that no layer has
 */
export function drawPicture(model: PictureData, settings: PictureSettings): string {
  checkEnds(model);
  const { normalize = false, bare = false } = settings;
  const svg = svgDocument();
  const layout = layoutOf(model);
  // Titles tell singular values as they are.
  const titles = titlesOf(model, layout.names);
  const data = normalize ? { ...model, layers: model.layers.map(normalized) } : model;
  const frame = frameOf(data, settings, layout);
  const { width, height, top, bottom, left, right } = layout;
  const neurons = data.layers.reduce((sum, { singularValues }) => sum + singularValues.length, 0);
  const tickTitle = neurons <= MOST_TITLED.neurons ? titles.neuron : null;
  const ticks = tickPaths(data.layers, frame.x, frame.y, layout.tickReach, bottom - top, tickTitle);
  const edgeTitles = data.edges.count <= MOST_TITLED.edges ? titles : null;
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
      ...frameMarks(svg, data, frame, ticks, titles),
      ...edgeMarks(data, frame, edgeTitles),
      ...nodeMarks(data, frame, edgeTitles),
      ...typeof data.chain === "string" ? [] : chainMarks(svg, data.chain, frame, edgeTitles),
    ],
  }) as unknown as SvgElement;
  const facts = { merged: ticks.merged, bows: frame.bows, returns: frame.returns };
  return sheetText(svg, `Spectral neurons of ${data.model}`, modelHead(svg, data, facts), bare, {
    width,
    height,
    // Plot's style sheet serves pages; files have none.
    elements: [
      ...[...figure.children].filter(({ outerHTML }) => !outerHTML.startsWith("<style")),
      ...frameTexts(svg, data, frame, titles, normalize),
    ],
  });
}

/** A layer whose singular values are shares of its largest. */
function normalized(layer: PicturedLayer): PicturedLayer {
  const largest = layer.singularValues[0] ?? 0;
  return largest === 0
    ? layer
    : { ...layer, singularValues: layer.singularValues.map((each) => each / largest) };
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
