/** The noise in a layer's spectrum and what stands out of it, at a level of significance. */

import type { Metric, NeuronMetrics } from "../../model/layer-metrics.ts";
import type { Spectrum } from "../../model/spectrum.ts";
import { spikes } from "../../stats/largest-eigenvalue.ts";
import { bulkDistance, bulkEdges, type Noise } from "../../stats/marchenko-pastur.ts";

/** Rows and columns of one group's matrix. */
interface Shape {
  readonly rows: number;
  readonly cols: number;
}

/** The bulk of a layer; the columns of the same names say what each is. */
export interface BulkMetrics {
  readonly num_spikes: Metric;
  readonly sigma_mp: Metric;
  readonly bulk_min: Metric;
  readonly bulk_max: Metric;
  readonly mp_softrank: Metric;
  readonly mp_distance: Metric;
}

const UNKNOWN: BulkMetrics = {
  num_spikes: null,
  sigma_mp: null,
  bulk_min: null,
  bulk_max: null,
  mp_softrank: null,
  mp_distance: null,
};

/**
 * `ln p` of each neuron that it stands out of noise, adjusted for all of the layer: see `spikes`; groups are corrected by Bonferroni.
 *
 * @param shape of each group's matrix
 * @returns NaN where a neuron is not tested
 */
export function spikeLogP(
  { singularValues, group }: Pick<Spectrum, "singularValues" | "group">,
  groups: number,
  { rows, cols }: Shape,
): Float64Array {
  const logP = new Float64Array(singularValues.length).fill(NaN);
  if (groups === 1) {
    logP.set(spikes(singularValues.map((value) => value * value), rows, cols));
    return logP;
  }
  for (const members of Map.groupBy(group.keys(), (neuron) => group[neuron]!).values()) {
    const eigenvalues = Float64Array.from(members, (neuron) => singularValues[neuron]! ** 2);
    spikes(eigenvalues, rows, cols).forEach((own, at) => {
      logP[members[at]!] = Math.min(0, own + Math.log(groups));
    });
  }
  return logP;
}

/**
 * The noise that is left when the spikes are taken away, as `spikes` has it: the law of Marchenko and Pastur of an `(m - k) x (n - k)` matrix whose
 * entries have the variance of the other eigenvalues.
 *
 * @param eigenvalues ascending
 * @param count of spikes
 * @returns null where nothing is left
 */
export function noiseBelow(eigenvalues: Float64Array, count: number, { rows, cols }: Shape): Noise | null {
  const bulk = eigenvalues.subarray(0, eigenvalues.length - count);
  const trace = bulk.reduce((sum, value) => sum + value, 0);
  if (!(trace > 0)) return null;
  const left = { rows: rows - count, cols: cols - count };
  return { ...left, variance: trace / (left.rows * left.cols) };
}

/**
 * The bulk at a level. Of a layer in groups only the spikes are counted: each group has a bulk of its own.
 *
 * @param values singular values, descending, all of them
 * @param logAlpha `ln` of the family-wise level
 */
export function bulkMetrics(
  values: Float64Array,
  { spikeLogP: logP }: Pick<NeuronMetrics, "spikeLogP">,
  groups: number,
  shape: Shape,
  logAlpha: number,
): BulkMetrics {
  if (logP.every(Number.isNaN)) return UNKNOWN;
  const count = logP.reduce((sum, own) => sum + Number(own <= logAlpha), 0);
  const eigenvalues = values.map((value) => value * value).sort();
  const noise = groups === 1 ? noiseBelow(eigenvalues, count, shape) : null;
  if (noise === null) return { ...UNKNOWN, num_spikes: count };
  const { min, max } = bulkEdges(noise);
  const bulk = eigenvalues.subarray(0, eigenvalues.length - count);
  const mean = (all: Float64Array) => all.reduce((sum, value) => sum + value, 0) / all.length;
  return {
    num_spikes: count,
    sigma_mp: Math.sqrt(mean(bulk) / mean(eigenvalues)),
    bulk_min: min,
    bulk_max: max,
    mp_softrank: max / eigenvalues.at(-1)!,
    mp_distance: bulkDistance(bulk, noise),
  };
}
