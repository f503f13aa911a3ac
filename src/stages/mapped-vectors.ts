/**
 * Vectors carried through a connection's channel map. Of each pair one vector carries the positions (the target's in `svr`, the source's in
 * `cosvr`), the carried one; its channels arrive at places of the other one's support. Several may arrive at one place, where they add up;
 * some places and channels are left out.
 */

import type { Connection } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";

/** Channels of a carried vector's group, and the slot of the place in the other's support where each arrives. */
export interface Support {
  readonly channels: Int32Array;
  readonly slots: Int32Array;
  /** The places, counted within the turned one's group, by slot. */
  readonly places: Int32Array;
  /** Where a channel's numbers begin in the vector, as `channels`. */
  readonly starts: Int32Array;
}

/** 1 for the channels of each side that count; default: all. */
export interface Counted {
  readonly carried?: Uint8Array;
  readonly turned?: Uint8Array;
}

/** Per group of the carried side and group of the turned side: what they have in common; null where that is nothing. */
export function supports(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  counted: Counted = {},
): readonly (readonly (Support | null)[])[] {
  const svr = source.unfolding === "svr";
  const from = { perGroup: source.layer.outChannels / source.layer.groups, groups: source.layer.groups };
  const to = { perGroup: target.layer.inChannels / target.layer.groups, groups: target.layer.groups };
  const [carried, turned] = svr ? [to, from] : [from, to];
  const lists = Array.from(
    { length: carried.groups },
    () => Array.from({ length: turned.groups }, (): [channel: number, place: number][] => []),
  );
  for (const range of connection.channels) {
    for (let c = 0; c < range.length; c++) {
      const [channel, place] = svr
        ? [range.target + c, range.source + c]
        : [range.source + c, range.target + c];
      if (counted.turned?.[place] === 0 || counted.carried?.[channel] === 0) continue;
      const group = Math.floor(channel / carried.perGroup);
      const other = Math.floor(place / turned.perGroup);
      lists[group]![other]!.push([channel - group * carried.perGroup, place - other * turned.perGroup]);
    }
  }
  const z = (svr ? target : source).layer.positions;
  return lists.map((row) => row.map((pairs) => supportOf(pairs, z)));
}

function supportOf(pairs: readonly [channel: number, place: number][], z: number): Support | null {
  if (pairs.length === 0) return null;
  const slots = new Map<number, number>();
  for (const [, place] of pairs) if (!slots.has(place)) slots.set(place, slots.size);
  return {
    channels: Int32Array.from(pairs, ([channel]) => channel),
    slots: Int32Array.from(pairs, ([, place]) => slots.get(place)!),
    places: Int32Array.from(slots.keys()),
    starts: Int32Array.from(pairs, ([channel]) => channel * z),
  };
}

/** Per group of a layer its live channels, each at its own place. */
export function wholeSupports(
  { layer: { groups, positions: z } }: Spectrum,
  live: Uint8Array,
): readonly Support[] {
  const perGroup = live.length / groups;
  return Array.from({ length: groups }, (_, group) => {
    const all = Int32Array.from({ length: perGroup }, (_, channel) => channel);
    const channels = all.filter((channel) => live[group * perGroup + channel] === 1);
    const starts = channels.map((channel) => channel * z);
    return { channels, slots: channels.map((_, slot) => slot), places: channels, starts };
  });
}

/** A carried vector: the number at the slot of a place and a position is `values[first + starts[slot] + position]`. */
export interface MappedVector {
  readonly values: Float64Array;
  readonly first: number;
  readonly starts: Int32Array;
}

/** A neuron's vector as it arrives. Where no two channels arrive at one place nothing is copied. */
export function mappedVector(
  carried: Spectrum,
  neuron: number,
  { channels, slots, starts, places }: Support,
): MappedVector {
  const { layer: { positions: z }, unfolding } = carried;
  const { data, cols } = unfolding === "svr" ? carried.right : carried.left;
  const first = neuron * cols;
  if (places.length === channels.length) return { values: data, first, starts };
  const values = new Float64Array(places.length * z);
  channels.forEach((channel, i) => {
    for (let k = 0; k < z; k++) values[slots[i]! * z + k]! += data[first + channel * z + k]!;
  });
  return { values, first: 0, starts: Int32Array.from(places, (_, slot) => slot * z) };
}
