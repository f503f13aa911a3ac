/** Ports: the sides of layers, with what their weights show of their channels. */

import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import { isDepthwise, type Layer } from "../../../model/layer.ts";
import type { FlattenOrder } from "../../../model/layer-draft.ts";
import type { Matrix } from "../../../model/tensor.ts";
import { kernelProducts, type PortView } from "../../../stats/joint-permutation-test.ts";
import { channelWeights, lookedAt, type Side } from "./channel-weights.ts";
import {
  type ChannelVectors,
  depthwiseVectors,
  inVectors,
  type LayerVectors,
  outVectors,
  signsOf,
} from "./channel-vectors.ts";
import { portKernels } from "./port-kernels.ts";

/** Channels of a layer that may be channels of their own: a gate, or values beside queries and keys. */
export interface Part {
  readonly side: "out" | "in";
  /** The first of them. */
  readonly from: number;
  readonly width: number;
  /** Its number among those of its stack. */
  readonly at: number;
  /** How many parts the stack has, all of one width; 0 for queries, keys and values of two widths. */
  readonly of: number;
}

/** How a matrix may read a flattened map. */
export interface Flattening {
  readonly positions: number;
  readonly order: FlattenOrder;
}

/** A side of a layer, as the tests see it. */
export interface Port {
  /** Index of the layer. */
  readonly layer: number;
  readonly side: Side;
  /** How many channels it has; the view may hold part of them. */
  readonly width: number;
  readonly view: PortView;
  readonly vectors: ChannelVectors;
  /** Of its side's channels these only. Default: all */
  readonly part?: Part;
  /** How the layer is read here, where that is not known. */
  readonly flattening?: Flattening;
}

/** The layer's channels that a port has, of which these are looked at. @param at numbers within the port */
export const channelsOf = ({ part }: Pick<Port, "part">, at: readonly number[]): readonly number[] =>
  part === undefined ? at : at.map((channel) => part.from + channel);

/** A layer whose weight has been read. */
export interface ReadLayer {
  readonly layer: Layer;
  /** The weight unfolded as `svr`. */
  readonly blocks: readonly Matrix[];
  readonly vectors: LayerVectors;
}

/** Fewer channels have too few relabellings for any p to be small, once it is corrected. */
export const LEAST_WIDTH = 8;

/** The sides of a layer that can be tested: none of a layer in groups of several channels, which cannot be exchanged between groups. */
export function sidesOf(layer: Layer): readonly { readonly side: Side; readonly width: number }[] {
  const sides: { side: Side; width: number }[] = [{ side: "out", width: layer.outChannels }];
  if (isDepthwise(layer)) sides.push({ side: "depthwise", width: layer.outChannels });
  else if (layer.groups > 1) return [];
  // An embedding reads symbols, which nobody writes.
  else if (layer.kind !== "embedding") sides.push({ side: "in", width: layer.inChannels });
  return sides.filter(({ width }) => width >= LEAST_WIDTH);
}

/**
 * The ports of a layer; none where a weight is not finite, or all are 0.
 *
 * @param most channels of a port that are looked at
 * @param parts of its channels that are ports, too
 */
export async function portsOf(
  read: ReadLayer,
  most: number,
  kernel: Kernel,
  options: CallOptions = {},
  parts: readonly Part[] = [],
): Promise<Port[]> {
  const { layer, blocks } = read;
  if (!isUsable(blocks)) return [];
  const ports: Port[] = [];
  for (const { side, width } of sidesOf(layer)) {
    ports.push(await portOf(read, side, width, lookedAt(width, most), kernel, options));
  }
  for (const part of parts) {
    const at = channelsOf({ part }, lookedAt(part.width, most));
    ports.push({ ...await portOf(read, part.side, part.width, at, kernel, options), part });
  }
  return ports;
}

/** The side of a matrix that reads, as the port of a flattened map. @param read as it is read then */
export async function flattenedPort(
  read: ReadLayer,
  flattening: Flattening,
  most: number,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Port[]> {
  const width = read.layer.inChannels;
  return isUsable(read.blocks)
    ? [{ ...await portOf(read, "in", width, lookedAt(width, most), kernel, options), flattening }]
    : [];
}

/** Whether numbers are finite, and some are not 0. */
export function isUsable(blocks: readonly Matrix[]): boolean {
  return blocks.every(areFinite) && blocks.some(({ data }) => data.some((value) => value !== 0));
}

// A loop: of a million numbers, `every` takes ten times as long.
function areFinite({ data }: Matrix): boolean {
  for (let at = 0; at < data.length; at++) if (!Number.isFinite(data[at])) return false;
  return true;
}

/** One port. @param at its channels that are looked at, of the layer's; a slice has only some of them */
export async function portOf(
  { layer, blocks, vectors }: ReadLayer,
  side: Side,
  width: number,
  at: readonly number[],
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Port> {
  const weights = channelWeights(layer, blocks, side, at);
  const signs = side === "out" ? signsOf(vectors, at) : null;
  const { kernels, cosines } = await portKernels(weights, signs, kernel, options);
  const shown = side === "out"
    ? outVectors(weights, cosines, vectors, at)
    : side === "in"
    ? inVectors(weights, cosines, vectors)
    : depthwiseVectors(weights, cosines, vectors, at);
  const view = { size: at.length, kernels, products: kernelProducts(kernels) };
  return { layer: layer.index, side, width, view, vectors: shown };
}
