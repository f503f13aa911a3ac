/** The law of Marchenko and Pastur against its density, integrated, and against a matrix of noise. */

import { describe, expect, it } from "vitest";
import { bulkDensity, bulkDistance, bulkEdges, bulkShare } from "../../src/stats/marchenko-pastur.ts";

const SHAPES = [[40, 40], [30, 90], [200, 20], [1, 3]] as const;

describe("the law of Marchenko and Pastur", () => {
  it("has shares that are the integral of its density", () => {
    for (const [rows, cols] of SHAPES) {
      const noise = { rows, cols, variance: 0.3 };
      const { min, max } = bulkEdges(noise);
      let share = 0;
      let at = 0;
      const steps = 20_000;
      // Evenly in the angle, where the density has no singularity.
      for (let step = 0; step < steps; step++) {
        const place = (turn: number) => (min + max) / 2 - (max - min) / 2 * Math.cos(Math.PI * turn / steps);
        const middle = place(step + 0.5);
        const slope = (max - min) / 2 * Math.sin(Math.PI * (step + 0.5) / steps) * Math.PI / steps;
        share += bulkDensity(middle, { min, max }) * slope;
        if (++at % 5000 === 0) expect(bulkShare(place(step + 1), noise)).toBeCloseTo(share, 6);
      }
      expect(share).toBeCloseTo(1, 6);
    }
  });

  it("is 0 below and 1 above", () => {
    const noise = { rows: 8, cols: 32, variance: 1 };
    expect([bulkShare(0, noise), bulkShare(-1, noise), bulkShare(1e9, noise)]).toEqual([0, 0, 1]);
    expect([0, 1e9].map((x) => bulkDensity(x, bulkEdges(noise)))).toEqual([0, 0]);
  });

  it("has the distance of its own quantiles, and of values elsewhere", () => {
    const noise = { rows: 50, cols: 100, variance: 2 };
    const { min, max } = bulkEdges(noise);
    const quantiles = Float64Array.from({ length: 50 }, (_, at) => {
      let [low, high] = [min, max];
      for (let step = 0; step < 60; step++) {
        const middle = (low + high) / 2;
        if (bulkShare(middle, noise) < (at + 0.5) / 50) low = middle;
        else high = middle;
      }
      return low;
    });
    expect(bulkDistance(quantiles, noise)).toBeCloseTo(0.01, 6);
    expect(bulkDistance(quantiles.map((value) => value * 100), noise)).toBeGreaterThan(0.9);
    expect(bulkDistance(new Float64Array(), noise)).toBeNull();
  });
});
