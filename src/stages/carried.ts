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
  return lists.map((row) => row.map(supportOf));
}

function supportOf(pairs: readonly [channel: number, place: number][]): Support | null {
  if (pairs.length === 0) return null;
  const slots = new Map<number, number>();
  for (const [, place] of pairs) if (!slots.has(place)) slots.set(place, slots.size);
  return {
    channels: Int32Array.from(pairs, ([channel]) => channel),
    slots: Int32Array.from(pairs, ([, place]) => slots.get(place)!),
    places: Int32Array.from(slots.keys()),
  };
}

/** Per group of a layer its live channels, each at its own place. */
export function wholeSupports({ layer: { groups } }: Spectrum, live: Uint8Array): readonly Support[] {
  const perGroup = live.length / groups;
  return Array.from({ length: groups }, (_, group) => {
    const all = Int32Array.from({ length: perGroup }, (_, channel) => channel);
    const channels = all.filter((channel) => live[group * perGroup + channel] === 1);
    return { channels, slots: channels.map((_, slot) => slot), places: channels };
  });
}

/** A carried vector: the number at a place and position is `values[starts[place] + position]`. */
export interface CarriedVector {
  readonly values: Float64Array;
  readonly starts: Int32Array;
}

/** A neuron's vector as it arrives. Where no two channels arrive at one place nothing is copied. */
export function carriedVector(
  carried: Spectrum,
  neuron: number,
  { channels, slots, places }: Support,
): CarriedVector {
  const { layer: { positions: z }, unfolding } = carried;
  const { data, cols } = unfolding === "svr" ? carried.right : carried.left;
  const at = neuron * cols;
  const count = places.length;
  if (count === channels.length) return { values: data, starts: channels.map((channel) => at + channel * z) };
  const values = new Float64Array(count * z);
  channels.forEach((channel, i) => {
    for (let k = 0; k < z; k++) values[slots[i]! * z + k]! += data[at + channel * z + k]!;
  });
  return { values, starts: Int32Array.from({ length: count }, (_, slot) => slot * z) };
}
