/** Neurons of a layer that are followed over the steps of a series, from the rows of the tables `tracks`. */

import type { Row } from "../protocol.ts";

/** Where a track is at a step. */
export interface TrackPlace {
  /** Place of the checkpoint in the series. */
  readonly at: number;
  readonly layer: number;
  readonly neuron: number;
  readonly singularValue: number;
  /** Inner product with its step before; null at the first. */
  readonly similarity: number | null;
}

/** A neuron that is followed. */
export interface Track {
  readonly track: number;
  /** By step; those at which it has no direction of its own are not there. One at least. */
  readonly places: readonly TrackPlace[];
  /** Whether it begins after the first step of the layer, and ends before the last. */
  readonly birth: boolean;
  readonly death: boolean;
}

/** Rows of one comparison, and the places of its two checkpoints in the series. */
export interface TrackRows {
  readonly base: number;
  readonly other: number;
  readonly rows: readonly Row[];
}

/**
 * The tracks, the one of the largest singular value at any step first.
 *
 * @returns `omitted`: rows of other checkpoints or settings than the last step's; numbers of their tracks mean others
 */
export function tracksIn(
  comparisons: readonly TrackRows[],
): { readonly tracks: readonly Track[]; readonly omitted: number } {
  const last = comparisons.filter(({ rows }) => rows.length > 0).sort((a, b) => a.other - b.other).at(-1);
  const key = last?.rows[0]?.["series_key"];
  const found = new Map<number, { places: Map<number, TrackPlace>; birth: boolean; death: boolean }>();
  let omitted = 0;
  for (const { base, other, rows } of comparisons) {
    for (const row of rows) {
      if (row["series_key"] !== key) {
        omitted++;
        continue;
      }
      const track = Number(row["track"]);
      const known = found.get(track) ?? { places: new Map<number, TrackPlace>(), birth: false, death: false };
      found.set(track, known);
      known.birth ||= row["birth"] === true;
      known.death ||= row["death"] === true;
      for (const [side, at] of [["base", base], ["other", other]] as const) {
        const neuron = row[`${side}_neuron`];
        if (typeof neuron !== "number") continue;
        const similarity = row["similarity"];
        known.places.set(at, {
          at,
          layer: Number(row[`${side}_layer`]),
          neuron,
          singularValue: Number(row[`${side}_singular_value`]),
          // A place is told twice; the similarity is that of the comparison in which it is the other model's.
          similarity: side === "other" && typeof similarity === "number"
            ? similarity
            : known.places.get(at)?.similarity ?? null,
        });
      }
    }
  }
  const tracks = [...found].filter(([, { places }]) => places.size > 0).map(([track, each]): Track => ({
    track,
    places: [...each.places.values()].sort((a, b) => a.at - b.at),
    birth: each.birth,
    death: each.death,
  }));
  return { tracks: tracks.sort((a, b) => strength(b) - strength(a) || a.track - b.track), omitted };
}

/** The largest singular value at any step. */
export function strength({ places }: Track): number {
  return places.reduce((most, { singularValue }) => Math.max(most, singularValue), 0);
}
