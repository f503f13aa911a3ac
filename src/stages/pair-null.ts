/**
 * The null distribution of each pair of a connection: what its overlap would be by chance.
 *
 * Under the rotation null one vector of a pair is turned, and the other carried through the channel map into its support. In `svr` the
 * source's is turned and the target's, with its positions, is carried; `cosvr` is the mirror image. Where the turned one would have a single
 * channel (depthwise) the other one is turned instead, and what is carried is that channel. So distributions differ from neuron to neuron.
 * Under `beta` and `chi2` all pairs of a connection have one distribution, of `overlap / rho`.
 */

import type { Connection } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { nullDistribution, type NullName } from "../stats/null-distribution.ts";
import { type RotationNull, rotationNulls } from "../stats/rotation-null.ts";
import { symmetricEigenvalues } from "../stats/symmetric-eigenvalues.ts";
import { type MappedVector, mappedVector, type Support, supports, wholeSupports } from "./mapped-vectors.ts";
import type { OverlapBlock } from "./overlap.ts";
import { liveCounts, type OverlapGeometry, type SideFlags, unturnedNeurons } from "./overlap-geometry.ts";

/** Eigenvalues up to here are rounding in vectors that have no channel in common. */
const NO_OVERLAP = 1e-28;

/** An overlap is known to an ulp at best, so a ratio of 1 counts as one ulp less: p-values stay above 0. */
const LARGEST_RATIO = 1 - 2 ** -53;

/** A null distribution, with the overlap from which on its p matters. */
export interface PairNull {
  /** The expected overlap. */
  readonly mean: number;
  /** Whether the overlap can vary; else there is nothing to test. */
  readonly tested: boolean;
  /** Overlaps below need no p: theirs is above the level. */
  readonly least: number;
  /** `ln P(X >= overlap)`. */
  logSurvival(overlap: number): number;
}

/** The null distributions of all pairs of a connection, or of some of its target neurons. */
export interface PairNulls {
  /** Whether they are of `overlap / rho` and not of the overlap. */
  readonly ofRatio: boolean;
  /** Whether neurons with `rho = 0` are no pair; else `of` tells. */
  readonly byRho: boolean;
  /** Per source neuron its place in what `of` returns. */
  readonly places: Int32Array;
  /** Neurons that are not turned, as `unturnedNeurons` finds them; null where the null does not look at that. */
  readonly unturned: SideFlags | null;
  /** The distributions of a target neuron's pairs; null where two neurons are no pair. */
  of(target: number): readonly (PairNull | null)[];
}

/**
 * The null distributions of a connection's pairs.
 *
 * @param level `ln p` up to which p-values are asked for
 */
export function pairNulls(
  name: NullName,
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  geometry: OverlapGeometry,
  level: number,
): PairNulls {
  if (name !== "rotation") return commonNulls(name, geometry, level);
  const svr = source.unfolding === "svr";
  const [carried, turned] = svr ? [target, source] : [source, target];
  const single = geometry.otherChannels === 1;
  const counts = liveCounts(geometry.live, (single ? carried : turned).layer.groups);
  const nulls = Array.from(counts, rotationNulls);
  const made = (eigenvalues: Float64Array, group: number): PairNull | null => {
    if (eigenvalues.length === 0) return null;
    const mean = eigenvalues.reduce((sum, value) => sum + value, 0) / counts[group]!;
    return pairNull(mean, nulls[group]!(eigenvalues), level);
  };
  const counted = single ? { carried: geometry.live } : { turned: geometry.live };
  const maps = supports(connection, source, target, counted);
  const arriving = (neuron: number) =>
    maps[carried.group[neuron]!]!.map((map, group) =>
      map === null ? null : made(eigenvaluesOf(carried, neuron, map), group)
    );
  const whole = single ? wholeSupports(carried, geometry.live) : [];
  // Of its own channels the other vector, which is a single one, meets as many as it arrives at.
  const byOwnChannels = (neuron: number) => {
    const group = carried.group[neuron]!;
    const own = eigenvaluesOf(carried, neuron, whole[group]!);
    const byMet: (PairNull | null)[] = [];
    return maps[group]!.map((map) => {
      if (map === null) return null;
      const met = map.channels.length;
      return byMet[met] ??= made(own.map((value) => met * value), group);
    });
  };
  const byGroup = remembered(single ? byOwnChannels : arriving);
  const unturned = unturnedNeurons(geometry, source, target);
  if (svr) return { ofRatio: false, byRho: false, unturned, places: turned.group, of: byGroup };
  const table = Array.from(carried.group.keys(), byGroup);
  const groups = Array.from({ length: target.layer.groups }, (_, group) => table.map((row) => row[group]!));
  return {
    ofRatio: false,
    byRho: false,
    unturned,
    places: Int32Array.from(carried.group.keys()),
    of: (neuron) => groups[target.group[neuron]!]!,
  };
}

/** Each neuron's distributions are made once: its row is looked at for its expectation, and for candidates. */
function remembered(make: (neuron: number) => (PairNull | null)[]): (neuron: number) => (PairNull | null)[] {
  const known: (PairNull | null)[][] = [];
  return (neuron) => known[neuron] ??= make(neuron);
}

