/** Small seeded models as a picture takes them, among them whatever a picture could stumble over. */

import { batchOfRows, type Row, type TableBatch, TABLES } from "../../src/model/tables.ts";
import type { Chain } from "../../src/model/measures.ts";
import type { PictureData, PicturedLayer, PicturedTest } from "../../src/viewer/picture-data.ts";
import { type StrongestEdges, strongestEdges } from "../../src/viewer/strongest-edges.ts";

/** Mulberry32: uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A layer with a falling spectrum from `largest` down to `smallest`. */
export function layer(
  name: string,
  neurons: number,
  { kind = "conv", largest = 1, smallest = 0.05, random = seeded(neurons) } = {},
): PicturedLayer {
  const singularValues = Float64Array.from(
    { length: neurons },
    () => smallest + (largest - smallest) * random(),
  )
    .sort().reverse();
  if (neurons > 0) singularValues[0] = largest;
  return {
    name,
    kind,
    singularValues,
    intensity: Float64Array.from({ length: neurons }, (_, at) => Math.max(0, 1 - 2 * at / neurons)),
    nearKernel: Uint8Array.from(singularValues, (value) => value <= 0.1 * largest ? 1 : 0),
  };
}

/** An edge of a fixture: both ends and its strength. */
export type Ends = readonly [
  sourceLayer: number,
  sourceNeuron: number,
  targetLayer: number,
  targetNeuron: number,
  weight: number,
  significant?: boolean,
];

/** Rows of the table `edges`, a batch at a time. */
export async function* edgeBatches(edges: readonly Ends[], size = 100): AsyncGenerator<TableBatch, void> {
  for (let from = 0; from < edges.length; from += size) {
    yield await Promise.resolve(batchOfRows(TABLES.edges, edges.slice(from, from + size).map(rowOf)));
  }
}

function rowOf(
  [source_layer, source_neuron, target_layer, target_neuron, weight, significant = true]: Ends,
): Row {
  return {
    source_layer,
    source_neuron,
    target_layer,
    target_neuron,
    part: 0,
    weight,
    significant,
    overlap: 0.5,
    cosine: null,
    log_p: -10,
    log_q: Math.log(1e-4),
    q_value: 1e-4,
    sigma: 4,
  };
}

/** The strongest of some edges. */
export async function strongestOf(edges: readonly Ends[], most = 2000): Promise<StrongestEdges> {
  return await strongestEdges(edgeBatches(edges), most);
}

/** A chain along the given neurons. */
export function chainOf(stops: readonly (readonly [layer: number, neuron: number])[], logP = -1000): Chain {
  const edges = stops.slice(1).map(([targetLayer, targetNeuron], at) => ({
    sourceLayer: stops[at]![0],
    sourceNeuron: stops[at]![1],
    targetLayer,
    targetNeuron,
    part: 0,
    overlap: 0.5,
    logP: -100,
  }));
  return { edges, logFisher: logP - 10, logChains: 10, logP };
}

/** The usual test. */
export const TEST: PicturedTest = {
  null: "rotation",
  alpha: 0.00135,
  sigma: 3,
  correction: "bh",
  correctionOver: "connection",
  weight: "overlap",
  nearKernel: 0.1,
};

/** A chain of six layers with some edges between neighbours, fewer and weaker ones further down. */
export async function plain(): Promise<PictureData> {
  const random = seeded(1);
  const layers = [24, 24, 32, 32, 16, 10].map((neurons, at) =>
    layer(at < 4 ? `features.${3 * at}` : `classifier.${at - 4}`, neurons, {
      kind: at < 4 ? "conv" : "linear",
      largest: 1 + random(),
      random,
    })
  );
  const edges = layers.slice(1).flatMap(({ singularValues }, at) =>
    Array.from({ length: 24 }, (): Ends => {
      const [from, to] = [layers[at]!.singularValues.length, singularValues.length];
      return [at, Math.floor(from * random() ** 2), at + 1, Math.floor(to * random() ** 2), random() ** 2];
    })
  );
  const chain = chainOf([[1, 0], [2, 0], [3, 1], [4, 0], [5, 0]]);
  return { model: "plain/epoch-012", layers, edges: await strongestOf(edges), test: TEST, chain };
}

/** Names that would break a page, a terminal or a layout. */
export const HOSTILE = [
  '<script>alert("x")</script>',
  "a & b ]]> <![CDATA[ 'c'",
  "line\nbreak\u0000\u001b[31mred\u2028\u202eback",
  "\ud800 half, \uffff none",
  "émoji 🧠🇫🇷 中文字符",
  `z${"\u0301".repeat(40)}algo`,
  "very/".repeat(2000),
] as const;

/** Arcs, returns, loops, a skipped layer, a layer of zeros, singular values of 0, hostile names. */
export async function odd(): Promise<PictureData> {
  const random = seeded(2);
  const layers = HOSTILE.map((name, at) =>
    layer(name, at === 4 ? 0 : 12, {
      kind: ["embedding", "linear", "recurrent", "conv-transpose", "linear", "strange<kind>", "linear"][at]!,
      largest: at === 5 ? 0 : 10 ** (1 - at / 2),
      smallest: at === 5 ? 0 : 1e-4,
      random,
    })
  );
  layers[0]!.singularValues.fill(0, 8);
  layers[1]!.singularValues[11] = 1e-12;
  const edges: Ends[] = [
    ...[[0, 0, 1, 0], [1, 0, 2, 1], [2, 2, 3, 0], [0, 1, 3, 3], [0, 2, 6, 1], [1, 3, 6, 0], [0, 9, 2, 5]],
    ...[[3, 0, 2, 0], [6, 0, 1, 4], [2, 0, 2, 3], [2, 1, 2, 1], [5, 0, 6, 11], [3, 1, 5, 3]],
  ].map(([a, b, c, d], at) => [a!, b!, c!, d!, (at + 1) / 13]);
  return {
    model: HOSTILE.join(" "),
    layers,
    edges: await strongestOf(edges),
    test: { ...TEST, weight: "<b>&overlap", correction: "none" },
    chain: chainOf([[0, 1], [3, 3], [5, 3], [6, 11]], -12),
  };
}

/** One layer, nothing more. */
export async function single(): Promise<PictureData> {
  return {
    model: "single",
    layers: [layer("fc", 40, { kind: "linear" })],
    edges: await strongestOf([]),
    test: null,
    chain: "unknown",
  };
}

/** Many layers of many neurons with as many edges as one likes. */
export async function deep(number: number, neurons: number, edges: number): Promise<PictureData> {
  const random = seeded(3);
  const layers = Array.from(
    { length: number },
    (_, at) =>
      layer(`block.${Math.floor(at / 6)}.layer.${at % 6}`, neurons, { kind: "linear", smallest: 0, random }),
  );
  const at = () => Math.floor(neurons * random());
  const found = Array.from({ length: edges }, (_, edge): Ends => {
    const source = edge % Math.max(1, number - 1);
    const target = Math.min(number - 1, source + 1 + Math.floor(3 * random() ** 4));
    return [source, at(), target, at(), random() ** 3];
  });
  const stops = Array.from({ length: number - 20 }, (_, stop) => [stop + 10, 0] as const);
  return {
    model: `deep-${number}`,
    layers,
    edges: await strongestOf(found, edges),
    test: TEST,
    chain: chainOf(stops),
  };
}
