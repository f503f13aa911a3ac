/** What of the layers of a graph an audit looks at: whole sides, what connections join of them, and what they leave out. */

import { isDepthwise, type Layer, type LayerGraph } from "../../../model/layer.ts";
import type { Side } from "../inference/channel-weights.ts";
import { LEAST_WIDTH, sidesOf } from "../inference/ports.ts";

/** Consecutive channels of one side of a layer. */
export interface ChannelPart {
  readonly layer: number;
  readonly side: Side;
  /** The first of the channels. */
  readonly from: number;
  readonly width: number;
}

/** At most so many whole sides and parts of sides are looked at, of the first layers: their kernels take 128 MiB then. */
const MOST_PARTS = 1365;

/** Of these so many are parts of sides: attention and concatenations may have thousands. */
const MOST_PARTIAL = 256;

/** At most so many pairs are looked at, of the layers that are nearest to each other: a minute or two. */
const MOST_PAIRS = 2 ** 17;

/** Names a part of a side. */
export const partKey = ({ layer, side, from, width }: ChannelPart): string =>
  `${layer}/${side}/${from}/${width}`;

/** The channels of its source that a connection feeds to its target, and the target's, range by range. */
export function joinedParts(
  layers: readonly Layer[],
  { source, target, channels }: Pick<LayerGraph["connections"][number], "source" | "target" | "channels">,
): { readonly writer: ChannelPart; readonly reader: ChannelPart }[] {
  return channels.map(({ source: from, target: to, length: width }) => ({
    writer: { layer: source, side: "out", from, width },
    reader: { layer: target, side: inSide(layers[target]!), from: to, width },
  }));
}

const inSide = (layer: Layer) => isDepthwise(layer) ? "depthwise" as const : "in" as const;

/**
 * What an audit looks at: first whole sides, then parts of sides. These are the channels that connections join to others, and those that none feeds though
 * some feed the rest of a layer. Nothing of layers in groups of several channels, which cannot be exchanged between groups.
 */
export function auditedParts(
  { layers, connections }: Pick<LayerGraph, "layers" | "connections">,
): ChannelPart[] {
  const parts = layers.flatMap((layer) =>
    sidesOf(layer).map((side): ChannelPart => ({ layer: layer.index, from: 0, ...side }))
  ).slice(0, MOST_PARTS);
  const most = Math.min(MOST_PARTS, parts.length + MOST_PARTIAL);
  const known = new Set(parts.map(partKey));
  const sides = new Set(parts.map(({ layer, side }) => `${layer}/${side}`));
  const add = (part: ChannelPart) => {
    const key = partKey(part);
    if (parts.length >= most || part.width < LEAST_WIDTH || known.has(key)) return;
    if (!sides.has(`${part.layer}/${part.side}`)) return;
    known.add(key);
    parts.push(part);
  };
  const fed = new Map<number, Uint8Array>();
  for (const connection of connections) {
    const { target, channels } = connection;
    const isFed = fed.get(target) ?? new Uint8Array(layers[target]!.inChannels);
    fed.set(target, isFed);
    for (const range of channels) isFed.fill(1, range.target, range.target + range.length);
    for (const { writer, reader } of joinedParts(layers, connection)) {
      add(writer);
      add(reader);
    }
  }
  for (const [layer, isFed] of fed) {
    for (let from = isFed.indexOf(0); from >= 0;) {
      const next = isFed.indexOf(1, from);
      const end = next < 0 ? isFed.length : next;
      add({ layer, side: inSide(layers[layer]!), from, width: end - from });
      from = isFed.indexOf(0, end);
    }
  }
  return parts;
}

/**
 * How many layers apart two parts of equal width may be to be looked at as a pair.
 *
 * @param most pairs
 */
export function auditedSpan(
  parts: readonly Pick<ChannelPart, "layer" | "width">[],
  most = MOST_PAIRS,
): number {
  const counts: number[] = [];
  for (const some of Map.groupBy(parts, ({ width }) => width).values()) {
    for (const [at, a] of some.entries()) {
      for (const b of some.slice(0, at)) {
        const apart = Math.abs(a.layer - b.layer);
        counts[apart] = (counts[apart] ?? 0) + 1;
      }
    }
  }
  let sum = 0;
  const beyond = Array.from(counts, (count = 0) => sum += count).findIndex((all) => all > most);
  return beyond < 0 ? Infinity : beyond - 1;
}
