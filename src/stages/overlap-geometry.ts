/** The sizes of a connection between two decomposed layers, on which its null distributions depend. */

import { type Connection, type Layer, rankOf, sharedChannels, type Unfolding } from "../model/layer.ts";
import { type Spectrum, undirected } from "../model/spectrum.ts";
import { liveChannels } from "./directions.ts";

/** The sizes on which a connection's null distribution depends. */
export interface OverlapGeometry {
  /** `n`: channels shared. */
  readonly sharedChannels: number;
  /** `N`: channels in the support of the tested vector. */
  readonly testedChannels: number;
  /** `Ns`: channels in the support of the other vector. */
  readonly otherChannels: number;
  /**
   * Channels on which the vector lives that the rotation null turns: the other one, or the tested one where the other has one channel only. Of
   * several groups the most; 0 where all are dead.
   */
  readonly turnedChannels: number;
  /** 1 for those channels, over all groups of that side. */
  readonly live: Uint8Array;
  /** `z` of the tested vector. */
  readonly positions: number;
  /** Whether `rho = 1` for every pair: the whole of the other vector is carried, each channel to one of its own, into one dense support. */
  readonly unit: boolean;
  /** Whether the map is the identity over both layers, neither grouped. */
  readonly direct: boolean;
  /** `r'` and `r`. */
  readonly targets: number;
  readonly sources: number;
  /** Pairs of all neurons, for each pair that has directions, where only leading neurons are there. Absent where all are. */
  readonly pairsEach?: number;
}

/** How many channels of each group are alive. */
export function liveCounts(live: Uint8Array, groups: number): Int32Array {
  const counts = new Int32Array(groups);
  live.forEach((alive, channel) => counts[Math.floor(channel * groups / live.length)]! += alive);
  return counts;
}

/** At which end of a connection vectors are turned: the left ones of its source, or the right ones of its target. */
export type TurnedEnd = "source" | "target";

/**
 * Whose channels the rotation null turns: the source's output channels in `svr`, the target's input channels in `cosvr`. Where these are
 * single (depthwise), there is nothing to turn: there it is the other end. (Where both are, nothing is tested.)
 */
export function turnedEnd(from: Layer, to: Layer, unfolding: Unfolding): TurnedEnd {
  if (unfolding === "svr") return from.outChannels > from.groups ? "source" : "target";
  return to.inChannels > to.groups ? "target" : "source";
}

/** 1 for some neurons of both sides. */
export interface SideFlags {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

/**
 * Neurons that the rotation null cannot turn: null ones of the side that it turns, in a group with dead channels. Their vectors are
 * any that the others leave over, and so lie on the dead channels too.
 */
export function unturnedNeurons(
  { live }: Pick<OverlapGeometry, "live">,
  source: Spectrum,
  target: Spectrum,
): SideFlags {
  const flags = { source: new Uint8Array(source.group.length), target: new Uint8Array(target.group.length) };
  const side = turnedEnd(source.layer, target.layer, source.unfolding);
  const { layer: { groups }, group, nullNeurons } = side === "source" ? source : target;
  const counts = liveCounts(live, groups);
  nullNeurons.forEach((isNull, neuron) => {
    if (isNull === 1 && counts[group[neuron]!]! < live.length / groups) flags[side][neuron] = 1;
  });
  return flags;
}

/** The geometry of a connection between two decomposed layers. @param precision in which they were decomposed */
export function overlapGeometry(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  precision: "f64" | "f32" = "f64",
): OverlapGeometry {
  const from = source.layer;
  const to = target.layer;
  const svr = source.unfolding === "svr";
  const [tested, other] = svr ? [to, from] : [from, to];
  const [testedAll, otherAll] = svr ? [to.inChannels, from.outChannels] : [from.outChannels, to.inChannels];
  const testedChannels = testedAll / tested.groups;
  const otherChannels = otherAll / other.groups;
  const [turned, live] = turnedEnd(from, to, source.unfolding) === "source"
    ? [from, liveChannels(source, "out", precision)]
    : [to, liveChannels(target, "in", precision)];
  return {
    sharedChannels: sharedChannels(connection),
    testedChannels,
    otherChannels,
    turnedChannels: liveCounts(live, turned.groups).reduce((most, count) => Math.max(most, count), 0),
    live,
    positions: tested.positions,
    unit: tested.groups === 1 &&
      times(connection, svr ? "source" : "target", otherAll).every((count) => count === 1) &&
      times(connection, svr ? "target" : "source", testedAll).every((count) => count <= 1),
    direct: isDirect(connection, from, to),
    targets: target.singularValues.length,
    sources: source.singularValues.length,
    ...source.converged === undefined && target.converged === undefined
      ? {}
      : { pairsEach: allForEach(source) * allForEach(target) },
  };
}

/** All neurons of a layer for each of its leading ones that has a direction; 1 where all are there. */
function allForEach(spectrum: Spectrum): number {
  if (spectrum.converged === undefined) return 1;
  const directed = undirected(spectrum).reduce((sum, flag) => sum + 1 - flag, 0);
  return rankOf(spectrum.layer, spectrum.unfolding) / Math.max(1, directed);
}

/** Whether anything can be tested: between two single channels every overlap is `rho`, and `p = 1`. */
export function isTested(
  { testedChannels, otherChannels }: Pick<OverlapGeometry, "testedChannels" | "otherChannels">,
): boolean {
  return testedChannels > 1 || otherChannels > 1;
}

/** How often the map takes each channel of a side. */
function times(connection: Connection, side: "source" | "target", channels: number): Uint32Array {
  const seen = new Uint32Array(channels);
  for (const range of connection.channels) {
    for (let c = range[side]; c < range[side] + range.length; c++) seen[c]! += 1;
  }
  return seen;
}

/** Whether a channel map is the identity over two dense layers: then positions aside both vectors live in one space. */
export function isDirect(connection: Connection, from: Layer, to: Layer): boolean {
  const [range] = connection.channels;
  return connection.channels.length === 1 && from.groups === 1 && to.groups === 1 && range!.source === 0 &&
    range!.target === 0 && range!.length === from.outChannels && range!.length === to.inChannels;
}
