import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nullDistribution } from "../../src/stats/null-distribution.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { adjust, type Correction } from "../../src/stats/multiple-testing.ts";
import type { OverlapGeometry } from "../../src/stages/overlap-geometry.ts";
import {
  correctedForChoice,
  type EdgeChoice,
  joinedCandidates,
  retestedCandidates,
  type TestSettings,
} from "../../src/stages/candidates.ts";
import { chosen, decide, sigmas } from "../../src/stages/significance.ts";
import { collectorOf, wholeGeometry } from "../support/collector.ts";
import { gaussian } from "../support/layer-fixture.ts";

const ALPHA3 = logSurvivalOfSigma(3);
const CORRECTIONS: readonly Correction[] = ["none", "bonferroni", "holm", "bh", "by"];

function geometryOf(more: Partial<OverlapGeometry> = {}): OverlapGeometry {
  const sizes = { sharedChannels: 16, testedChannels: 16, otherChannels: 16, positions: 1 };
  return wholeGeometry({ ...sizes, unit: true, targets: 20, sources: 30, ...more });
}

/** Null overlaps with a few strong ones, squares of normalized normals as for z = 1. */
function overlaps(geometry: OverlapGeometry, seed: number, strong = 5): Float64Array {
  const normal = gaussian(seed);
  const N = geometry.testedChannels;
  const values = Float64Array.from({ length: geometry.targets * geometry.sources }, () => {
    const x = Array.from({ length: N }, normal);
    return x[0]! ** 2 / x.reduce((sum, value) => sum + value * value, 0);
  });
  for (let k = 0; k < strong; k++) values[(k * 101) % values.length] = 0.9 + 0.02 * k;
  return values;
}

function settingsOf(more: Partial<TestSettings> = {}): TestSettings {
  return { null: "beta", logAlpha: ALPHA3, correction: "bh", edges: "significant", ...more };
}

function collect(
  geometry: OverlapGeometry,
  values: Float64Array,
  settings: TestSettings,
  rho: Float64Array | null = null,
) {
  const collector = collectorOf(geometry, settings);
  const half = Math.floor(geometry.targets / 2);
  for (const [first, rows] of [[0, half], [half, geometry.targets - half]] as const) {
    const part = (of: Float64Array) => of.slice(first * geometry.sources, (first + rows) * geometry.sources);
    collector.add({
      first,
      rows,
      overlap: part(values),
      cosine: part(values).map(Math.sqrt),
      rho: rho === null ? null : part(rho),
    });
  }
  return collector.finish();
}

