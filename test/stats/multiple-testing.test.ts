import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adjust, type Correction, criticalLogP, expectedByChance } from "../../src/stats/multiple-testing.ts";

/** The textbook definitions, one test at a time, O(m^2). */
function bySearch(p: number[], method: Correction): number[] {
  const m = p.length;
  const harmonic = p.reduce((sum, _, i) => sum + 1 / (i + 1), 0);
  const rank = (x: number) => p.filter((y) => y <= x).length;
  switch (method) {
    case "none":
      return p;
    case "bonferroni":
      return p.map((x) => Math.min(1, m * x));
    case "holm":
      return p.map((x) =>
        Math.min(1, Math.max(...p.filter((y) => y <= x).map((y) => y * (m - p.filter((w) => w < y).length))))
      );
    case "bh":
    case "by": {
      const factor = method === "by" ? harmonic : 1;
      return p.map((x) => Math.min(1, ...p.filter((y) => y >= x).map((y) => factor * y * m / rank(y))));
    }
  }
}

const METHODS: Correction[] = ["none", "bonferroni", "holm", "bh", "by"];

describe("adjusting for many tests", () => {
  it.each(METHODS)("%s agrees with its definition", (method) => {
    const distinct = fc.uniqueArray(fc.double({ min: 1e-12, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(distinct, (p) => {
        const q = adjust(Float64Array.from(p, Math.log), p.length, method);
        bySearch(p, method).forEach((expected, i) => expect(Math.exp(q[i]!)).toBeCloseTo(expected, 10));
      }),
      { seed: 1 },
    );
  });

  it.each(METHODS)("%s gives the same verdicts from the small p-values alone", (method) => {
    const many = fc.array(fc.double({ min: 1e-9, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(many, (p) => {
        const cut = 0.05;
        const all = adjust(Float64Array.from(p, Math.log), p.length, method);
        const kept = p.flatMap((x, i) => x <= cut ? [i] : []);
        const some = adjust(Float64Array.from(kept, (i) => Math.log(p[i]!)), p.length, method);
        kept.forEach((i, k) => {
          expect(some[k]! <= Math.log(cut)).toBe(all[i]! <= Math.log(cut));
          if (all[i]! <= Math.log(cut)) expect(some[k]).toBeCloseTo(all[i]!, 12);
        });
      }),
      { seed: 2 },
    );
  });

  it("rejects exactly the p-values up to its critical level", () => {
    const p = Float64Array.of(1e-6, 2e-5, 0.004, 0.012, 0.03, 0.2, 0.9).map(Math.log);
    for (const method of METHODS) {
      const rejected = adjust(p, 7, method).filter((q) => q <= Math.log(0.05)).length;
      const level = criticalLogP(method, Math.log(0.05), 7, rejected);
      expect(p.filter((x) => x <= level! + 1e-12).length).toBe(rejected);
    }
  });

  it("expects as many chance rejections as the definition, summed over all outcomes, gives", () => {
    // m = 2, bh: P(R=2) = P(both <= alpha) ; P(R=1) = P(one <= alpha/2, other > alpha).
    const alpha = 0.2;
    const exact = 2 * alpha ** 2 + 2 * (alpha / 2) * (1 - alpha);
    expect(expectedByChance("bh", 2, alpha)).toBeCloseTo(exact, 12);
    expect(expectedByChance("none", 16384, 0.00135)).toBeCloseTo(22.1184, 10);
    // Large m: the limit is alpha / (1 - alpha)^2.
    expect(expectedByChance("bh", 1e7, 0.05)).toBeCloseTo(0.05 / 0.95 ** 2, 6);
    expect(expectedByChance("bh", 0, 0.05)).toBe(0);
  });
});
