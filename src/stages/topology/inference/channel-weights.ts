/** The weights of one side of a layer, channel by channel. */

import { isDepthwise, type Layer } from "../../../model/layer.ts";
import { type Matrix, matrix } from "../../../model/tensor.ts";

/** What a port is: a layer's out channels, its in channels, or the channels that a depthwise layer reads. */
export type Side = "out" | "in" | "depthwise";

/** Numbers of `n` channels: of each, `others` channels of the layer's other side at `positions` positions. */
export interface ChannelWeights {
  readonly channels: number;
  readonly others: number;
  /** Of the other side's channels every so many-th is there, from the first on. */
  readonly step: number;
  readonly positions: number;
  /** `[channel, other, position]`, row-major. */
  readonly data: Float64Array;
}

/** More channels of a port than these are never looked at: where ports are many, fewer. */
const MOST_CHANNELS = 192;
const LEAST_CHANNELS = 64;

/** What the kernels of all ports may take together. */
const MOST_BYTES = 128 * 2 ** 20;

/** As many numbers of a channel are looked at. */
const MOST_NUMBERS = 4096;

/** How many channels of a port are looked at at most, where so many ports have three kernels each. */
export function mostChannels(ports: number): number {
  const fitting = Math.floor(
    Math.sqrt(MOST_BYTES / (Math.max(1, ports) * 3 * Float64Array.BYTES_PER_ELEMENT)),
  );
  return Math.max(LEAST_CHANNELS, Math.min(MOST_CHANNELS, fitting));
}

/** The channels of a port that are looked at: every how many-th, the same of every port of that width. */
export function lookedAt(width: number, most: number): number[] {
  const step = Math.ceil(width / most);
  return Array.from({ length: Math.ceil(width / step) }, (_, i) => i * step);
}

/**
 * One side's weights of a layer in one group, or of a depthwise layer.
 *
 * @param blocks the weight unfolded as `svr`: one matrix, or one row per channel of a depthwise layer
 * @param at the channels of that side that are looked at
 */
export function channelWeights(
  layer: Layer,
  blocks: readonly Matrix[],
  side: Side,
  at: readonly number[],
): ChannelWeights {
  const z = layer.positions;
  const channels = at.length;
  if (isDepthwise(layer)) {
    const data = new Float64Array(channels * z);
    at.forEach((channel, c) => data.set(blocks[channel]!.data, c * z));
    return { channels, others: 1, step: 1, positions: z, data };
  }
  const [whole] = blocks as [Matrix];
  const all = side === "in" ? layer.outChannels : layer.inChannels;
  const step = Math.ceil(all * z / MOST_NUMBERS);
  const others = Math.ceil(all / step);
  const data = new Float64Array(channels * others * z);
  const copy = (c: number, o: number) => {
    const [row, column] = side === "in" ? [o * step, at[c]!] : [at[c]!, o * step];
    const first = row * whole.cols + column * z;
    const to = (c * others + o) * z;
    for (let k = 0; k < z; k++) data[to + k] = whole.data[first + k]!;
  };
  // Row by row of the weight, as it lies in memory.
  if (side === "in") { for (let o = 0; o < others; o++) for (let c = 0; c < channels; c++) copy(c, o); }
  else for (let c = 0; c < channels; c++) for (let o = 0; o < others; o++) copy(c, o);
  return { channels, others, step, positions: z, data };
}

/** Each channel's numbers as a row. */
export const asRows = ({ channels, others, positions, data }: ChannelWeights): Matrix =>
  matrix(channels, others * positions, data.slice());
