/** Spectral neurons of a layer followed through the steps of a series: by their singular vectors, whatever their rank. */

/** The neurons of a layer at one step. */
export interface StepNeurons {
  /** Descending. */
  readonly singularValues: Float64Array;
  /** 1 for neurons with a direction of their own; others are in no track. */
  readonly directed: Uint8Array;
}

/** A neuron of one step that is the same as one of a later step. */
export interface TrackLink {
  /** Steps, as indices; `from` is before `to`. */
  readonly from: number;
  readonly to: number;
  /** Neurons of these steps. */
  readonly base: number;
  readonly other: number;
  /** Inner product of their rank-one maps, in [-1, 1]. */
  readonly similarity: number;
}

/** Where a track is at one step. */
export interface TrackPlace {
  readonly step: number;
  readonly neuron: number;
  /** With the track's place before; null at its first. */
  readonly similarity: number | null;
}

/** One neuron through the steps: its places in the order of steps. Between two places it may lack steps at which it had no direction of its own. */
export type Track = readonly TrackPlace[];

/**
 * Joins links into tracks. Every neuron that has a direction is in one track. Where links compete, one between neighbouring steps comes before
 * one that passes over a step.
 *
 * @param steps of one layer, in order
 * @param links each neuron has one at most to each other step
 * @returns in the order of their first places: by step, then by neuron
 * @example
 * // Two neurons change ranks: each track has neuron 0 at one step, and neuron 1 at the other.
 * tracksOf(
 *   [{ singularValues: Float64Array.of(2, 1), directed: Uint8Array.of(1, 1) }, { singularValues: Float64Array.of(3, 2), directed: Uint8Array.of(1, 1) }],
 *   [{ from: 0, to: 1, base: 0, other: 1, similarity: 1 }, { from: 0, to: 1, base: 1, other: 0, similarity: 1 }],
 * );
 */
export function tracksOf(steps: readonly StepNeurons[], links: readonly TrackLink[]): Track[] {
  const key = (step: number, neuron: number) => `${step} ${neuron}`;
  const next = new Map<string, TrackLink>();
  const continued = new Set<string>();
  for (const link of [...links].sort((a, b) => a.to - a.from - (b.to - b.from))) {
    const [start, end] = [key(link.from, link.base), key(link.to, link.other)];
    if (next.has(start) || continued.has(end)) continue;
    next.set(start, link);
    continued.add(end);
  }
  return steps.flatMap(({ directed }, step) =>
    [...directed.keys()].filter((neuron) => directed[neuron] === 1 && !continued.has(key(step, neuron)))
      .map((neuron) => {
        const track: TrackPlace[] = [{ step, neuron, similarity: null }];
        for (let link = next.get(key(step, neuron)); link !== undefined;) {
          track.push({ step: link.to, neuron: link.other, similarity: link.similarity });
          link = next.get(key(link.to, link.other));
        }
        return track;
      })
  );
}

/** What became of the tracks of a layer. */
export interface TrackCounts {
  readonly tracks: number;
  /** Tracks from the layer's first step to its last. */
  readonly through: number;
  /** Tracks that begin after the layer's first step. */
  readonly births: number;
  /** Tracks that end before the layer's last step. */
  readonly deaths: number;
  /** Pairs of tracks whose singular values change their order between a step and the next at which both are. */
  readonly crossings: number;
}

/** @param range the first and the last step that have the layer */
export function trackCounts(
  tracks: readonly Track[],
  steps: readonly StepNeurons[],
  [first, last]: readonly [number, number],
): TrackCounts {
  const isBorn = (track: Track) => track[0]!.step > first;
  const isDead = (track: Track) => track.at(-1)!.step < last;
  return {
    tracks: tracks.length,
    through: tracks.filter((track) => !isBorn(track) && !isDead(track)).length,
    births: tracks.filter(isBorn).length,
    deaths: tracks.filter(isDead).length,
    crossings: crossings(tracks, steps),
  };
}

function crossings(tracks: readonly Track[], steps: readonly StepNeurons[]): number {
  const valuesAt = steps.map(({ singularValues }, step) =>
    new Map(tracks.flatMap((track, at) => {
      const place = track.find((each) => each.step === step);
      return place === undefined ? [] : [[at, singularValues[place.neuron]!] as const];
    }))
  );
  let count = 0;
  for (let step = 1; step < steps.length; step++) {
    const [before, after, earlier] = [valuesAt[step - 1]!, valuesAt[step]!, valuesAt[step - 2]];
    const both = [...before.keys()].filter((track) => after.has(track));
    count += inversions(both, before, after);
    if (earlier === undefined) continue;
    // A pair of which one lacks the step between was not compared there.
    const over = [...earlier.keys()].filter((track) => after.has(track));
    count += inversions(over, earlier, after) -
      inversions(over.filter((track) => before.has(track)), earlier, after);
  }
  return count;
}

/** How many pairs of tracks are in another order after than before; equal values are in either. */
function inversions(
  tracks: readonly number[],
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): number {
  const order = [...tracks].sort((a, b) => before.get(b)! - before.get(a)! || after.get(b)! - after.get(a)!);
  return ascents(order.map((track) => after.get(track)!)).count;
}

/** Pairs of which the later value is the larger, by merge sort. */
function ascents(values: readonly number[]): { readonly sorted: readonly number[]; readonly count: number } {
  if (values.length < 2) return { sorted: values, count: 0 };
  const middle = values.length >> 1;
  const [left, right] = [ascents(values.slice(0, middle)), ascents(values.slice(middle))];
  const sorted: number[] = [];
  let count = left.count + right.count;
  let [i, j] = [0, 0];
  while (i < left.sorted.length || j < right.sorted.length) {
    const [a, b] = [left.sorted[i], right.sorted[j]];
    if (b === undefined || (a !== undefined && a >= b)) {
      sorted.push(a!);
      i++;
    } else {
      // Everything that is left of the first half stands before it and is smaller.
      count += left.sorted.length - i;
      sorted.push(b);
      j++;
    }
  }
  return { sorted, count };
}
