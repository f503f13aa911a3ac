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
  let max = 0;
  let entropy = 0;
  let energy = 0;
  let best = -Infinity;
  let internalTarget = 1;
  let internalSource = 1;
  let row = 0;
  // Column sums down to the current row, and the largest value of sum(n*A - 1) seen on the way.
  const column = new Float64Array(sources);
  const peak = new Float64Array(sources);
  return {
    block(rows, overlaps) {
      for (let at = 0, i = 0; i < rows; i++, row++) {
        let rectangle = 0;
        for (let j = 0; j < sources; j++, at++) {
          const a = overlaps[at]!;
          if (a > max) max = a;
          if (a > 0) entropy -= a * Math.log(a);
          column[j]! += a;
          peak[j] = Math.max(peak[j]!, n * column[j]! - (row + 1));
          rectangle += column[j]!;
          const score = n * rectangle - (row + 1) * (j + 1);
          if (score > best) {
            best = score;
            internalTarget = row + 1;
            internalSource = j + 1;
          }
          if (shape.targetNearKernel[row] === 1 && shape.sourceNearKernel[j] === 1) energy += a;
        }
      }
    },
    finish(): OverlapMeasures {
      const highest = peak.reduce((most, value) => Math.max(most, value), 0);
      return {
        max,
        entropy,
        internalTarget,
        internalSource,
        sourceIntensity: peak.map((value) => highest > 0 ? value / highest : 0),
        nearKernel: nearKernelEnergy(shape, energy),
      };
    },
  };
};

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