/** One distribution for every pair. */
export function commonNulls(
  name: "beta" | "chi2",
  geometry: OverlapGeometry,
  level: number,
): PairNulls {
  const distribution = nullDistribution(name, geometry);
  const { testedChannels: N, otherChannels: Ns } = geometry;
  const threshold = level < 0 ? distribution?.threshold(level) ?? Infinity : 0;
  const only: PairNull = {
    mean: 1 / (N > 1 ? N : Ns),
    tested: distribution !== null,
    // A hair lower: the verdict is taken on the log p.
    least: threshold * (1 - 1e-12),
    logSurvival: (ratio) => distribution?.logSurvival(Math.min(LARGEST_RATIO, ratio)) ?? 0,
  };
  const places = new Int32Array(geometry.sources);
  // On a single channel the overlap is rho itself, and the null speaks of it as it is.
  return { ofRatio: N > 1, byRho: true, unturned: null, places, of: () => [only] };
}

function pairNull(mean: number, found: RotationNull | null, level: number): PairNull {
  let least: number | null = null;
  return {
    mean,
    tested: found !== null,
    get least() {
      return least ??= level < 0 ? found?.lowerThreshold(level) ?? Infinity : 0;
    },
    logSurvival: (overlap) => found?.logSurvival(overlap) ?? 0,
  };
}

/**
 * The expected overlap of every pair of a block of rows; of neurons that are not turned the overlap that they have.
 *
 * @returns `rows x sources`
 */
export function expectedOverlaps(
  nulls: PairNulls,
  block: Pick<OverlapBlock, "first" | "rows" | "rho" | "overlap">,
): Float64Array {
  const out = means(nulls, block);
  const { places, unturned } = nulls;
  if (unturned === null) return out;
  const { source, target } = unturned;
  if (!source.includes(1) && !target.includes(1)) return out;
  for (let row = 0, at = 0; row < block.rows; row++) {
    for (let j = 0; j < places.length; j++, at++) {
      if (source[j] === 1 || target[block.first + row] === 1) out[at] = block.overlap[at]!;
    }
  }
  return out;
}

/** @param rho as of the block; null where it is 1 for all */
function means(
  nulls: PairNulls,
  { first, rows, rho }: Pick<OverlapBlock, "first" | "rows" | "rho">,
): Float64Array {
  const sources = nulls.places.length;
  const out = new Float64Array(rows * sources);
  for (let row = 0, at = 0; row < rows; row++) {
    const distributions = nulls.of(first + row);
    const [only] = distributions;
    if (rho === null && distributions.length === 1) {
      out.fill(only?.mean ?? 0, at, at += sources);
      continue;
    }
    for (let source = 0; source < sources; source++, at++) {
      const mean = distributions[nulls.places[source]!]?.mean ?? 0;
      const share = rho === null ? 1 : rho[at]!;
      out[at] = nulls.ofRatio ? mean * share : share > 0 || !nulls.byRho ? mean : 0;
    }
  }
  return out;
}

/**
 * The eigenvalues of `V' V`, `V` a carried vector by places and positions: of the smaller of both Gram matrices, the others are 0. Empty where
 * nothing but rounding is carried.
 */
function eigenvaluesOf(carried: Spectrum, neuron: number, support: Support): Float64Array {
  const vector = mappedVector(carried, neuron, support);
  const z = carried.layer.positions;
  const places = vector.starts.length;
  const found = places <= z
    ? symmetricEigenvalues(gramOfPlaces(vector, z), places)
    : symmetricEigenvalues(gramOfPositions(vector, z), z);
  if (!((found.at(-1) ?? 0) > NO_OVERLAP)) return new Float64Array(0);
  for (let k = 0; k < found.length; k++) found[k] = Math.max(0, found[k]!);
  return found;
}

/** `z x z`, lower triangle. Two places at a time, as much of the time goes into storing sums. */
function gramOfPositions({ values, first, starts }: MappedVector, z: number): Float64Array {
  const gram = new Float64Array(z * z);
  const even = starts.length - starts.length % 2;
  for (let c = 0; c < even; c += 2) addPair(gram, values, first + starts[c]!, first + starts[c + 1]!, z);
  if (even < starts.length) {
    const last = first + starts[even]!;
    for (let k = 0; k < z; k++) {
      for (let l = 0; l <= k; l++) gram[k * z + l]! += values[last + k]! * values[last + l]!;
    }
  }
  return gram;
}

function addPair(gram: Float64Array, values: Float64Array, p: number, q: number, z: number): void {
  for (let k = 0, row = 0; k < z; k++, row += z) {
    const a = values[p + k]!;
    const b = values[q + k]!;
    for (let l = 0; l <= k; l++) gram[row + l]! += a * values[p + l]! + b * values[q + l]!;
  }
}

/** Lower triangle. */
function gramOfPlaces({ values, first, starts }: MappedVector, z: number): Float64Array {
  const n = starts.length;
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < z; k++) sum += values[first + starts[i]! + k]! * values[first + starts[j]! + k]!;
      gram[i * n + j] = sum;
    }
  }
  return gram;
}
