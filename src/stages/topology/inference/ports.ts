/** Ports: the sides of layers, with what their weights show of their channels. */

import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import { isDepthwise, type Layer } from "../../../model/layer.ts";
import type { FlattenOrder } from "../../../model/layer-draft.ts";
import type { Matrix } from "../../../model/tensor.ts";
import { kernelProducts, type PortView } from "../../../stats/joint-permutation-test.ts";
import { type ChannelWeights, channelWeights, lookedAt, type Side } from "./channel-weights.ts";
import {
  type ChannelVectors,
  depthwiseVectors,
  inVectors,
  type LayerVectors,
  outVectors,
  signsOf,
} from "./channel-vectors.ts";
import { type KnownKernels, portKernels } from "./port-kernels.ts";

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
 * @param known what is in it is not made again, what is made goes there. Default: all is made
 */
export async function portsOf(
  read: ReadLayer,
  most: number,
  kernel: Kernel,
  options: CallOptions = {},
  parts: readonly Part[] = [],
  known?: KnownKernels,
): Promise<Port[]> {
  const { layer, blocks } = read;
  if (!isUsable(blocks)) return [];
  const ports: Port[] = [];
  for (const { side, width } of sidesOf(layer)) {
    ports.push(await portOf(read, side, width, lookedAt(width, most), kernel, options, known));
  }
  for (const part of parts) {
    const at = channelsOf({ part }, lookedAt(part.width, most));
    ports.push({ ...await portOf(read, part.side, part.width, at, kernel, options, known), part });
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
  known?: KnownKernels,
): Promise<Port[]> {
  const width = read.layer.inChannels;
  return isUsable(read.blocks)
    ? [{ ...await portOf(read, "in", width, lookedAt(width, most), kernel, options, known), flattening }]
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

/** One port. @param at its channels that are looked at, of the layer's; a slice has only some of them. @param known as of `portsOf` */
export async function portOf(
  { layer, blocks, vectors }: ReadLayer,
  side: Side,
  width: number,
  at: readonly number[],
  kernel: Kernel,
  options: CallOptions = {},
  known: KnownKernels = new Map(),
): Promise<Port> {
  const weights = channelWeights(layer, blocks, side, at);
  const signs = side === "out" ? signsOf(vectors, at) : null;
  const key = keyOf(layer, weights, side, at, signs);
  const made = known.get(key) ?? await portKernels(weights, signs, kernel, options);
  known.set(key, made);
  const { kernels, cosines } = made;
  const shown = side === "out"
    ? outVectors(weights, cosines, vectors, at)
    : side === "in"
    ? inVectors(weights, cosines, vectors)
    : depthwiseVectors(weights, cosines, vectors, at);
  const view = { size: at.length, kernels, products: kernelProducts(kernels) };
  return { layer: layer.index, side, width, view, vectors: shown };
}

/** The numbers of a port's weights, as places of the tensor: what a matrix reads is what it writes once it lies the other way round. */
function keyOf(
  { weight: { tensor, offset, strides }, groups }: Layer,
  { others, step, positions }: ChannelWeights,
  side: Side,
  at: readonly number[],
  signs: Float64Array | null,
): string {
  const [out, into] = groups > 1 ? [strides.group, 0] : [strides.out, strides.in];
  const [own, other] = side === "in" ? [into, out] : [out, into];
  const numbers = [offset, own, other, positions > 1 ? strides.position : 0, others, step, positions];
  return JSON.stringify([tensor, numbers, at, signs === null ? null : [...signs]]);
}
