import { describe, expect, it } from "vitest";
import { logBinomialCdf, logBinomialSurvival, logBinomialTwoSided } from "../../src/stats/binomial.ts";

const log1pExp = (a: number, b: number) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));

/** The whole sum, term by term, on a logarithmic scale. */
function naive(from: number, to: number, tests: number, p: number): number {
  let term = tests * Math.log1p(-p);
  let sum = from === 0 ? term : -Infinity;
  for (let k = 1; k <= to; k++) {
    term += Math.log((tests - k + 1) / k) + Math.log(p) - Math.log1p(-p);
    if (k >= from) sum = sum === -Infinity ? term : log1pExp(sum, term);
  }
  return sum;
}

describe("tails of a binomial count", () => {
  it.each([[20, 0.3], [1000, 0.00135], [500, 0.5], [300, 0.9], [4000, 1e-6]])(
    "are those of the sum over %d tests at %d",
    (tests, p) => {
      for (const count of [0, 1, 2, 5, Math.floor(tests * p), Math.ceil(tests * p) + 1, tests - 1, tests]) {
        expect(logBinomialSurvival(count, tests, p)).toBeCloseTo(naive(count, tests, tests, p), 8);
        expect(logBinomialCdf(count, tests, p)).toBeCloseTo(naive(0, count, tests, p), 8);
      }
    },
  );

  it("reach where floating point ends", () => {
    // A single success among a million at 1e-300 has probability 1e-294, and all successes p^n.
    expect(logBinomialSurvival(1, 1e6, 1e-300)).toBeCloseTo(-294 * Math.LN10, 6);
    expect(logBinomialSurvival(1000, 1000, 1e-5)).toBeCloseTo(1000 * Math.log(1e-5), 6);
    expect(logBinomialSurvival(10_430, 327_680, 0.00135)).toBeLessThan(-20_000);
  });

  it("end where counts end", () => {
    expect(logBinomialSurvival(0, 10, 0.1)).toBe(0);
    expect(logBinomialSurvival(11, 10, 0.1)).toBe(-Infinity);
    expect(logBinomialCdf(10, 10, 0.1)).toBe(0);
    expect(logBinomialCdf(-1, 10, 0.1)).toBe(-Infinity);
    expect(logBinomialTwoSided(1, 10, 0.1)).toBe(0);
    expect(logBinomialTwoSided(10, 10, 0.1)).toBeCloseTo(Math.LN2 + 10 * Math.log(0.1), 9);
  });
});
