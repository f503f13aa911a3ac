/** What a browser shows of a layer, a neuron or an edge when the mouse rests on it. */

import type { ChainEdge } from "../model/measures.ts";
import { counted, label, percent, probability, short } from "./label.ts";
import { FONT } from "./layout.ts";
import type { PictureData } from "./picture-data.ts";

/** Titles of the elements of a picture. */
export interface Titles {
  layer(layer: number): string;
  /** Of a neuron, or of all from one to another. */
  neuron(layer: number, neuron: number, last?: number): string;
  /** Of an edge of the picture, by its place in the columns. */
  edge(at: number): string;
  chainEdge(edge: ChainEdge): string;
}

/** The longest whole name of a layer, in pixels. */
const LONGEST = 1_200;

/** @param names of the layers, as the axis has them */
export function titlesOf({ layers, edges }: PictureData, names: readonly string[]): Titles {
  const end = (layer: number, neuron: number) => `${names[layer]} #${neuron}`;
  const connection = (source: number, target: number) => `${source} ${target}`;
  // Elsewhere a number of 0 is no head.
  const headed = new Set<string>();
  for (let at = 0; at < edges.count; at++) {
    if (edges.part[at]! > 0) headed.add(connection(edges.sourceLayer[at]!, edges.targetLayer[at]!));
  }
  const edgeTitle = (is: ChainEdge, weight = is.overlap) => {
    const { sourceLayer, sourceNeuron, targetLayer, targetNeuron, part, overlap, logP } = is;
    const figures = [`overlap ${short(overlap)}`, `p ${probability(logP)}`];
    if (weight !== overlap) figures.push(`weight ${short(weight)}`);
    if (part > 0 || headed.has(connection(sourceLayer, targetLayer))) figures.push(`head ${part}`);
    return `${end(sourceLayer, sourceNeuron)} → ${end(targetLayer, targetNeuron)}\n${figures.join(", ")}`;
  };
  const neuronTitle = (layer: number, neuron: number, last = neuron) => {
    const { singularValues, nearKernel } = layers[layer]!;
    const largest = singularValues[0]!;
    const several = last !== neuron;
    const value = singularValues[neuron]!;
    const share = largest === 0 ? "0" : percent(value / largest);
    const values = several ? `${short(singularValues[last]!)} to ${short(value)}` : short(value);
    return `${end(layer, neuron)}${several ? ` to #${last}` : ""}\nsingular value ${values}, ${
      several ? "at most " : ""
    }${share} % of the layer's largest${nearKernel[last] === 1 ? ", near-kernel" : ""}`;
  };
  return {
    layer(index) {
      const { name, kind, singularValues, nearKernel } = layers[index]!;
      const near = nearKernel.reduce((sum, each) => sum + each, 0);
      const what = singularValues.length === 0
        ? "skipped"
        : `${counted(singularValues.length, "neuron")}, singular values ${short(singularValues.at(-1)!)} to ${
          short(singularValues[0]!)
        }${near === 0 ? "" : `, ${counted(near, "near-kernel")}`}`;
      return `${label(name, FONT.text, LONGEST)}\n${label(kind, FONT.text, LONGEST)}, ${what}`;
    },
    neuron: neuronTitle,
    edge: (at) =>
      edgeTitle({
        sourceLayer: edges.sourceLayer[at]!,
        sourceNeuron: edges.sourceNeuron[at]!,
        targetLayer: edges.targetLayer[at]!,
        targetNeuron: edges.targetNeuron[at]!,
        part: edges.part[at]!,
        overlap: edges.overlap[at]!,
        logP: edges.logP[at]!,
      }, edges.strength[at]),
    chainEdge: (edge) => edgeTitle(edge),
  };
}
