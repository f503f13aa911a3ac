/** Which channels of layers are one, by the connections of a graph: each connection says it of its own, and what two share with a third they share. */

import { isDepthwise, type LayerGraph } from "../../../model/layer.ts";
import { Union } from "../../../model/union.ts";
import type { Side } from "../inference/channel-weights.ts";
import type { ChannelPart } from "./parts.ts";

/** The channels that the connections of a graph make one. */
export class DeclaredChannels {
  /** Sides of layers that are one whole, by `sideOf`. */
  readonly #sides: Union;
  /** Where the channels of a side begin, of those that stand for others. */
  readonly #first: number[] = [];
  /** Of channels that are one with some of a side only; null where there are none. */
  readonly #channels: Union | null;

  constructor(graph: LayerGraph) {
    const { layers, connections } = graph;
    this.#sides = new Union(2 * layers.length);
    for (const layer of layers) {
      if (isDepthwise(layer)) this.#sides.join(sideOf(layer.index, "out"), sideOf(layer.index, "in"));
    }
    const widths = layers.flatMap(({ outChannels, inChannels }) => [outChannels, inChannels]);
    const parts = connections.filter(({ source, target, channels }) => {
      const [out, into] = [sideOf(source, "out"), sideOf(target, "in")];
      const [only] = channels;
      const isWhole = channels.length === 1 && only!.length === widths[out] && only!.length === widths[into];
      if (isWhole) this.#sides.join(out, into);
      return !isWhole;
    });
    for (const [source, target] of knownWays(graph)) {
      const [out, into] = [sideOf(source, "out"), sideOf(target, "in")];
      if (widths[out] === widths[into]) this.#sides.join(out, into);
    }
    let count = 0;
    for (const width of widths) {
      this.#first.push(count);
      count += width;
    }
    this.#channels = parts.length === 0 ? null : new Union(count);
    for (const { source, target, channels } of parts) {
      const [out, into] = [this.#firstOf(source, "out"), this.#firstOf(target, "in")];
      for (const { source: from, target: to, length } of channels) {
        for (let at = 0; at < length; at++) this.#channels!.join(out + from + at, into + to + at);
      }
    }
  }

  #firstOf(layer: number, side: Side): number {
    return this.#first[this.#sides.find(sideOf(layer, side))]!;
  }

  /** What stands for a channel of a side: that of every channel that is one with it. */
  channelOf({ layer, side, from }: Pick<ChannelPart, "layer" | "side" | "from">, at = 0): number {
    const channel = this.#firstOf(layer, side) + from + at;
    return this.#channels?.find(channel) ?? channel;
  }

  /** Whether at least one channel of a part is the channel at the same place of another. */
  share(a: ChannelPart, b: ChannelPart): boolean {
    for (let at = 0; at < Math.min(a.width, b.width); at++) {
      if (this.channelOf(a, at) === this.channelOf(b, at)) return true;
    }
    return false;
  }
}

const sideOf = (layer: number, side: Side) => 2 * layer + (side === "out" ? 0 : 1);

/**
 * Ways from layer to layer that are known and are no connections: gates, queries, streams from further than is asked for. Not those that names and shapes
 * have guessed and the weights have refused.
 */
function knownWays({ layers, skipped, evidence }: LayerGraph): (readonly [source: number, target: number])[] {
  if (evidence === "guessed") return [];
  const indices = new Map(layers.map(({ name, index }) => [name, index]));
  return skipped.flatMap(({ subject, name }) => {
    const [from, to, ...more] = name.split(" -> ").map((each) => indices.get(each));
    return subject !== "connection" || from === undefined || to === undefined || more.length > 0
      ? []
      : [[from, to] as const];
  });
}
