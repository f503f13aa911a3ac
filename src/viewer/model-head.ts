/** What the head of a model's picture says: what is drawn of the model and how it was tested, and the legend. */

import { pValueMeaning } from "../model/p-value.ts";
import type { Entry, Head } from "./head.ts";
import { count, counted, label, probability, short } from "./label.ts";
import { FONT } from "./layout.ts";
import {
  BAND,
  CHAIN,
  EDGE_CLASSES,
  edgeStyle,
  INTENSITY_OPACITIES,
  kindColour,
  PAPER,
  QUIET,
} from "./palette.ts";
import type { PictureData } from "./picture-data.ts";
import type { Attributes, SvgDocument } from "./svg.ts";

/** What the legend must explain beside the data itself. */
export interface LegendFacts {
  readonly merged: number;
  readonly bows: boolean;
  readonly returns: boolean;
}

/** The head of a model's picture. */
export function modelHead(svg: SvgDocument, data: PictureData, facts: LegendFacts): Head {
  return { title: data.model, lines: headLines(data), legend: entries(svg, data, facts) };
}

/** The lines below the title. */
function headLines(data: PictureData): readonly string[] {
  const { layers, edges, test, chain } = data;
  const neurons = layers.reduce((sum, { singularValues }) => sum + singularValues.length, 0);
  const left = edges.total - edges.count;
  const drawn = edges.total === 0
    ? "no edge to draw"
    : `${count(edges.count)} of ${counted(edges.total, "edge")} drawn, ${
      left === 0 ? "none" : `the ${count(left)} weakest`
    } left out`;
  // Runs write the edges of dominant connections too, significant or not.
  const shown = typeof chain === "string" ? "not drawn" : "drawn in the dominant connection only";
  const what = edges.insignificant === 0 ? "" : `; ${count(edges.insignificant)} not significant, ${shown}`;
  return [
    ...guessLines(data),
    `${counted(layers.length, "layer")}, ${counted(neurons, "spectral neuron")}; ${drawn}${what}`,
    test === null
      ? "how the edges were tested is not known: no run.json speaks of these tables"
      : `significant: p at most ${short(test.alpha)} (${short(test.sigma)} sigma) under the ${
        label(test.null, FONT.text, 80)
      } null, ${
        test.correction === "none" ? "no correction" : `corrected (${label(test.correction, FONT.text, 80)})`
      } over the ${label(test.correctionOver, FONT.text, 80)}; ${pValueMeaning(test.null).short}`,
    chainLine(chain, layers.map(({ name }) => name)),
  ];
}

function guessLines({ guessed }: PictureData): string[] {
  if (guessed === undefined) return [];
  const { connections, of } = guessed;
  const which = connections === of ? "all" : `${count(connections)} of ${count(of)}`;
  return [`topology guessed: ${which} connections are guessed from names and shapes`];
}

function chainLine(chain: PictureData["chain"], names: readonly string[]): string {
  if (chain === "unknown") return "dominant connection: not known, the report of its run is not at hand";
  if (chain === "none") return "dominant connection: none beyond chance";
  const first = chain.edges[0]!;
  const last = chain.edges[chain.edges.length - 1]!;
  const end = (layer: number, neuron: number) => `${label(names[layer] ?? "", FONT.text, 160)} #${neuron}`;
  return `dominant connection: ${counted(chain.edges.length, "edge")} from ${
    end(first.sourceLayer, first.sourceNeuron)
  } to ${end(last.targetLayer, last.targetNeuron)}, joint p ${probability(chain.logP)}`;
}

function entries(svg: SvgDocument, { layers, edges, chain, test }: PictureData, facts: LegendFacts): Entry[] {
  const dot = (cx: number, attributes: Attributes) =>
    svg.element("circle", { cx, cy: 0, r: 4, ...attributes });
  const line = (x1: number, x2: number, y: number, attributes: Attributes) =>
    svg.element("line", { x1, x2, y1: y, y2: y, ...attributes });
  const kinds = [...new Set(layers.map(({ kind }) => kind))].sort();
  const found: Entry[] = kinds.map((kind) => ({
    sign: [dot(4, { fill: kindColour(kind) })],
    signWidth: 8,
    text: label(kind, FONT.text, 160),
  }));
  if (layers.some(({ singularValues }) => singularValues.length > 0)) {
    found.push({
      sign: INTENSITY_OPACITIES.map((opacity, at) =>
        dot(4 + 11 * at, { fill: QUIET, "fill-opacity": opacity })
      ),
      signWidth: 41,
      text: "intensity, from low to high",
    }, {
      sign: [-3, 0, 3].map((y) => line(0, 12, y, { stroke: QUIET, "stroke-width": 1 })),
      signWidth: 12,
      text: facts.merged > 0
        ? `every neuron (${count(facts.merged)} ${
          facts.merged === 1 ? "shares" : "share"
        } a tick with a neighbour)`
        : "every neuron",
    });
  }
  if (edges.count > 0) found.push(strengthEntry(svg, edges.strength, test?.weight ?? "weight"));
  if (layers.some(({ nearKernel }) => nearKernel.includes(1))) {
    found.push({
      sign: [
        svg.element("rect", { x: 0, y: -7, width: 18, height: 14, fill: BAND }),
        dot(9, { fill: PAPER, stroke: QUIET, "stroke-width": 1.4, r: 3.4 }),
      ],
      signWidth: 18,
      text: test === null
        ? "near-kernels"
        : `near-kernels (at most ${short(test.nearKernel)} of the layer's largest)`,
    });
  }
  if (typeof chain !== "string") {
    found.push({
      sign: [
        line(0, 26, 0, { stroke: CHAIN, "stroke-width": 3 }),
        dot(26, { fill: PAPER, stroke: CHAIN, "stroke-width": 2 }),
      ],
      signWidth: 30,
      text: "dominant connection",
    });
  }
  const arc = (d: string) => svg.element("path", { d, fill: "none", stroke: QUIET, "stroke-width": 1.4 });
  if (facts.bows) {
    found.push({ sign: [arc("M0,5C6,-8 18,-8 24,5")], signWidth: 24, text: "passes over layers" });
  }
  if (facts.returns) {
    const returning = kinds.includes("circuit")
      ? "goes back (recurrent, or from a circuit)"
      : "goes back (recurrent)";
    found.push({ sign: [arc("M0,-5C6,8 18,8 24,-5")], signWidth: 24, text: returning });
  }
  return found;
}

function strengthEntry(svg: SvgDocument, strength: Float64Array, weight: string): Entry {
  const finite = strength.filter(Number.isFinite);
  const [least, most] = [finite[0] ?? 0, finite[finite.length - 1] ?? 0];
  const shares = least === most
    ? [1]
    : Array.from({ length: EDGE_CLASSES }, (_, at) => at / (EDGE_CLASSES - 1));
  return {
    sign: shares.map((share, at) => {
      const { colour, width, opacity } = edgeStyle(share);
      return svg.element("line", {
        x1: at * 9,
        x2: at * 9 + 9,
        y1: 0,
        y2: 0,
        stroke: colour,
        "stroke-width": width,
        "stroke-opacity": opacity,
      });
    }),
    signWidth: shares.length * 9,
    text: `edge: ${label(weight, FONT.text, 200)} ${
      least === most ? short(most) : `from ${short(least)} to ${short(most)}`
    }`,
  };
}
