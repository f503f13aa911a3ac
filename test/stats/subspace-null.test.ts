import { describe, expect, it } from "vitest";
import { subspaceNull } from "../../src/stats/subspace-null.ts";
import { logBetaSurvival } from "../../src/stats/special-functions.ts";

describe("the energy of two subspaces", () => {
  it("does not vary where one of them is nothing or all", () => {
    for (const [P, Q, d] of [[0, 2, 5], [5, 2, 5], [2, 5, 5], [1, 1, 1]] as const) {
      expect(subspaceNull(P, Q, d)).toBeNull();
    }
  });

  it.each([[1, 3, 8], [4, 1, 9], [1, 1, 2]])("is a Beta for a line, %d and %d in R^%d", (P, Q, d) => {
    const larger = Math.max(P, Q);
    for (const energy of [0.01, 0.3, 0.9]) {
      const expected = logBetaSurvival(larger / 2, (d - larger) / 2, energy);
      expect(subspaceNull(P, Q, d)!.logSurvival(energy)).toBeCloseTo(expected, 11);
    }
  });

  it("is the same for complements, up to what both share anyway", () => {
    // The squared cosines of the angles with a complement are one less.
    for (const [P, Q, d] of [[2, 5, 9], [3, 4, 11], [2, 2, 4]] as const) {
      const [a, b] = [subspaceNull(P, Q, d)!, subspaceNull(P, d - Q, d)!];
      for (const energy of [0.2, 0.7, 1.4, P - 0.1]) {
        expect(a.logSurvival(energy)).toBeCloseTo(b.logCdf(P - energy), 9);
      }
    }
  });

  it.each([[2, 2, 4], [2, 2, 5], [2, 3, 8], [6, 6, 8], [2, 2, 40], [18, 2, 144], [2, 700, 2304]])(
    "has, with two angles, the moments that are known: %d and %d in R^%d",
    (P, Q, d) => {
      const { mean, variance, logSurvival, logCdf } = subspaceNull(P, Q, d)!;
      const low = Math.max(0, P + Q - d);
      // E[S] = integral of P(S > t), E[S^2] = integral of 2 t P(S > t): by the midpoint rule, dense where the law is.
      const spread = Math.sqrt(variance);
      const from = Math.max(0, mean - low - 40 * spread);
      const to = Math.min(2, mean - low + 40 * spread);
      const steps = 500;
      const step = (to - from) / steps;
      let first = from;
      let second = from * from;
      for (let i = 0; i < steps; i++) {
        const t = from + (i + 0.5) * step;
        const above = Math.exp(logSurvival(low + t));
        first += above * step;
        second += 2 * t * above * step;
        expect(above + Math.exp(logCdf(low + t))).toBeCloseTo(1, 9);
      }
      expect(first / (mean - low)).toBeCloseTo(1, 5);
      expect((second - first * first) / variance).toBeCloseTo(1, 2);
    },
  );

  it("is exact in a closed form: two planes in R^4, and in its far tails", () => {
    // p = q = 0: P(S <= t) = integral of 2 ((1-r) - sqrt(1 + r^2 - t)) from 0 to t/2, for t <= 1.
    const closed = (t: number) => {
      const [h, c] = [t / 2, 1 - t];
      const root = (h * Math.sqrt(h * h + c) + c * Math.asinh(h / Math.sqrt(c))) / 2;
      return 2 * (h - h * h / 2 - root);
    };
    const { logCdf, logSurvival } = subspaceNull(2, 2, 4)!;
    for (const t of [0.1, 0.4, 0.8]) {
      expect(Math.exp(logCdf(t))).toBeCloseTo(closed(t), 11);
      expect(Math.exp(logSurvival(2 - t))).toBeCloseTo(closed(t), 11);
    }
    // Near 0 the law is that of chi-squared with PQ degrees: ten times less energy, 10^(PQ/2) times less chance.
    const { logCdf: wide } = subspaceNull(2, 3, 30)!;
    expect((wide(1e-6) - wide(1e-7)) / Math.LN10).toBeCloseTo(3, 4);
    expect((wide(1e-13) - wide(1e-14)) / Math.LN10).toBeCloseTo(3, 6);
  });
});
