import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gaussian } from "../support/layer-fixture.ts";
import {
  leastRankP,
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

/** Orders with one thing more: in each place. */
const places = (order: readonly number[], thing: number) =>
  Array.from({ length: thing + 1 }, (_, at) => order.toSpliced(at, 0, thing));

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

  it("is that of all 40,320 orders of eight pairs, by another program, ties among them", () => {
    const orders = [0, 1, 2, 3, 4, 5, 6, 7].reduce<number[][]>(
      (all, thing) => all.flatMap((order) => places(order, thing)),
      [[]],
    );
    expect(orders).toHaveLength(40_320);
    for (
      const b of [[1, 2, 3, 4, 5, 6, 8, 7], [2, 1, 4, 3, 6, 5, 8, 7], [1, 1, 2, 2, 3, 3, 5, 4], [
        4,
        3,
        8,
        1,
        6,
        2,
        7,
        5,
      ]]
    ) {
      const ranks = b.map((value) =>
        b.filter((other) => other < value).length + b.filter((other) => other === value).length / 2
      );
      const sum = (order: readonly number[]) =>
        order.reduce((all, from, at) => all + (at - 3.5) * (ranks[from]! - 4), 0);
      const own = Math.abs(sum([0, 1, 2, 3, 4, 5, 6, 7]));
      const exact = orders.filter((order) => Math.abs(sum(order)) >= own - 1e-9).length / orders.length;
      const { p } = rankCorrelation([1, 2, 3, 4, 5, 6, 7, 8], b);
      // Of 20,000 draws; four standard deviations, and the one that is added.
      expect(Math.abs(p - exact), String(b)).toBeLessThan(4 * Math.sqrt(exact / 20_000) + 1 / 20_000);
    }
  });

  it("keeps to its level where nothing is there, in the tail too", () => {
    const next = gaussian(4);
    const steps = Array.from({ length: 12 }, (_, at) => at);
    const found = Array.from({ length: 2000 }, () => rankCorrelation(steps, steps.map(() => next())).p);
    // Four standard deviations of binomial counts: 100 and 10 are expected.
    expect(Math.abs(found.filter((p) => p <= 0.05).length - 100)).toBeLessThan(39);
    expect(found.filter((p) => p <= 0.005).length).toBeLessThan(23);
  });

  it.each([3, 5, 7, 8, 12, 300])("has the least p that it says, where %i pairs are in order", (n) => {
    const steps = Array.from({ length: n }, (_, at) => at);
    const { rho, p } = rankCorrelation(steps, steps);
    expect(rho).toBeCloseTo(1, 12);
    // A draw of eight may be that order too.
    expect(p).toBeGreaterThanOrEqual(leastRankP(n));
    expect(p).toBeLessThanOrEqual(n === 8 ? 8 * leastRankP(n) : leastRankP(n));
  });

  it("is 0 of a constant list, and refuses what has none", () => {
    expect(rankCorrelation([1, 2, 3], [5, 5, 5])).toEqual({ rho: 0, p: 1 });
    expect(() => rankCorrelation([1, 2], [1, 2])).toThrow(
      "found 2 and 2 values, required as many of both, from 3 to 65535",
    );
    expect(() => rankCorrelation([1, 2, 3], [1, 2, NaN])).toThrow("found NaN, required finite values");
  });
});
