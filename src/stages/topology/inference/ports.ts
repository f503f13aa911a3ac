/** Ports: the sides of layers, with what their weights show of their channels. */

import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import { isDepthwise, type Layer } from "../../../model/layer.ts";
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

/** A side of a layer, as the tests see it. */
export interface Port {
  /** Index of the layer. */
  readonly layer: number;
  readonly side: Side;
  /** How many channels it has; the view may hold part of them. */
  readonly width: number;
  readonly view: PortView;
  readonly vectors: ChannelVectors;
}

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
 */
export async function portsOf(
  read: ReadLayer,
  most: number,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Port[]> {
  const { layer, blocks } = read;
  if (!isUsable(blocks)) return [];
  const ports: Port[] = [];
  for (const { side, width } of sidesOf(layer)) {
    ports.push(await portOf(read, side, width, lookedAt(width, most), kernel, options));
  }
  return ports;
}

/** Whether numbers are finite, and some are not 0. */
export function isUsable(blocks: readonly Matrix[]): boolean {
  return blocks.every(({ data }) => data.every(Number.isFinite)) &&
    blocks.some(({ data }) => data.some((value) => value !== 0));
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