describe("which overlaps are significant", () => {
  it.each(CORRECTIONS)(
    "%s: the same edges, q-values and counts from the candidates as from all pairs",
    (correction) => {
      fc.assert(
        fc.property(fc.nat(10_000), (seed) => {
          const geometry = geometryOf();
          const values = overlaps(geometry, seed);
          const all = collect(geometry, values, settingsOf({ edges: "all", correction }));
          const few = collect(geometry, values, settingsOf({ correction }));
          expect(all.tests).toBe(600);
          expect(few.tests).toBe(600);
          const [a, b] = [
            decide([all], settingsOf({ correction }))[0]!,
            decide([few], settingsOf({ correction }))[0]!,
          ];
          expect({ ...b, logQ: 0, significant: 0 }).toEqual({ ...a, logQ: 0, significant: 0 });
          const edges = (from: typeof all, verdicts: typeof a) =>
            [...chosen(from, verdicts, "significant")].map((
              at,
            ) => [from.sourceNeuron[at], from.targetNeuron[at], from.overlap[at], verdicts.logQ[at]]);
          expect(edges(few, b)).toEqual(edges(all, a));
          expect(edges(all, a)).toHaveLength(a.significantCount);
          expect(a.significantCount).toBeGreaterThanOrEqual(5);
        }),
        { seed: 21, numRuns: 20 },
      );
    },
  );

  it("agrees with the distribution and the correction, applied by hand", () => {
    const geometry = geometryOf({ positions: 4, targets: 8, sources: 8 });
    const values = overlaps(geometry, 4);
    const settings = settingsOf({ edges: "all", correction: "by" });
    const found = collect(geometry, values, settings);
    const { logSurvival } = nullDistribution("beta", {
      positions: 4,
      testedChannels: 16,
      otherChannels: 16,
    })!;
    const logP = values.map(logSurvival);
    expect([...found.logP]).toEqual([...logP]);
    expect([...decide([found], settings)[0]!.logQ]).toEqual([...adjust(logP, 64, "by")]);
  });

  it("has a threshold that parts edges from the rest, where there is one rho", () => {
    for (const correction of CORRECTIONS) {
      const settings = settingsOf({ correction, edges: "all" });
      const found = collect(geometryOf(), overlaps(geometryOf(), 8), settings);
      const [verdict] = decide([found], settings);
      expect(verdict!.threshold).not.toBeNull();
      found.overlap.forEach((value, at) =>
        expect(value >= verdict!.threshold! * (1 - 1e-12)).toBe(verdict!.significant[at] === 1)
      );
    }
  });

  it("has no threshold where rho varies, where nothing can pass, or where a step-up rejected nothing", () => {
    const rho = new Float64Array(600).fill(0.5);
    const varying = geometryOf({ unit: false });
    expect(
      decide([collect(varying, overlaps(varying, 2).map((x) => x / 2), settingsOf(), rho)], settingsOf())[0]!
        .threshold,
    ).toBeNull();
    // At n = 3, z = 9 the chi-squared threshold exceeds 1: nothing can pass.
    const narrow = geometryOf({ testedChannels: 3, positions: 9 });
    const chi2 = settingsOf({ null: "chi2", correction: "none" });
    const verdict = decide([collect(narrow, new Float64Array(600).fill(1), chi2)], chi2)[0]!;
    expect([verdict.threshold, verdict.significantCount, verdict.nominal]).toEqual([null, 0, 0]);
    expect(
      decide([collect(geometryOf(), new Float64Array(600).fill(0.01), settingsOf())], settingsOf())[0]!
        .threshold,
    ).toBeNull();
  });

  it("divides by rho, skips rho = 0, and keeps p above 0 at overlap = rho", () => {
    const geometry = geometryOf({ unit: false, targets: 2, sources: 3 });
    const rho = Float64Array.of(1, 0.5, 0, 0.25, 1, 0);
    const values = Float64Array.of(0.9, 0.45, 0, 0.25, 0.1, 0);
    const found = collect(geometry, values, settingsOf({ edges: "all" }), rho);
    expect(found.tests).toBe(4);
    expect([...found.overlap]).toEqual([0.9, 0.45, 0.25, 0.1]);
    expect(found.logP[1]).toBe(found.logP[0]);
    expect(found.logP[2]).toBeGreaterThan(-Infinity);
    expect(found.logP[2]).toBeLessThan(-200);
  });

  it("takes the overlap itself where the tested vector lives on one channel: it is rho, one coordinate of the other vector", () => {
    const geometry = geometryOf({
      testedChannels: 1,
      otherChannels: 16,
      positions: 9,
      unit: false,
      targets: 2,
      sources: 2,
    });
    const rho = Float64Array.of(0, 0.01, 0.3, 0.9);
    const found = collect(geometry, rho, settingsOf({ edges: "all" }), rho);
    expect(found.tests).toBe(3);
    // The survival of Beta(1/2, 15/2), the square of one of 16 coordinates, by scipy 1.10.
    [0.7025618881551345, 0.022846613157684492, 6.710289652105757e-9].forEach((p, at) =>
      expect(found.logP[at]).toBeCloseTo(Math.log(p), 10)
    );
  });

  it("tests nothing where both vectors live on one channel: p = 1, no edge", () => {
    const geometry = geometryOf({ testedChannels: 1, otherChannels: 1, targets: 2, sources: 2 });
    const settings = settingsOf({ edges: "all", correction: "none" });
    const found = collect(geometry, new Float64Array(4).fill(1), settings);
    const [verdict] = decide([found], settings);
    expect(found.tests).toBe(0);
    expect([...found.logP]).toEqual([0, 0, 0, 0]);
    expect([verdict!.significantCount, verdict!.nominal, verdict!.expectedByChance]).toEqual([0, 0, 0]);
  });

  it("over a model is one family: connections share their rejections", () => {
    const settings = settingsOf({ correction: "bonferroni" });
    const [a, b] = [
      collect(geometryOf(), overlaps(geometryOf(), 5), settings),
      collect(geometryOf(), overlaps(geometryOf(), 6), settings),
    ];
    const [together] = decide([a, b], settings);
    const [alone] = decide([a], settings);
    together!.logQ.forEach((q, at) => expect(q).toBeCloseTo(Math.min(0, alone!.logQ[at]! + Math.LN2), 12));
    const expected = decide([a, b], settings).reduce(
      (sum, { expectedByChance }) => sum + expectedByChance,
      0,
    );
    expect(expected).toBeCloseTo(Math.exp(ALPHA3), 14);
  });

  it("keeps the k largest overlaps of a connection, whatever their significance", () => {
    const edges: EdgeChoice = { top: 7 };
    const values = overlaps(geometryOf(), 11);
    const found = collect(geometryOf(), values, settingsOf({ edges }));
    const at = chosen(found, decide([found], settingsOf())[0]!, edges);
    const largest = [...values].sort((a, b) => b - a).slice(0, 7);
    expect([...at].map((i) => found.overlap[i]!).sort((a, b) => b - a)).toEqual(largest);
    expect([...at]).toEqual([...at].sort((a, b) => a - b));
  });

  it("tells sigma from p, far out too", () => {
    const sigma = sigmas(Float64Array.of(Math.log(0.5), ALPHA3, logSurvivalOfSigma(40), 0, -Infinity));
    expect(sigma[0]).toBeCloseTo(0, 12);
    expect(sigma[1]).toBeCloseTo(3, 12);
    expect(sigma[2]).toBeCloseTo(40, 10);
    expect([sigma[3], sigma[4]]).toEqual([-Infinity, Infinity]);
  });
});

