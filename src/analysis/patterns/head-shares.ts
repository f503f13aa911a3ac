/** Which channels of a layer are whose attention head. */

import { type Connection, type LayerGraph, QUERIES_AND_KEYS } from "../../model/layer.ts";

/** Consecutive channels of a layer, and the heads that they belong to. */
export interface HeadChannels {
  readonly heads: readonly number[];
  readonly from: number;
  readonly length: number;
}

/** The heads that a layer reads, by its in channels. */
export function headsRead({ connections }: Pick<LayerGraph, "connections">, layer: number): HeadChannels[] {
  return joined(
    connections.filter(({ target, via }) => target === layer && via === "attention-head"),
    "target",
  );
}

/** The heads that a layer writes, by its out channels; of queries and keys by the heads of the values beside them. */
export function headsWritten(
  graph: Pick<LayerGraph, "connections" | "layers" | "skipped">,
  layer: number,
): HeadChannels[] {
  const { connections } = graph;
  const own = connections.filter(({ source, via }) => source === layer && via === "attention-head");
  return own.length > 0 ? joined(own, "source") : headsOfProduct(graph, layer);
}

/** Queries have a head's width for each head, keys for each head of values. Where the widths do not say so, nothing is known. */
function headsOfProduct(
  { connections, layers, skipped }: Pick<LayerGraph, "connections" | "layers" | "skipped">,
  at: number,
): HeadChannels[] {
  const { name, outChannels } = layers[at]!;
  const start = `${name} -> `;
  const found = skipped.find((each) => each.reason === QUERIES_AND_KEYS && each.name.startsWith(start));
  const behind = layers.find((layer) => layer.name === found?.name.slice(start.length));
  const values = connections.filter(({ target, via }) =>
    target === behind?.index && via === "attention-head"
  );
  const width = values[0]?.channels[0]?.length ?? 0;
  const shared = joined(values, "source");
  const heads = [values.map(({ part }) => [part]), shared.map(({ heads }) => heads)].find((each) =>
    each.length > 0 && each.length * width === outChannels
  );
  return (heads ?? []).map((each, order) => ({ heads: each, from: order * width, length: width }));
}

/** One entry for each range of channels, in their order. */
function joined(connections: readonly Connection[], side: "source" | "target"): HeadChannels[] {
  const found = new Map<string, { heads: number[]; from: number; length: number }>();
  for (const { part, channels } of connections) {
    for (const range of channels) {
      const key = `${range[side]} ${range.length}`;
      const known = found.get(key) ?? { heads: [], from: range[side], length: range.length };
      known.heads.push(part);
      found.set(key, known);
    }
  }
  return [...found.values()].sort((a, b) => a.from - b.from);
}
