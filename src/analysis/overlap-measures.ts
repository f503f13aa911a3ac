/** Figures of a whole overlap matrix, gathered while its rows go by: memory for one row, whatever the size. */

import type { OverlapMeasures } from "../model/graph.ts";
import type { MeasureOverlap } from "../model/ports.ts";
import { expectedOverlaps, nearKernelEnergy } from "./near-kernel-block.ts";

/**
 * Measures the overlap matrix `A` of a connection (rows: target neurons, columns: source neurons) as defined by Meller and
 * Berkouk: entropy `-sum A ln A`; internal dimensions `argmax over (i, j) of n * cumsum2d(A) - i*j`, 1-based; intensity of
 * a source neuron `relu(max over rows of cumsum(n*A - 1))` over its maximum; and how much of all overlap lies between near-kernels.
 */
export const measureOverlap: MeasureOverlap = (shape) => {
  const { sources, sharedChannels: n } = shape;
  const total: Totals = { max: 0, entropy: 0, sum: 0, energy: 0, best: -Infinity, target: 1, source: 1 };
  let row = 0;
  // Column sums down to the current row, and the largest value of sum(n*A - 1) seen on the way.
  const column = new Float64Array(sources);
  const peak = new Float64Array(sources);
  const expected = expectedOverlaps(shape);
  return {
    block(rows, overlaps, rho = null) {
      expected.block(row, rows, rho);
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
        total: total.sum,
        internalTarget: total.target,
        internalSource: total.source,
        sourceIntensity: peak.map((value) => highest > 0 ? value / highest : 0),
        nearKernel: nearKernelEnergy(shape, total.energy, expected.within),
        sparsification: total.sum > 0 ? total.energy / total.sum : null,
        sparsificationExpected: expected.all > 0 ? expected.within / expected.all : null,
      };
    },
  };
};

interface Totals {
  max: number;
  entropy: number;
  sum: number;
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
  let all = 0;
  let rectangle = 0;
  for (let j = 0; j < values.length; j++) {
    const a = values[j]!;
    if (a > max) max = a;
    if (a > 0) entropy -= a * Math.log(a);
    all += a;
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
  Object.assign(total, { max, best, target, source, entropy: total.entropy + entropy, sum: total.sum + all });
}

function dot(values: Float64Array, flags: Uint8Array): number {
  let sum = 0;
  for (let j = 0; j < values.length; j++) if (flags[j] === 1) sum += values[j]!;
  return sum;
}
