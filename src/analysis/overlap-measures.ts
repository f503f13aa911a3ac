/** Figures of a whole overlap matrix, gathered while its rows go by: memory for one row, whatever the size. */

import type { OverlapMeasures } from "../model/graph.ts";
import type {
  EnergyChance,
  MeasureOverlap,
  OverlapMeasurer,
  OverlapPart,
  OverlapShape,
} from "../model/ports.ts";
import { nearKernelEnergy } from "./near-kernel-block.ts";

/**
 * Measures the overlap matrix `A` of a connection (rows: target neurons, columns: source neurons) as defined by Meller and
 * Berkouk: entropy `-sum A ln A`; internal dimensions `argmax over (i, j) of n * cumsum2d(A) - i*j`, 1-based; intensity of
 * a source neuron `relu(max over rows of cumsum(n*A - 1))` over its maximum; and how much of all overlap lies between near-kernels.
 *
 * @example
 * import { type EdgeSettings, logSurvivalOfSigma, measureOverlap } from "svrflow";
 *
 * export const settings: EdgeSettings = {
 *   null: "rotation",
 *   logAlpha: logSurvivalOfSigma(3),
 *   correction: "bh",
 *   over: "connection",
 *   edges: "significant",
 *   measure: measureOverlap,
 *   nearKernel: 0.1,
 * };
 */
export const measureOverlap: MeasureOverlap = Object.assign(
  (shape: OverlapShape): OverlapMeasurer => new Measurer(shape),
  { module: import.meta.url },
);

export default measureOverlap;

class Measurer implements OverlapMeasurer {
  readonly #shape: OverlapShape;
  readonly #seen: Seen;

  constructor(shape: OverlapShape) {
    const { sources } = shape;
    this.#shape = shape;
    this.#seen = {
      rows: 0,
      max: 0,
      total: 0,
      entropy: 0,
      energy: 0,
      expected: 0,
      expectedWithin: 0,
      column: new Float64Array(sources),
      peak: new Float64Array(sources).fill(-Infinity),
      score: new Float64Array(sources).fill(-Infinity),
      scoreRow: new Int32Array(sources),
    };
  }

  block(rows: number, overlaps: Float64Array, expected: Float64Array): void {
    const { sources, sharedChannels, targetNearKernel, sourceNearKernel } = this.#shape;
    const seen = this.#seen;
    for (let i = 0; i < rows; i++) {
      const values = overlaps.subarray(i * sources, (i + 1) * sources);
      const chances = expected.subarray(i * sources, (i + 1) * sources);
      for (let j = 0; j < sources; j++) seen.expected += chances[j]!;
      if (targetNearKernel[seen.rows] === 1) {
        seen.energy += dot(values, sourceNearKernel);
        seen.expectedWithin += dot(chances, sourceNearKernel);
      }
      seen.rows++;
      addRow(values, sharedChannels, seen);
    }
  }

  add(part: OverlapPart): void {
    const n = this.#shape.sharedChannels;
    const seen = this.#seen;
    const { column, peak, score, scoreRow } = seen;
    const above = seen.rows;
    // What all rows above add to a sum over the first j columns.
    let rectangle = 0;
    for (let j = 0; j < column.length; j++) {
      const sum = column[j]!;
      rectangle += sum;
      peak[j] = Math.max(peak[j]!, n * sum - above + part.peak[j]!);
      const best = n * rectangle - above * (j + 1) + part.score[j]!;
      if (best > score[j]!) {
        score[j] = best;
        scoreRow[j] = above + part.scoreRow[j]!;
      }
      column[j] = sum + part.column[j]!;
    }
    seen.rows += part.rows;
    seen.max = Math.max(seen.max, part.max);
    seen.total += part.total;
    seen.entropy += part.entropy;
    seen.energy += part.energy;
    seen.expected += part.expected;
    seen.expectedWithin += part.expectedWithin;
  }

  part(): OverlapPart {
    return { ...this.#seen };
  }

  finish(chance: EnergyChance | null): OverlapMeasures {
    const { max, entropy, total, energy, expected, expectedWithin, ...columns } = this.part();
    const peak = columns.peak.map((value) => Math.max(0, value));
    const highest = peak.reduce((most, value) => Math.max(most, value), 0);
    const [internalTarget, internalSource] = internalDimensions(columns);
    return {
      max,
      entropy,
      total,
      internalTarget,
      internalSource,
      sourceIntensity: peak.map((value) => highest > 0 ? value / highest : 0),
      nearKernel: nearKernelEnergy(this.#shape, energy, expectedWithin, chance),
      sparsification: total > 0 ? energy / total : null,
      sparsificationExpected: expected > 0 ? expectedWithin / expected : null,
    };
  }
}

/** What has been seen, as it changes. */
type Seen = { -readonly [Key in keyof OverlapPart]: OverlapPart[Key] };

/** The row and column, from 1, with the best score: of equal ones the first in the order of rows. */
function internalDimensions({ score, scoreRow }: Pick<OverlapPart, "score" | "scoreRow">): [number, number] {
  let at = 0;
  for (let j = 1; j < score.length; j++) {
    if (score[j]! > score[at]! || score[j] === score[at] && scoreRow[j]! < scoreRow[at]!) at = j;
  }
  return [scoreRow[at]!, at + 1];
}

/** The last row of those seen. All in local variables: this loop sees every overlap of a run. */
function addRow(values: Float64Array, n: number, seen: Seen): void {
  const { rows: count, column, peak, score, scoreRow } = seen;
  let { max } = seen;
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
    const reached = n * rectangle - count * (j + 1);
    if (reached > score[j]!) {
      score[j] = reached;
      scoreRow[j] = count;
    }
  }
  seen.max = max;
  seen.entropy += entropy;
  seen.total += all;
}

function dot(values: Float64Array, flags: Uint8Array): number {
  let sum = 0;
  for (let j = 0; j < values.length; j++) if (flags[j] === 1) sum += values[j]!;
  return sum;
}
