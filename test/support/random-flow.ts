/** Small random models as overlaps and links, without any weights, and what a search of every chain and path finds in them. */

import type { Connection, Layer, LayerGraph, Via } from "../../src/model/layer.ts";
import type { ChainLinks, MeasuredModel, MeasureModel } from "../../src/model/ports.ts";
import { layerOf } from "./layer-fixture.ts";

/** Seeded uniform numbers (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A pair of neurons that may be part of a chain. */
export interface Link {
  readonly connection: Connection;
  readonly source: number;
  readonly target: number;
  readonly overlap: number;
  readonly logP: number;
}

/** A model as its measures see it. */
export interface Flow {
  readonly graph: LayerGraph;
  /** Descending, per layer. */
  readonly values: readonly Float64Array[];
  /** In an order that follows the flow; recurrent ones wherever. */
  readonly connections: readonly {
    readonly connection: Connection;
    /** Rows: target neurons, columns: source neurons. */
    readonly overlap: Float64Array;
  }[];
  readonly links: readonly Link[];
}

/**
 * Four to six layers of two or three neurons, in any order of their indices; residual connections, several parts, and connections
 * back that are recurrent or tied.
 */
export function randomFlow(seed: number): Flow {
  const next = uniform(seed);
  const below = (n: number) => Math.floor(next() * n);
  const count = 4 + below(3);
  // layers[order[i]] is the i-th in the order of flow.
  const order = Array.from({ length: count }, (_, at) => at).sort(() => next() - 0.5);
  const layers = Array.from({ length: count }, (_, index): Layer => layerOf(index, 3, 3));
  const values = layers.map(() =>
    Float64Array.from({ length: 2 + below(2) }, () => 0.05 + 3 * next()).sort().reverse()
  );
  const connections: Connection[] = [];
  const connect = (from: number, to: number, part: number, via: Via) =>
    connections.push({
      source: order[from]!,
      target: order[to]!,
      part,
      via,
      evidence: "declared",
      channels: [{ source: 0, target: 0, length: 3 }],
    });
  for (let to = 1; to < count; to++) {
    for (let from = 0; from < to; from++) {
      const likely = from === to - 1 ? 0.9 : 0.35;
      if (next() < likely) connect(from, to, 0, from === to - 1 ? "direct" : "residual");
      if (next() < 0.15) connect(from, to, 1, "attention-head");
    }
  }
  connect(count - 1, below(count - 1), 0, "recurrent");
  connect(1, 0, 0, "tied");
  connect(2, 2, 0, "recurrent");
  // Listed in no order; measured in that of the flow.
  const graph = {
    layers,
    connections: [...connections].sort(() => next() - 0.5),
    skipped: [],
    warnings: [],
  };
  const measured = connections.map((connection) => ({
    connection,
    overlap: Float64Array.from(
      { length: values[connection.source]!.length * values[connection.target]!.length },
      () => next() < 0.1 ? 0 : next(),
    ),
  }));
  const links = measured.flatMap(({ connection, overlap }): Link[] => {
    const sources = values[connection.source]!.length;
    return [...overlap].flatMap((value, at) =>
      next() < 0.6
        ? [{
          connection,
          source: at % sources,
          target: Math.floor(at / sources),
          overlap: value,
          logP: Math.log(next()) * (next() < 0.2 ? 20 : 3),
        }]
        : []
    );
  });
  return { graph, values, connections: measured, links };
}

/** Links as columns, all of them written but those of odd targets. */
export function columnsOf(links: readonly Link[]): ChainLinks {
  const numbers = (of: (link: Link) => number) => Float64Array.from(links, of);
  return {
    count: links.length,
    sourceNeuron: Int32Array.from(links, ({ source }) => source),
    targetNeuron: Int32Array.from(links, ({ target }) => target),
    overlap: numbers(({ overlap }) => overlap),
    cosine: null,
    logP: numbers(({ logP }) => logP),
    logQ: numbers(({ logP }) => logP),
    sigma: numbers(() => 1),
    weight: numbers(({ overlap }) => overlap / 2),
    significant: new Uint8Array(links.length),
    written: Uint8Array.from(links, ({ target }) => 1 - target % 2),
  };
}

/** Shows a flow to a measure. */
export function measured(
  measure: MeasureModel,
  flow: Flow,
  chains = 1,
  logAlpha = Math.log(0.01),
): MeasuredModel {
  const model = measure({ graph: flow.graph, logAlpha, floor: 0.5, chains });
  for (const { connection, overlap } of flow.connections) {
    const [from, to] = [flow.values[connection.source]!, flow.values[connection.target]!];
    // Connections are told apart by what they say, not by who they are.
    const taken = model.connection({ ...connection }, from, to);
    taken.take(taken.vectors.map((vector) => productOf(overlap, vector, to.length)));
    model.links({ ...connection }, columnsOf(flow.links.filter((link) => link.connection === connection)));
  }
  return model.finish();
}

/** `A x`, `A` of so many rows. */
export function productOf(overlap: Float64Array, vector: Float64Array, rows: number): Float64Array {
  return Float64Array.from(
    { length: rows },
    (_, i) => vector.reduce((sum, x, j) => sum + overlap[i * vector.length + j]! * x, 0),
  );
}

const isBack = ({ via }: Connection) => via === "recurrent" || via === "tied";

/** Every chain of at least two links. */
export function everyChain({ links }: Flow): Link[][] {
  const usable = links.filter(({ connection }) => !isBack(connection));
  const from = (link: Link): Link[][] => [
    [link],
    ...usable.filter((next) =>
      next.connection.source === link.connection.target && next.source === link.target
    )
      .flatMap((next) => from(next).map((rest) => [link, ...rest])),
  ];
  return usable.flatMap(from).filter(({ length }) => length >= 2);
}

/** How many chains of at least two edges there are, whatever their overlaps: walked one by one. */
export function chainTotal({ graph, values }: Flow): number {
  const forward = graph.connections.filter((each) => !isBack(each));
  const walk = (layer: number, edges: number): number =>
    (edges >= 2 ? 1 : 0) + forward.filter(({ source }) => source === layer)
      .flatMap(({ target }) => [...values[target]!].map(() => walk(target, edges + 1)))
      .reduce((sum, each) => sum + each, 0);
  return values.flatMap((each, layer) => [...each].map(() => walk(layer, 0))).reduce(
    (sum, each) => sum + each,
    0,
  );
}

/** The path metric path by path: with singular values, without, and above a floor. */
export function everyPath({ graph, values, connections }: Flow, floor: number): [number, number, number] {
  const forward = connections.filter(({ connection }) => !isBack(connection));
  const total: [number, number, number] = [0, 0, 0];
  const walk = (layer: number, neuron: number, overlaps: number, gains: number, above: boolean) => {
    const s = values[layer]!;
    const gain = gains * s[neuron]!;
    const still = above && s[neuron]! > floor * s[0]!;
    const next = forward.filter(({ connection }) => connection.source === layer);
    if (next.length === 0) {
      total[0] += overlaps * gain;
      total[1] += overlaps;
      total[2] += still ? overlaps * gain : 0;
    }
    for (const { connection: { target }, overlap } of next) {
      values[target]!.forEach((_, i) =>
        walk(target, i, overlaps * overlap[i * s.length + neuron]!, gain, still)
      );
    }
  };
  graph.layers.forEach(({ index }) => {
    const fed = forward.some(({ connection }) => connection.target === index);
    const feeds = forward.some(({ connection }) => connection.source === index);
    if (!fed && feeds) values[index]!.forEach((_, j) => walk(index, j, 1, 1, true));
  });
  return total;
}
