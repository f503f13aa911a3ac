import fc from "fast-check";
// @ts-types="../../src/stats/jstat.d.ts"
import jstat from "jstat";
import { describe, expect, it } from "vitest";
import { logSurvivalOfSigma, sigmaOfLogP } from "../../src/stats/normal.ts";
import { logBeta, logBetaSurvival, logGamma, logGammaSurvival } from "../../src/stats/special-functions.ts";

const { jStat } = jstat;

/** jStat's continued fractions stop at 3e-7 relative; where the two differ by more than 1e-9, 30 digits say that ours is right. */
const PRECISION = 1e-6;

/** Checks a property on random numbers, the same each time. */
function holds<T>(numbers: fc.Arbitrary<T>, property: (value: T) => void, seed: number): void {
  fc.assert(fc.property(numbers, property), { seed, numRuns: 500 });
}

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });

describe("special functions, beside jStat in the ordinary range", () => {
  it("logGamma and logBeta", () => {
    holds(fc.tuple(between(0.1, 300), between(0.1, 300)), ([a, b]) => {
      expect(Math.abs(logGamma(a) - jStat.gammaln(a))).toBeLessThan(
        PRECISION * (1 + Math.abs(jStat.gammaln(a))),
      );
      expect(Math.abs(logBeta(a, b) - jStat.betaln(a, b))).toBeLessThan(
        PRECISION * (1 + Math.abs(jStat.betaln(a, b))),
      );
    }, 1);
  });

  it("the Beta survival is one minus the cdf", () => {
    holds(fc.tuple(between(0.5, 40), between(0.5, 400), between(0.001, 0.999)), ([a, b, x]) => {
      expect(Math.abs(Math.exp(logBetaSurvival(a, b, x)) - (1 - jStat.beta.cdf(x, a, b)))).toBeLessThan(
        PRECISION,
      );
    }, 2);
  });

  it("the Gamma survival is the chi-squared one", () => {
    holds(fc.tuple(fc.integer({ min: 1, max: 60 }), between(0.001, 150)), ([degrees, x]) => {
      const cdf = jStat.chisquare.cdf(x, degrees);
      expect(Math.abs(Math.exp(logGammaSurvival(degrees / 2, x / 2)) - (1 - cdf))).toBeLessThan(PRECISION);
    }, 3);
  });

  it("the normal tail and its inverse", () => {
    holds(between(-5, 5), (sigma) => {
      expect(Math.abs(Math.exp(logSurvivalOfSigma(sigma)) - (1 - jStat.normal.cdf(sigma, 0, 1))))
        .toBeLessThan(PRECISION);
    }, 4);
    holds(between(0.001, 0.999), (p) => {
      expect(sigmaOfLogP(Math.log(p))).toBeCloseTo(-jStat.normal.inv(p, 0, 1), 8);
    }, 5);
  });
});

describe("special functions, where jStat gives up", () => {
  it("are each other's inverse far out", () => {
    holds(between(-8, 120), (sigma) => {
      expect(sigmaOfLogP(logSurvivalOfSigma(sigma))).toBeCloseTo(sigma, 6);
    }, 6);
  });

  it("follow the closed form of Beta(1, b): ln P = b ln(1 - x)", () => {
    holds(fc.tuple(between(0.5, 1e6), between(1e-6, 1 - 1e-9)), ([b, x]) => {
      const exact = b * Math.log1p(-x);
      expect(Math.abs(logBetaSurvival(1, b, x) - exact)).toBeLessThanOrEqual(1e-11 * Math.abs(exact) + 1e-14);
    }, 7);
  });

  it("follow the closed form of Gamma(1): ln P = -x", () => {
    holds(between(1e-6, 1e5), (x) => {
      expect(Math.abs(logGammaSurvival(1, x) + x)).toBeLessThanOrEqual(1e-12 * x + 1e-14);
    }, 8);
  });
});
