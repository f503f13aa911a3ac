/** Connections between layers: made from what was traced, and checked against the layers whatever they were made from. */

import { show } from "../../model/errors.ts";
import {
  type ChannelRange,
  type Connection,
  type Evidence,
  type Layer,
  sharedChannels,
  type Skipped,
  type Via,
} from "../../model/layer.ts";
import { merged, overlapping } from "../channel-map.ts";
import type { Traced } from "./signal.ts";

/** A layer reads a signal. */
export interface Reading {
  /** Index of the layer. */
  readonly target: number;
  readonly signal: Traced;
}

/** What a connection is called where its way crossed several things, most telling first; else `direct`. */
const TELLING: readonly Via[] = [
  "recurrent",
  "attention-head",
  "tied",
  "concat",
  "split",
  "flatten",
  "residual",
  "pool",
];

/**
 * The connections that readings amount to, by target and source. Several ways between the same two layers (and part) are
 * one connection; where two of them meet in the same channel, only the first can be said and the other is reported as skipped.
 */
export function connectionsOf(
  readings: readonly Reading[],
  layers: readonly Layer[],
  evidence: Evidence,
): { readonly connections: Connection[]; readonly skipped: Skipped[] } {
  const found = new Map<string, Connection>();
  const skipped: Skipped[] = [];
  const skip = (source: string, target: Layer, reason: string) => {
    const name = `${source} -> ${target.name}`;
    if (!skipped.some((each) => each.name === name && each.reason === reason)) {
      skipped.push({ subject: "connection", name, reason });
    }
  };
  for (const { target, signal } of readings) {
    const to = layers[target]!;
    for (const reason of signal.lost) skip("?", to, reason);
    for (const { layer: source, part, channels, crossed } of signal.origins) {
      const from = layers[source]!;
      const reason = misfit(signal, to) ??
        (source === target && !crossed.has("recurrent")
          ? "the layer feeds itself: its weight is used twice in a row"
          : null);
      if (reason !== null) {
        skip(from.name, to, reason);
        continue;
      }
      const key = `${source}/${target}/${part}`;
      const before = found.get(key);
      const via = viaOf(crossed, from, to);
      const together = union(before?.channels ?? [], channels);
      if (together === null) skip(from.name, to, "two ways meet in the same channels");
      else {
        const told = before === undefined ? via : moreTelling(before.via, via);
        found.set(key, { source, target, part, via: told, evidence, channels: together });
      }
    }
  }
  const connections = [...found.values()].sort((a, b) =>
    a.target - b.target || a.source - b.source || a.part - b.part
  );
  return { connections, skipped };
}

function misfit({ width, flattened }: Traced, to: Layer): string | null {
  if (width === null) return "the number of channels is not known";
  if (width === to.inChannels) return null;
  const flat = flattened === null ? "" : ", flattened,";
  return `${width} channels${flat} arrive where the layer reads ${to.inChannels}, ${to.positions} positions each`;
}

function viaOf(crossed: ReadonlySet<Via>, from: Layer, to: Layer): Via {
  const all = new Set(crossed);
  // A map whose extent is one position is flattened into itself.
  if ((to.kind === "linear" || to.kind === "recurrent") && to.positions > 1) all.add("flatten");
  if (sameWeight(from, to)) all.add("tied");
  return TELLING.find((each) => all.has(each)) ?? "direct";
}

/** Whether two layers read the same numbers, an embedding and its unembedding: whatever feeds the one is already known to the other. */
function sameWeight({ weight: a, ...from }: Layer, { weight: b, ...to }: Layer): boolean {
  return from.index !== to.index && a.tensor === b.tensor && a.offset === b.offset;
}

function moreTelling(a: Via, b: Via): Via {
  return TELLING.find((each) => each === a || each === b) ?? "direct";
}

/** Both maps as one; null where they differ in what arrives at a channel. */
function union(a: readonly ChannelRange[], b: readonly ChannelRange[]): readonly ChannelRange[] | null {
  const same = JSON.stringify(merged(a)) === JSON.stringify(merged(b));
  const together = same ? merged(a) : merged([...a, ...b]);
  return overlapping(together) ? null : together;
}

/**
 * Checks a channel map against its layers.
 *
 * @param whole whether the map claims to cover the target's in channels completely
 * @throws {RangeError} when a layer that is not recurrent feeds itself, a range leaves a layer, two ranges meet on the target's side, or
 * `whole` does not hold
 */
export function checkConnection(connection: Connection, from: Layer, to: Layer, whole: boolean): void {
  const what = `connection ${show(from.name)} -> ${show(to.name)}`;
  if (from.index === to.index && connection.via !== "recurrent") {
    throw new RangeError(`${what}: found a layer that feeds itself, required two layers, or via: recurrent`);
  }
  if (whole && sharedChannels(connection) !== to.inChannels) {
    throw new RangeError(
      `${what}: found ${from.outChannels} out channels and ${to.inChannels} in channels (${to.positions} positions each), required equal numbers or a channel map`,
    );
  }
  const taken = new Uint8Array(to.inChannels);
  for (const { source, target, length } of connection.channels) {
    if (source + length > from.outChannels || target + length > to.inChannels) {
      throw new RangeError(
        `${what}, channels ${source}..${source + length} to ${target}..${
          target + length
        }: required within ${from.outChannels} out and ${to.inChannels} in channels`,
      );
    }
    for (let c = target; c < target + length; c++) {
      if (taken[c] === 1) {
        throw new RangeError(`${what}, in channel ${c}: found two origins, required at most one`);
      }
      taken[c] = 1;
    }
  }
}
