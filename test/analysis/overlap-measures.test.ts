import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import type { OverlapShape } from "../../src/model/ports.ts";
import { connectionOf, gaussian } from "../support/layer-fixture.ts";

function shapeOf(targets: number, sources: number, more: Partial<OverlapShape> = {}): OverlapShape {
  return {
    connection: connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]),
    unfolding: "svr",
    sharedChannels: 8,
    targets,
    sources,
    targetNearKernel: new Uint8Array(targets),
    sourceNearKernel: new Uint8Array(sources),
    ...more,
  };
}

function measured(shape: OverlapShape, overlaps: Float64Array, rowsPerBlock = shape.targets) {
  const measurer = measureOverlap(shape);
  for (let row = 0; row < shape.targets; row += rowsPerBlock) {
    const rows = Math.min(rowsPerBlock, shape.targets - row);
    const expected = new Float64Array(rows * shape.sources).fill(1 / shape.sharedChannels);
    measurer.block(rows, overlaps.slice(row * shape.sources, (row + rows) * shape.sources), expected);
  }
  return measurer.finish(null);
}

/** The definitions, word for word, each sum from the beginning. */
function naive({ targets, sources, sharedChannels: n }: OverlapShape, A: Float64Array) {
  const at = (i: number, j: number) => A[i * sources + j]!;
  const cells = Array.from({ length: targets * sources }, (_, cell) => {
    const [i, j] = [Math.floor(cell / sources), cell % sources];
    let sum = 0;
    for (let k = 0; k <= i; k++) for (let l = 0; l <= j; l++) sum += at(k, l);
    return { i, j, score: n * sum - (i + 1) * (j + 1) };
  });
  const best = cells.reduce((most, cell) => cell.score > most.score ? cell : most);
  const peaks = Array.from({ length: sources }, (_, j) => {
    let sum = 0;
    let most = 0;
    for (let i = 0; i < targets; i++) most = Math.max(most, sum += n * at(i, j) - 1);
    return most;
  });
  const highest = Math.max(...peaks);
  return {
    max: Math.max(...A),
    entropy: A.reduce((sum, a) => sum - (a > 0 ? a * Math.log(a) : 0), 0),
    scores: cells,
    best,
    intensity: peaks.map((peak) => highest > 0 ? peak / highest : 0),
  };
}

