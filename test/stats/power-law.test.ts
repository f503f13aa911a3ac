/** The fit of a power law, its interval and its goodness of fit. */

import { describe, expect, it } from "vitest";
import { random } from "../../src/model/random.ts";
import { alphaInterval, goodnessOfFit } from "../../src/stats/power-law-bootstrap.ts";
import { fitPowerLaw } from "../../src/stats/power-law.ts";

/** Draws of a power law from 1 on. */
function sample(count: number, alpha: number, seed: number): Float64Array {
  const source = random(seed, "power law");
  return Float64Array.from({ length: count }, () => source.uniform() ** (-1 / (alpha - 1))).sort();
}

/** The definition as it reads: every beginning, every distance. */
function naive(values: Float64Array) {
  const small = values.length < 20;
  const fits = Array.from(values.subarray(0, -1), (xmin, at) => {
    const tail = values.subarray(at);
    const sum = tail.reduce((total, value) => total + Math.log(value / xmin), 0);
    const alpha = 1 + (small ? tail.length - 1 : tail.length) / sum;
    const distances = Array.from(tail, (x, j) => Math.abs(1 - (x / xmin) ** (1 - alpha) - j / tail.length));
    return { alpha, xmin, distance: Math.max(...distances), tail: tail.length };
  }).filter(({ tail }) => !small || tail >= 8);
  return fits.reduce((best, each) => each.distance < best.distance ? each : best);
}

describe("the fit of a power law", () => {
  it("is the definition's", () => {
    for (const [count, alpha, seed] of [[8, 3, 1], [19, 2, 2], [20, 2, 3], [150, 4, 4], [400, 1.5, 5]]) {
      const values = sample(count!, alpha!, seed!);
      const found = fitPowerLaw(values)!;
      const required = naive(values);
      expect(found.alpha).toBeCloseTo(required.alpha, 9);
      expect(found.distance).toBeCloseTo(required.distance, 9);
      expect([found.xmin, found.tail]).toEqual([required.xmin, required.tail]);
      expect(found.sigma).toBeCloseTo((required.alpha - 1) / Math.sqrt(required.tail), 9);
    }
  });

  it("finds the exponent that the sample has", () => {
    for (const alpha of [1.7, 2.5, 4]) {
      const found = fitPowerLaw(sample(5000, alpha, 7))!;
      expect(Math.abs(found.alpha - alpha)).toBeLessThan(4 * found.sigma);
    }
  });

  it("is none of few values and of equal ones", () => {
    expect(fitPowerLaw(sample(7, 2, 1))).toBeNull();
    expect(fitPowerLaw(new Float64Array(50).fill(3))).toBeNull();
    expect(fitPowerLaw(new Float64Array())).toBeNull();
  });

  it("does not depend on the scale", () => {
    const values = sample(100, 2.2, 9);
    const [one, other] = [fitPowerLaw(values)!, fitPowerLaw(values.map((value) => value * 1e-3))!];
    expect(other.alpha).toBeCloseTo(one.alpha, 9);
    expect(other.tail).toBe(one.tail);
  });
});

describe("a bootstrap", () => {
  it("has an interval about alpha that narrows with the sample", () => {
    const widths = [100, 1600].map((count) => {
      const values = sample(count, 2.5, 3);
      const [low, high] = alphaInterval(values, 200, random(1, "interval"))!;
      expect(low).toBeLessThan(2.5);
      expect(high).toBeGreaterThan(2.5);
      return high - low;
    });
    expect(widths[1]!).toBeLessThan(widths[0]! / 2);
  });

  it("is the same of the same seed and another of another", () => {
    const values = sample(80, 2.5, 3);
    const fit = fitPowerLaw(values)!;
    const p = (seed: number) => goodnessOfFit(values, fit, 50, random(seed, "fit"));
    const interval = (seed: number) => alphaInterval(values, 50, random(seed, "interval"));
    expect(p(1)).toBe(p(1));
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
  });
});
