import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gaussian } from "../support/layer-fixture.ts";
import {
  meanAndDeviation,
  median,
  medianDeviation,
  quantile,
  rankCorrelation,
} from "../../src/stats/ordinary.ts";

const SHARES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1];

describe("ordinary statistics", () => {
  it.each([
    { values: [3], middle: 3, deviation: 0 },
    { values: [4, 1], middle: 2.5, deviation: 1.5 },
    { values: [10, -2, 3], middle: 3, deviation: 5 },
    { values: [1, 1, 2, 2, 4, 6, 9], middle: 2, deviation: 1 },
    { values: [0.1, 1e300, -1e300, 100], middle: 50.05, deviation: 5e299 },
  ])("of $values: median $middle, median absolute deviation $deviation", ({ values, middle, deviation }) => {
    expect(median(values)).toBe(middle);
    expect(medianDeviation(values)).toBe(deviation);
  });

  it.each([
    { values: [3], mean: 3, deviation: null },
    { values: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], mean: 0.1, deviation: 0 },
    { values: [2, 4, 4, 4, 5, 5, 7, 9], mean: 5, deviation: Math.sqrt(32 / 7) },
    { values: [-1e9, -1e9 + 2], mean: -1e9 + 1, deviation: Math.SQRT2 },
  ])("of $values: mean $mean, standard deviation $deviation", ({ values, mean, deviation }) => {
    expect(meanAndDeviation(values)).toEqual({
      mean,
      deviation: deviation === null ? null : expect.closeTo(deviation, 12) as number,
    });
    expect(() => meanAndDeviation([])).toThrow(RangeError);
    expect(() => meanAndDeviation([...values, NaN])).toThrow(RangeError);
  });

  it("of evenly spaced values have closed forms", () => {
    for (let count = 1; count < 40; count++) {
      // Steps of 41, a prime, go through all of them, in no order.
      const values = Array.from({ length: count }, (_, at) => 5 + 2 * ((41 * at) % count));
      expect(median(values)).toBe(5 + (count - 1));
      for (const share of SHARES) {
        expect(quantile(values, share)).toBeCloseTo(5 + 2 * (count - 1) * share, 10);
      }
      // Distances from the middle are 0, 2, 2, 4, 4 … or 1, 1, 3, 3 …
      const distances = values.map((value) => Math.abs(value - (4 + count)));
      expect(medianDeviation(values)).toBe(quantile(distances, 0.5));
    }
  });

  it("agree with each other and with a plain interpolation, and leave the values as they are", () => {
    const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(numbers, fc.constantFrom(...SHARES), (values, share) => {
        const before = [...values];
        const sorted = [...values].sort((a, b) => a - b);
        const at = share * (values.length - 1);
        const low = sorted[Math.floor(at)]!;
        const expected = low + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - low);
        expect(quantile(values, share)).toBeCloseTo(expected, 5);
        expect(median(values)).toBeCloseTo(quantile(values, 0.5), 5);
        expect(values).toEqual(before);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it("refuse no values, values that are not finite, and shares that are none", () => {
    for (const statistic of [median, medianDeviation, (values: number[]) => quantile(values, 0.5)]) {
      expect(() => statistic([])).toThrow(/found no value/);
      expect(() => statistic([1, NaN])).toThrow(/found NaN, required finite values/);
    }
    expect(() => quantile([1, 2], 1.5)).toThrow(/found share 1.5/);
  });
});

describe("rank correlation", () => {
  // Two-sided exact p of Spearman's rho, from the published tables of its distribution (Zar 1972).
  it.each([
    [[1, 2, 3, 4], [1, 2, 3, 4], 1, 2 / 24],
    [[1, 2, 3, 4], [1, 3, 2, 4], 0.8, 8 / 24],
    [[1, 2, 3, 4, 5], [10, 20, 30, 50, 40], 0.9, 10 / 120],
    [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1, 2 / 120],
    [[1, 2, 3, 4, 5, 6], [2, 1, 3, 4, 6, 5], 31 / 35, 24 / 720],
  ])("is exact for few pairs: %j and %j", (a, b, rho, p) => {
    const found = rankCorrelation(a, b);
    expect(found.rho).toBeCloseTo(rho, 12);
    expect(found.p).toBeCloseTo(p, 12);
  });

  it("keeps to its level where nothing is there, and is no smaller than the rarest order allows", () => {
    const next = gaussian(4);
    const steps = Array.from({ length: 12 }, (_, at) => at);
    const small = Array.from({ length: 2000 }, () => rankCorrelation(steps, steps.map(() => next())).p)
      .filter((p) => p <= 0.05).length;
    // 100 expected, four standard deviations of 9.7.
    expect(Math.abs(small - 100)).toBeLessThan(40);
    expect(rankCorrelation(steps, steps)).toEqual({ rho: 1, p: 2 / 479_001_600 });
  });

  it("is 0 of a constant list, and refuses what has none", () => {
    expect(rankCorrelation([1, 2, 3], [5, 5, 5])).toEqual({ rho: 0, p: 1 });
    expect(() => rankCorrelation([1, 2], [1, 2])).toThrow(
      "found 2 and 2 values, required as many of both, at least 3",
    );
    expect(() => rankCorrelation([1, 2, 3], [1, 2, NaN])).toThrow("found NaN, required finite values");
  });
});
