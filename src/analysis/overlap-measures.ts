/** Figures of a whole overlap matrix, gathered while its rows go by: memory for one row, whatever the size. */

import type { NearKernelEnergy, OverlapMeasures } from "../model/graph.ts";
import type { MeasureOverlap, OverlapShape } from "../model/ports.ts";
import { logBetaSurvival } from "../stats/special-functions.ts";

/**
 * Measures the overlap matrix `A` of a connection (rows: target neurons, columns: source neurons) as defined by Meller and
 * Berkouk: entropy `-sum A ln A`; internal dimensions `argmax over (i, j) of n * cumsum2d(A) - i*j`, 1-based; intensity of
 * a source neuron `relu(max over rows of cumsum(n*A - 1))` over its maximum.
 */
export const measureOverlap: MeasureOverlap = (shape) => {
  const { sources, sharedChannels: n } = shape;
  const total: Totals = { max: 0, entropy: 0, energy: 0, best: -Infinity, target: 1, source: 1 };
  let row = 0;
  // Column sums down to the current row, and the largest value of sum(n*A - 1) seen on the way.
  const column = new Float64Array(sources);
  const peak = new Float64Array(sources);
  return {
    block(rows, overlaps) {
      for (let i = 0; i < rows; i++, row++) {
        const values = overlaps.subarray(i * sources, (i + 1) * sources);
        addRow(values, row + 1, n, column, peak, total);
        if (shape.targetNearKernel[row] === 1) total.energy += dot(values, shape.sourceNearKernel);
      }
    },
    finish(): OverlapMeasures {
      const highest = peak.reduce((most, value) => Math.max(most, value), 0);
      return {
        max: total.max,
        entropy: total.entropy,
        internalTarget: total.target,
        internalSource: total.source,
        sourceIntensity: peak.map((value) => highest > 0 ? value / highest : 0),
        nearKernel: nearKernelEnergy(shape, total.energy),
      };
    },
  };
};

interface Totals {
  max: number;
  entropy: number;
  energy: number;
  /** The best score of the internal dimensions, and where it is. */
  best: number;
  target: number;
  source: number;
}

/** One row of the matrix, the `count`-th. All in local variables: this loop sees every overlap of a run, on the thread that does all else. */
function addRow(
  values: Float64Array,
  count: number,
  n: number,
  column: Float64Array,
  peak: Float64Array,
  total: Totals,
): void {
  let { max, best, target, source } = total;
  let entropy = 0;
  let rectangle = 0;
  for (let j = 0; j < values.length; j++) {
    const a = values[j]!;
    if (a > max) max = a;
    if (a > 0) entropy -= a * Math.log(a);
    const sum = column[j]! + a;
    column[j] = sum;
    const height = n * sum - count;
    if (height > peak[j]!) peak[j] = height;
    rectangle += sum;
    const score = n * rectangle - count * (j + 1);
    if (score > best) {
      best = score;
      target = count;
      source = j + 1;
    }
  }
  Object.assign(total, { max, best, target, source, entropy: total.entropy + entropy });
}

function dot(values: Float64Array, flags: Uint8Array): number {
  let sum = 0;
  for (let j = 0; j < values.length; j++) if (flags[j] === 1) sum += values[j]!;
  return sum;
}

/**
 * The energy of the block of `a` source and `b` target near-kernel neurons against its null: two uniformly random
 * subspaces of dimensions `P` and `Q` in `R^(nz)` have energy of mean `PQ/(nz)` and variance
 * `2 P Q (nz-P)(nz-Q) / ((nz)^2 (nz-1)(nz+2))`; the log p is that of the Beta on `[max(0, P+Q-nz), min(P, Q)]` with these
 * moments. Only for direct connections; elsewhere the block is not a pair of such subspaces and no null is given.
 *
 * @returns null where the block is empty or the connection is not direct
 */
function nearKernelEnergy(shape: OverlapShape, energy: number): NearKernelEnergy | null {
  const count = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);
  const a = count(shape.sourceNearKernel);
  const b = count(shape.targetNearKernel);
  if (a === 0 || b === 0 || !shape.direct) return null;
  const z = shape.positions;
  const d = shape.testedChannels * z;
  const [P, Q] = shape.unfolding === "svr" ? [a * z, b] : [a, b * z];
  const mean = P * Q / d;
  const variance = 2 * P * Q * (d - P) * (d - Q) / (d * d * (d - 1) * (d + 2));
  const expected = mean;
  if (!(variance > 0)) return { energy, expected, logP: null };
  const low = Math.max(0, P + Q - d);
  const width = Math.min(P, Q) - low;
  const m = (mean - low) / width;
  const concentration = m * (1 - m) / (variance / (width * width)) - 1;
  return {
    energy,
    expected,
    logP: logBetaSurvival(m * concentration, (1 - m) * concentration, (energy - low) / width),
  };
}
