/** The effective filters of a connection: what one spectral neuron hands to the next, position by position, before it is squared. */

import { show } from "../model/errors.ts";
import type { Connection } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { overlapGeometry } from "./overlap-geometry.ts";

/** Neurons from the first up to, not including, the second. */
export type NeuronRange = readonly [from: number, to: number];

/** Which neurons are wanted; default all. */
export interface FilterChoice {
  readonly targets?: NeuronRange | undefined;
  readonly sources?: NeuronRange | undefined;
  /** How many bytes a block may take; at least one row is made. Default 32 MiB. */
  readonly mostBytes?: number;
}

/** Consecutive target neurons of the tensor. */
export interface FilterBlock {
  /** The first target neuron. */
  readonly first: number;
  readonly rows: number;
  /** `rows x z x sources`, row-major; signed. */
  readonly filters: Float64Array;
}

/**
 * Shape `(r', z, r)` of the tensor that `effectiveFilters` makes.
 *
 * @throws {RangeError} when a range has no such neurons
 * @example
 * import { type Connection, filterShape, type Spectrum } from "svrflow";
 *
 * // Bytes of all effective filters of a connection.
 * export function filterBytes(connection: Connection, source: Spectrum, target: Spectrum): number {
 *   return 8 * filterShape(connection, source, target).reduce((product, extent) => product * extent);
 * }
 */
export function filterShape(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  { targets, sources }: FilterChoice = {},
): readonly [targets: number, positions: number, sources: number] {
  const { positions } = overlapGeometry(connection, source, target);
  const [t, s] = [rangeOf(targets, target), rangeOf(sources, source)];
  return [t[1] - t[0], positions, s[1] - s[0]];
}

function rangeOf(range: NeuronRange | undefined, { layer, singularValues }: Spectrum): NeuronRange {
  const [from, to] = range ?? [0, singularValues.length];
  if (
    !(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from < to && to <= singularValues.length)
  ) {
    throw new RangeError(
      `neurons of ${
        show(layer.name)
      }: found ${from}:${to}, required first:end within 0:${singularValues.length}`,
    );
  }
  return [from, to];
}

/**
 * The tensor `F[i, k, j] = sum_c T[c, k] w[c]` of a connection, in blocks of complete target neurons `i`, first to last: `T` is the vector that
 * carries the positions (`v_i` of the target in `svr`, `u_j` of the source in `cosvr`), `w` the other one, carried by the channel map. Its
 * squares, summed over the positions `k`, are the overlaps.
 *
 * @throws {TypeError} when the spectra were unfolded differently
 * @throws {RangeError} when a range has no such neurons
 * @example
 * import { type Connection, effectiveFilters, type Spectrum } from "svrflow";
 *
 * // The overlap of the leading neurons of two layers.
 * export function leadingOverlap(connection: Connection, source: Spectrum, target: Spectrum): number {
 *   const [block] = effectiveFilters(connection, source, target, { targets: [0, 1], sources: [0, 1] });
 *   return block?.filters.reduce((sum, value) => sum + value * value, 0) ?? NaN;
 * }
 */
export function* effectiveFilters(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  choice: FilterChoice = {},
): Generator<FilterBlock> {
  if (source.unfolding !== target.unfolding) {
    throw new TypeError(
      `filters: found unfoldings ${source.unfolding} and ${target.unfolding}, required the same`,
    );
  }
  const [, z, width] = filterShape(connection, source, target, choice);
  const [from, to] = rangeOf(choice.targets, target);
  const svr = source.unfolding === "svr";
  const arriving = arrivals(connection, source, rangeOf(choice.sources, source), svr ? 1 : z);
  const perGroup = target.layer.inChannels / target.layer.groups;
  const step = Math.max(1, Math.floor((choice.mostBytes ?? 32 * 2 ** 20) / (8 * z * width)));
  for (let first = from; first < to; first += step) {
    const rows = Math.min(step, to - first);
    const filters = new Float64Array(rows * z * width);
    for (let row = 0; row < rows; row++) {
      const i = first + row;
      const offset = target.group[i]! * perGroup;
      const vector = target.right.data.subarray(i * target.right.cols, (i + 1) * target.right.cols);
      for (const [channel, values] of arriving) {
        const local = channel - offset;
        if (local < 0 || local >= perGroup) continue;
        for (let k = 0; k < z; k++) {
          // The positions are on one side only.
          const factor = vector[svr ? local * z + k : local]!;
          const at = (row * z + k) * width;
          const take = svr ? 0 : k * width;
          for (let j = 0; j < width; j++) filters[at + j]! += factor * values[take + j]!;
        }
      }
    }
    yield { first, rows, filters };
  }
}

/** What arrives in each channel of the target that is reached: `z x sources` numbers, `z` being 1 where the target carries the positions. */
function arrivals(
  { channels }: Connection,
  { layer, left, group }: Spectrum,
  [from, to]: NeuronRange,
  z: number,
): Map<number, Float64Array> {
  const perGroup = layer.outChannels / layer.groups;
  const found = new Map<number, Float64Array>();
  for (const range of channels) {
    for (let c = 0; c < range.length; c++) {
      const values = new Float64Array(z * (to - from));
      for (let j = from; j < to; j++) {
        const local = range.source + c - group[j]! * perGroup;
        if (local < 0 || local >= perGroup) continue;
        for (let k = 0; k < z; k++) {
          values[k * (to - from) + j - from] = left.data[j * left.cols + local * z + k]!;
        }
      }
      found.set(range.target + c, values);
    }
  }
  return found;
}