describe("candidates of parts", () => {
  const geometry = geometryOf();
  const settings = settingsOf({ edges: "all" });
  const found = (seed: number) => collect(geometry, overlaps(geometry, seed), settings);

  it("are joined in their order; those of one part are taken as they are", () => {
    const [one, other] = [found(1), found(2)];
    expect([...joinedCandidates([one, other], geometry).logP]).toEqual([...one.logP, ...other.logP]);
    expect(joinedCandidates([one], geometry).logP).toBe(one.logP);
  });

  it("that were kept are those that a stricter run would gather", () => {
    const kept = found(1);
    expect(retestedCandidates(kept, geometry, settings).logP).toEqual(kept.logP);
    const strict = settingsOf();
    const fresh = collect(geometry, overlaps(geometry, 1), strict);
    expect(retestedCandidates(kept, geometry, strict).logP).toEqual(fresh.logP);
    expect(retestedCandidates(kept, geometry, strict).sourceNeuron).toEqual(fresh.sourceNeuron);
  });
});

describe("a connection that was inferred", () => {
  it("has the p of its edges, its threshold and what chance gives corrected for the pairs that were looked at", () => {
    const geometry = geometryOf();
    const settings = settingsOf({ correction: "none", edges: "all" });
    const seen = collect(geometry, overlaps(geometry, 3), settings);
    const looked = 50;
    const chosenOne = correctedForChoice(seen, looked);
    expect(chosenOne.logP).toEqual(seen.logP.map((logP) => Math.min(0, logP + Math.log(looked))));
    const [before, after] = [decide([seen], settings)[0]!, decide([chosenOne], settings)[0]!];
    expect(after.expectedByChance).toBeCloseTo(before.expectedByChance / looked, 12);
    const reached = seen.overlap.filter((overlap) => overlap >= after.threshold!).length;
    expect(after.significantCount).toBe(reached);
    expect(after.significantCount).toBeLessThan(before.significantCount);
    expect(correctedForChoice(seen, undefined)).toBe(seen);
  });
});
