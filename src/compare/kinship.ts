/**
 * Whether two models are of one lineage, or trained apart.
 *
 * Two networks that were initialized and trained apart have the same hidden channels at most up to their order: every relabelling was
 * equally likely. So the Gram matrices of corresponding hidden channels agree no better than after a random relabelling, and the permutation test of
 * each space of channels has a uniform p. Spaces are relabelled independently, so that Fisher's sum over known spaces is exact. What both
 * trainings share is left out: channels of the input and of the output, heads, gates, groups.
 */

import { type Connection, isDepthwise, type LayerGraph } from "../model/layer.ts";
import { Union } from "../model/union.ts";
import { logGammaSurvival } from "../stats/special-functions.ts";

/** A space of exchangeable hidden channels, and the layers that write to it, in order. */
export interface HiddenSpace {
  readonly channels: number;
  readonly writers: readonly number[];
}

/** Ways on which a channel stays any channel. */
const EXCHANGEABLE = new Set(["direct", "residual", "concat", "flatten", "pool"]);

/**
 * The hidden spaces of a model. Layers whose channels meet anywhere are in one space; a space with channels in groups, heads, gates or
 * splits is none.
 *
 * @returns one per space with a writer whose channels are the whole space's; in the order of their first writers
 */
export function hiddenSpaces(
  { layers, connections }: Pick<LayerGraph, "layers" | "connections">,
): HiddenSpace[] {
  const ports = new Union(2 * layers.length);
  const [out, into] = [(layer: number) => 2 * layer, (layer: number) => 2 * layer + 1];
  for (const { source, target } of connections) ports.join(out(source), into(target));
  for (const [at, layer] of layers.entries()) if (isDepthwise(layer)) ports.join(out(at), into(at));
  const barred = new Set<number>();
  for (const [at, layer] of layers.entries()) {
    if (layer.groups > 1 && !isDepthwise(layer)) {
      [out(at), into(at)].forEach((port) => barred.add(ports.find(port)));
    }
  }
  const read = new Set<number>();
  for (const { source, via } of connections) {
    if (!EXCHANGEABLE.has(via)) barred.add(ports.find(out(source)));
    read.add(source);
  }
  const spaces = new Map<number, { channels: number; writers: number[] }>();
  for (const [at, { outChannels }] of layers.entries()) {
    const root = ports.find(out(at));
    if (!read.has(at) || barred.has(root)) continue;
    const space = spaces.get(root);
    if (space === undefined) spaces.set(root, { channels: outChannels, writers: [at] });
    else if (space.channels === outChannels) space.writers.push(at);
  }
  return [...spaces.values()];
}

/** The connection of a space with itself in another model: each channel with the one of its number. */
export function sameChannels(channels: number): Pick<Connection, "channels"> {
  return { channels: [{ source: 0, target: 0, length: channels }] };
}

/**
 * `ln p` that all spaces agree no better than chance, by Fisher's method: `-sum ln p_i` of `k` spaces is a Gamma of shape `k`.
 *
 * @param logPs one per space, each at most 0; of different spaces
 * @returns null where there is none
 */
export function kinshipLogP(logPs: readonly number[]): number | null {
  if (logPs.length === 0) return null;
  return logGammaSurvival(logPs.length, -logPs.reduce((sum, logP) => sum + logP, 0));
}