describe("measures of an overlap matrix", () => {
  it("are what their definitions say, however the rows are cut into blocks", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(1e6),
        (targets, sources, rows, seed) => {
          const normal = gaussian(seed);
          const shape = shapeOf(targets, sources);
          const A = Float64Array.from({ length: targets * sources }, () => Math.min(1, normal() ** 2 / 8));
          A[seed % A.length] = 0;
          const expected = naive(shape, A);
          const found = measured(shape, A, rows);
          expect(found.max).toBe(expected.max);
          expect(found.entropy).toBeCloseTo(expected.entropy, 12);
          expect(found.total).toBeCloseTo(A.reduce((sum, a) => sum + a, 0), 12);
          const chosen = expected.scores[(found.internalTarget - 1) * sources + found.internalSource - 1]!;
          expect(chosen.score).toBeCloseTo(expected.best.score, 10);
          found.sourceIntensity.forEach((value, j) => expect(value).toBeCloseTo(expected.intensity[j]!, 10));
          expect(found.nearKernel).toBeNull();
        },
      ),
      { seed: 31, numRuns: 200 },
    );
  });

  it("follow from those of parts that others have seen", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(1e6),
        (heights, sources, seed) => {
          const normal = gaussian(seed);
          const targets = heights.reduce((sum, rows) => sum + rows, 0);
          const near = (length: number) => Uint8Array.from({ length }, () => normal() > 0 ? 1 : 0);
          const shape = shapeOf(targets, sources, {
            unfolding: "cosvr",
            sourceNearKernel: near(sources),
            targetNearKernel: near(targets),
          });
          const A = Float64Array.from({ length: targets * sources }, () => Math.min(1, normal() ** 2 / 8));
          const rho = A.map((a) => Math.min(1, 2 * a));
          const measurer = measureOverlap(shape);
          let row = 0;
          for (const rows of heights) {
            const [from, to] = [row * sources, (row + rows) * sources];
            const targetNearKernel = shape.targetNearKernel.subarray(row, row + rows);
            const part = measureOverlap({ ...shape, targets: rows, targetNearKernel });
            part.block(rows, A.slice(from, to), rho.slice(from, to));
            measurer.add(structuredClone(part.part()));
            row += rows;
          }
          const whole = measureOverlap(shape);
          whole.block(targets, A, rho);
          const [found, expected] = [measurer.finish(null), whole.finish(null)];
          expect([found.internalTarget, found.internalSource]).toEqual([
            expected.internalTarget,
            expected.internalSource,
          ]);
          for (
            const figure of ["max", "entropy", "total", "sparsification", "sparsificationExpected"] as const
          ) {
            expect(found[figure]!).toBeCloseTo(expected[figure]!, 12);
          }
          expect(found.nearKernel?.energy ?? 0).toBeCloseTo(expected.nearKernel?.energy ?? 0, 12);
          expect(found.nearKernel?.expected ?? 0).toBeCloseTo(expected.nearKernel?.expected ?? 0, 12);
          found.sourceIntensity.forEach((value, j) => {
            expect(value).toBeCloseTo(expected.sourceIntensity[j]!, 10);
          });
        },
      ),
      { seed: 32, numRuns: 200 },
    );
  });

  it("of equal rectangles take the one whose last row comes first", () => {
    // A = I, n = 3: the score 3*min(i,j) - i*j is 2 at (1, 1) and at (2, 2).
    const identity = Float64Array.from({ length: 9 }, (_, at) => at % 4 === 0 ? 1 : 0);
    for (const rows of [1, 2, 3]) {
      const found = measured(shapeOf(3, 3, { sharedChannels: 3 }), identity, rows);
      expect([found.internalTarget, found.internalSource]).toEqual([1, 1]);
    }
  });

  it("of a permutation-like matrix have closed forms", () => {
    // Each target neuron reads one source neuron: A = I, n = 8. The score n*min(i,j) - i*j is largest at i = j = 4.
    const identity = Float64Array.from({ length: 64 }, (_, at) => at % 9 === 0 ? 1 : 0);
    const found = measured(shapeOf(8, 8), identity, 3);
    expect([found.max, found.entropy, found.total]).toEqual([1, 0, 8]);
    expect([found.internalTarget, found.internalSource]).toEqual([4, 4]);
    // Column j peaks in row j, at n - (j + 1).
    expect([...found.sourceIntensity]).toEqual([7, 6, 5, 4, 3, 2, 1, 0].map((peak) => peak / 7));
  });

  it("of a matrix of zeros: no intensity, and no division by its maximum", () => {
    const found = measured(shapeOf(3, 4), new Float64Array(12));
    expect(found).toMatchObject({ max: 0, entropy: 0, internalTarget: 1, internalSource: 1, total: 0 });
    // Shares of nothing; of what is expected the empty block has none.
    expect(found).toMatchObject({ sparsification: null, sparsificationExpected: 0 });
    expect([...found.sourceIntensity]).toEqual([0, 0, 0, 0]);
  });
});

const flags = (...values: number[]) => Uint8Array.from(values);

describe("near-kernel block", () => {
  it("is null where it is empty; its log p where no chance is known", () => {
    const A = new Float64Array(4).fill(0.5);
    const both = { sourceNearKernel: flags(0, 1), targetNearKernel: flags(0, 1) };
    expect(measured(shapeOf(2, 2, { ...both, sourceNearKernel: flags(0, 0) }), A).nearKernel).toBeNull();
    expect(measured(shapeOf(2, 2, { ...both, targetNearKernel: flags(0, 0) }), A).nearKernel).toBeNull();
    expect(measured(shapeOf(2, 2, both), A).nearKernel)
      .toEqual({ energy: 0.5, expected: 1 / 8, logP: null, logPLow: null });
  });

  it("sums the overlaps of its rows and columns only", () => {
    const A = Float64Array.from({ length: 12 }, (_, at) => at / 100);
    const shape = shapeOf(3, 4, {
      sourceNearKernel: flags(0, 1, 0, 1),
      targetNearKernel: flags(1, 0, 1),
    });
    expect(measured(shape, A, 2).nearKernel!.energy).toBeCloseTo((1 + 3 + 9 + 11) / 100, 14);
  });

  it("hands on what chance gives of its energy: both tails, where they are known", () => {
    const both = { sourceNearKernel: flags(0, 1), targetNearKernel: flags(0, 1) };
    const measurer = measureOverlap(shapeOf(2, 2, both));
    measurer.block(2, new Float64Array(4).fill(0.5), new Float64Array(4).fill(1 / 8));
    const chance = { logSurvival: (energy: number) => -energy, logCdf: (energy: number) => -2 * energy };
    expect(measurer.finish(chance).nearKernel).toEqual({
      energy: 0.5,
      expected: 1 / 8,
      logP: -0.5,
      logPLow: -1,
    });
  });
});
