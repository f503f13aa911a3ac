/** Which channels of a connection the test for shared channels compares, and by how many numbers each. */

import { type Connection, isDepthwise, type Layer, type Unfolding } from "../model/layer.ts";

/** Numbers that tell a channel: of as many leading neurons as give so many. More cost more than they tell. */
const MOST_NUMBERS = 256;

/** Of more channels an evenly spread part is looked at: the test is as valid, and its moments stay cheap. */
const MOST_CHANNELS = 192;

/** Up to so many channels the moments take no time worth a matrix product. */
export const FEW_CHANNELS = 64;

/** Each source channel once, with the first channel of the target that it feeds; at most `MOST_CHANNELS`. */
export function comparedChannels(
  { channels }: Pick<Connection, "channels">,
): readonly (readonly [source: number, target: number])[] {
  const met = new Map<number, number>();
  for (const { source, target, length } of channels) {
    for (let c = 0; c < length; c++) if (!met.has(source + c)) met.set(source + c, target + c);
  }
  const step = Math.ceil(met.size / MOST_CHANNELS);
  return [...met].filter((_, at) => at % step === 0);
}

/**
 * By what a channel of a layer is told from others: leading neurons, and each one's numbers there. In a depthwise layer every channel has a
 * neuron of its own.
 *
 * @param neurons that the layer has
 * @returns null for a layer in groups of several channels
 */
export function channelNumbers(
  layer: Layer,
  unfolding: Unfolding,
  port: "out" | "in",
  neurons: number,
): { readonly neurons: number; readonly positions: number } | null {
  const { positions, groups } = layer;
  if (groups > 1) return isDepthwise(layer) ? { neurons: 1, positions } : null;
  const carried = (port === "in") === (unfolding === "svr") ? positions : 1;
  return { neurons: Math.min(neurons, Math.max(1, Math.floor(MOST_NUMBERS / carried))), positions: carried };
}
