/** The spectra of a series of checkpoints, from the tables of a run. */

import type { LakePlace } from "../../connectors/lake/place.ts";
import { type StoredModel, storedModels } from "../../connectors/readers/run-tables.ts";
import { show } from "../model/errors.ts";
import { layersOf } from "./model-tables.ts";
import type { PicturedLayer } from "./picture-data.ts";

/** A layer over the checkpoints. */
export interface SeriesLayer {
  readonly name: string;
  readonly kind: string;
  /** The neurons that are followed: 0 is the one of the largest singular value. Ascending. */
  readonly ranks: readonly number[];
  /** By step, their singular values; empty where that checkpoint has no such layer, or skipped it. */
  readonly values: readonly (readonly number[])[];
  /** By step, the number of neurons, and how many of them are near-kernels. */
  readonly neurons: readonly number[];
  readonly nearKernels: readonly number[];
}

/** A series as a picture shows it. */
export interface SeriesData {
  readonly series: string;
  /** Ascending. */
  readonly steps: readonly number[];
  readonly layers: readonly SeriesLayer[];
  /** Checkpoints and layers that the run has, of which those above are an even choice. */
  readonly of: { readonly checkpoints: number; readonly layers: number };
}

/** Checkpoints that are drawn. With 12 lines for each layer, a file of so many stays below 2 MB. */
export const MOST_CHECKPOINTS = 80;
/** Layers that are drawn. */
export const MOST_PANELS = 120;
const LINES = 12;

/**
 * Reads the checkpoints of a series one after another.
 *
 * @throws {RangeError} when there is none of that name, or one checkpoint only; lists the series that there are
 */
export async function readSeries(
  lake: LakePlace,
  series: string,
  signal: AbortSignal | undefined,
): Promise<SeriesData> {
  const models = await storedModels(lake);
  const members = models.filter(({ header }) => header.series === series && header.step !== undefined)
    .sort((a, b) => stepOf(a) - stepOf(b));
  if (members.length < 2) {
    const known = new Set(models.flatMap(({ header }) => header.series ?? []));
    throw new RangeError(
      `${lake.name}, series ${
        show(series)
      }: found ${members.length} checkpoints with a step, required two at least; ${
        known.size === 0
          ? "no model is in a series"
          : `series: ${[...known].map((name) => show(name)).join(", ")}`
      }`,
    );
  }
  const chosen = evenly(members, MOST_CHECKPOINTS);
  const found = new Map<string, FollowedLayer>();
  for (const [at, model] of chosen.entries()) {
    for (const layer of await layersOf(lake, model, signal)) {
      if (layer.singularValues.length === 0) continue;
      const known = found.get(layer.name) ?? emptyLayer(layer, chosen.length);
      found.set(layer.name, known);
      follow(known, at, layer);
    }
  }
  return {
    series,
    steps: chosen.map(stepOf),
    layers: evenly([...found.values()], MOST_PANELS),
    of: { checkpoints: members.length, layers: found.size },
  };
}

function stepOf({ header }: StoredModel): number {
  return header.step ?? NaN;
}

interface FollowedLayer extends SeriesLayer {
  readonly values: number[][];
  readonly neurons: number[];
  readonly nearKernels: number[];
}

function emptyLayer({ name, kind, singularValues }: PicturedLayer, steps: number): FollowedLayer {
  return {
    name,
    kind,
    ranks: followedRanks(singularValues.length),
    values: Array.from({ length: steps }, () => []),
    neurons: new Array<number>(steps).fill(0),
    nearKernels: new Array<number>(steps).fill(0),
  };
}

function follow(known: FollowedLayer, at: number, { singularValues, nearKernel }: PicturedLayer): void {
  known.values[at] = known.ranks.map((rank) => singularValues[rank] ?? NaN);
  known.neurons[at] = singularValues.length;
  known.nearKernels[at] = nearKernel.reduce((sum, each) => sum + each, 0);
}

/** Leading neurons one by one, the others in growing distances, and the last. */
function followedRanks(neurons: number): number[] {
  const ranks = Array.from(
    { length: LINES },
    (_, at) => Math.max(Math.min(at, neurons - 1), Math.round(neurons ** (at / (LINES - 1))) - 1),
  );
  return [...new Set(ranks)];
}

/** At most so many of a list, evenly chosen, the first and the last among them. */
function evenly<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, at) => all[Math.round(at * (all.length - 1) / (most - 1))]!);
}
