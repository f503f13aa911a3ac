import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nullDistribution } from "../../src/stats/null-distribution.ts";
import { logSurvivalOfSigma, sigmaOfLogP } from "../../src/stats/normal.ts";
import { THREE_SIGMA } from "../support/three-sigma.ts";

function csv(name: string): number[][] {
  const text = readFileSync(new URL(`../golden/${name}`, import.meta.url), "utf8");
  return text.trim().split("\n").slice(1).map((line) => line.split(",").map(Number));
}

function beta(n: number, z: number) {
  const found = nullDistribution("beta", { positions: z, testedChannels: n, otherChannels: n });
  if (found === null) throw new Error("expected a distribution");
  return found;
}

describe("null distribution", () => {
  it("agrees with 40-digit arithmetic in the tail, to 1e-9 of the log", () => {
    const rows = csv("null_tail.csv");
    expect(rows.length).toBeGreaterThan(500);
    let worst = 0;
    for (const [n, z, overlap, golden] of rows as [number, number, number, number][]) {
      worst = Math.max(worst, Math.abs(beta(n, z).logSurvival(overlap) / golden - 1));
    }
    expect(worst).toBeLessThan(1e-9);
  });

  it("finds the thresholds of 40-digit arithmetic, to 1e-10", () => {
    const rows = csv("null_thresholds.csv");
    expect(rows.length).toBeGreaterThan(50);
    for (const [n, z, sigma, golden] of rows as [number, number, number, number][]) {
      const found = beta(n, z).threshold(logSurvivalOfSigma(sigma));
      expect(Math.abs(found! / golden - 1), `n=${n} z=${z} sigma=${sigma}`).toBeLessThan(1e-10);
    }
  });

  it("is (1-x)^(N-1) for two positions, down to e^-5000", () => {
    for (const x of [1e-12, 1e-3, 0.5, 0.99, 1 - 1e-9]) {
      for (const n of [2, 3, 100, 5000]) {
        const exact = (n - 1) * Math.log1p(-x);
        expect(Math.abs(beta(n, 2).logSurvival(x) / exact - 1)).toBeLessThan(1e-11);
      }
    }
  });

  it("tests the other vector where the tested one has a single channel, and nothing where both have", () => {
    const depthwise = nullDistribution("beta", { positions: 9, testedChannels: 1, otherChannels: 64 });
    expect(depthwise!.logSurvival(0.2)).toBe(beta(64, 1).logSurvival(0.2));
    expect(nullDistribution("beta", { positions: 9, testedChannels: 1, otherChannels: 1 })).toBeNull();
  });

  it("says that nothing can pass where the chi-squared limit asks for more than 1", () => {
    const chi2 = nullDistribution("chi2", { positions: 9, testedChannels: 3, otherChannels: 3 });
    expect(chi2!.threshold(logSurvivalOfSigma(5))).toBeNull();
  });

  it("refuses parameters that are no counts", () => {
    expect(() => nullDistribution("beta", { positions: 0, testedChannels: 3, otherChannels: 3 })).toThrow(
      /positions: found 0, required an integer/,
    );
  });
});

describe("normal tail", () => {
  it("inverts itself from one side to the other", () => {
    for (const sigma of [-8, -3, -0.1, 0, 0.5, 3, 5, 10, 38, 400]) {
      expect(Math.abs(sigmaOfLogP(logSurvivalOfSigma(sigma)) - sigma)).toBeLessThan(
        1e-10 * Math.max(1, Math.abs(sigma)),
      );
    }
  });

  it("knows 3 sigma, and 10 sigma where a library's cdf has nothing left", () => {
    expect(Math.exp(logSurvivalOfSigma(3))).toBeCloseTo(THREE_SIGMA, 16);
    expect(Math.abs(logSurvivalOfSigma(10) / -53.23128515051247 - 1)).toBeLessThan(1e-13);
  });
});
