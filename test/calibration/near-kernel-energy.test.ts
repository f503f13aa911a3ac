/**
 * Whether the energy of a near-kernel block has the mean, the variance and the tails that are said of it, over Haar frames that are drawn
 * here, by Gram and Schmidt.
 */

import { beforeAll, describe, expect, it } from "vitest";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import type { OverlapShape } from "../../src/model/ports.ts";
import { connectionOf, gaussian } from "../support/layer-fixture.ts";

/** `1 - Phi(3)`, and the shares that count as that. */
const TAIL = 0.00135;
const [LEAST, MOST] = [0.001, 0.0022];

/** The share of a tail of 0.00135 is known to 0.00018. */
const DRAWS = 40_000;

/** `n`, `z`, `a` near-kernels of the source and `b` of the target. */
const CASES: readonly (readonly [Unfolding, number, number, number, number])[] = [
  // One free angle: the law is a Beta.
  ["svr", 12, 1, 1, 5],
  ["svr", 5, 3, 2, 1],
  ["cosvr", 6, 2, 1, 3],
  // Two: it is integrated. A Beta with the same moments would be five times off for two planes in R^4.
  ["svr", 4, 1, 2, 2],
  ["svr", 8, 1, 3, 2],
  ["svr", 8, 1, 6, 7],
  ["svr", 6, 3, 1, 2],
  ["cosvr", 8, 3, 2, 1],
  // More: a Beta with the same moments.
  ["svr", 16, 1, 8, 8],
  ["svr", 16, 4, 2, 10],
  ["cosvr", 16, 4, 10, 2],
  ["cosvr", 12, 4, 6, 11],
];

function frame(rows: number, cols: number, normal: () => number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < cols; c++) out[i * cols + c] = normal();
    for (let j = 0; j <= i; j++) {
      let along = 0;
      for (let c = 0; c < cols; c++) along += out[i * cols + c]! * out[j * cols + c]!;
      for (let c = 0; c < cols; c++) {
        if (j < i) out[i * cols + c]! -= along * out[j * cols + c]!;
        else out[i * cols + c]! /= Math.sqrt(along);
      }
    }
  }
  return out;
}

/** `sum over k of (sum over c of T[c, k] w[c])^2`. */
function overlapOf(tested: Float64Array, w: Float64Array, n: number, z: number): number {
  let overlap = 0;
  for (let k = 0; k < z; k++) {
    let inner = 0;
    for (let c = 0; c < n; c++) inner += tested[c * z + k]! * w[c]!;
    overlap += inner * inner;
  }
  return overlap;
}

function shapeOf(unfolding: Unfolding, n: number, z: number, a: number, b: number): OverlapShape {
  return {
    ...{ unfolding, sharedChannels: n, testedChannels: n, otherChannels: n, positions: z, direct: true },
    ...{ connection: connectionOf(0, 1, [{ source: 0, target: 0, length: n }]), targets: b, sources: a },
    ...{ targetNearKernel: new Uint8Array(b).fill(1), sourceNearKernel: new Uint8Array(a).fill(1) },
  };
}

/** What is measured of an overlap matrix. */
function measured(shape: OverlapShape, overlaps: Float64Array) {
  const measurer = measureOverlap(shape);
  measurer.block(shape.targets, overlaps);
  return measurer.finish().nearKernel!;
}

/** The energy whose `tail` is `TAIL`, by bisection of what is measured of a matrix of that energy. */
function critical(shape: OverlapShape, tail: "logP" | "logPLow"): number {
  const overlaps = new Float64Array(shape.targets * shape.sources);
  let [low, high] = [0, Math.min(shape.targets, shape.sources) * shape.positions];
  for (let step = 0; step < 40; step++) {
    const energy = (low + high) / 2;
    overlaps[0] = energy;
    const beyond = measured(shape, overlaps)[tail]! < Math.log(TAIL);
    if (beyond === (tail === "logP")) high = energy;
    else low = energy;
  }
  return (low + high) / 2;
}

describe.each(CASES)(
  "the block's energy in %s with n = %d, z = %d, a = %d, b = %d",
  (unfolding, n, z, a, b) => {
    const shape = shapeOf(unfolding, n, z, a, b);
    const energies = new Float64Array(DRAWS);
    const overlaps = new Float64Array(a * b);
    let mean = 0;
    beforeAll(() => {
      const normal = gaussian(1000 * n + 100 * z + 10 * a + b);
      const [tested, others] = unfolding === "svr" ? [b, a] : [a, b];
      const w = frame(others, n, normal);
      for (let draw = 0; draw < DRAWS; draw++) {
        const vectors = frame(tested, n * z, normal);
        let energy = 0;
        for (let i = 0; i < tested; i++) {
          for (let j = 0; j < others; j++) {
            const overlap = overlapOf(vectors.subarray(i * n * z), w.subarray(j * n), n, z);
            overlaps[unfolding === "svr" ? i * others + j : j * tested + i] = overlap;
            energy += overlap;
          }
        }
        energies[draw] = energy;
      }
      mean = energies.reduce((sum, x) => sum + x, 0) / DRAWS;
    });
    const moment = (power: number) => energies.reduce((sum, x) => sum + (x - mean) ** power, 0) / DRAWS;

    it("is the sum of its overlaps, with the mean and the variance of the formulas", () => {
      const [P, Q] = unfolding === "svr" ? [a * z, b] : [a, b * z];
      const d = n * z;
      const variance = 2 * P * Q * (d - P) * (d - Q) / (d * d * (d - 1) * (d + 2));
      expect(measured(shape, overlaps).expected).toBeCloseTo(a * b / n, 13);
      expect(Math.abs(mean - a * b / n)).toBeLessThan(4 * Math.sqrt(variance / DRAWS));
      expect(Math.abs(moment(2) - variance)).toBeLessThan(
        4 * Math.sqrt((moment(4) - moment(2) ** 2) / DRAWS),
      );
    });

    it("is as rarely far above or below as its log p says", () => {
      const [above, below] = [critical(shape, "logP"), critical(shape, "logPLow")];
      const share = (test: (energy: number) => boolean) =>
        energies.reduce((sum, x) => sum + (test(x) ? 1 : 0), 0) / DRAWS;
      const upper = share((energy) => energy > above);
      const lower = share((energy) => energy < below);
      expect([upper, lower].every((each) => each > LEAST && each < MOST), `${upper} above, ${lower} below`)
        .toBe(true);
    });
  },
);
