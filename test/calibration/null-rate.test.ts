/**
 * Whether the p-values mean what they say: on generated weights, where the null hypothesis holds, edges are significant as often as the level
 * says.
 *
 * Edges of one connection are dependent: entries of one row or column share a vector. The counts below take only what can be bounded without
 * an approximation. The rotation null is true whatever the vectors of one side are, if those of the other side lie anyhow: so one neuron of a
 * hub stays as it is, and of each layer of a fan (of each group, which are independent) one vector meets it. Given the hub, these vectors are
 * independent and uniformly turned, so each p-value is uniform, and they are independent. Over several hubs that holds too.
 *
 * Which side the fan is at follows from what the null turns: in `svr` the source's left vectors are turned under `rotation`, the target's right
 * ones under `beta`; where those would be single channels it is the other way round, and so in `cosvr`.
 *
 * False alarms over fresh seeds: 161 rates, 130 distances and, were they normal, 156 means at 1e-6 each, and 52 shares at 1.8e-6 each (two sets
 * of seeds would have to fail, each at 3 standard errors, 1.35e-3): 5e-4 in all. The seeds are fixed, so the outcome is too.
 */

import { describe, expect, it } from "vitest";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { joinedCandidates, type TestSettings } from "../../src/stages/candidates.ts";
import { neuronsOf } from "../../src/stages/overlap.ts";
import { decide } from "../../src/stages/significance.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import type { NullName } from "../../src/stats/null-distribution.ts";
import { THREE_SIGMA } from "../support/three-sigma.ts";
import {
  fanOf,
  fanSide,
  layerOfKind,
  NULL_KINDS,
  type NullKind,
  seenKind,
  type TestedConnection,
  type Variant,
  VARIANTS,
} from "./null-models.ts";
import {
  chernoffExponent,
  criticalDistance,
  criticalExponent,
  distanceFromUniform,
} from "./sampling-error.ts";

const FALSE_ALARM = 1e-6;

/**
 * Overlaps counted per kind and variant; fewer where each of them has a null distribution of its own. A rate of 0.08 or 2.75 times nominal
 * (of those 3.3 times) is found out in 99 of 100 cases, of all kinds of a variant together one of 0.73 or 1.3 times. The chi-squared limit is off
 * by 0.5 (n=16, z=9), the joint null by 65 (kernels on one tap).
 */
const ENOUGH = 24_000;
const ENOUGH_OF_OWN = 15_000;

/** p-values per kind and variant: the critical distance is 0.046. */
const P_VALUES = 4000;

/** Connections per kind: three standard errors are 0.02. */
const CONNECTIONS = 1000;

/** Vectors that share a hub. */
const FAN = 500;

const GAUSSIAN = VARIANTS[0]!;

const settings = (name: NullName, edges: "significant" | "all"): TestSettings => ({
  null: name,
  logAlpha: logSurvivalOfSigma(3),
  correction: "none",
  edges,
});

/** Fans are the same for variants of the hub. */
let known: { readonly key: string; readonly fans: Map<number, Spectrum> } = { key: "", fans: new Map() };

async function sharedFan(kind: NullKind, fanAt: "source" | "target", variant: Variant, seed: number) {
  const shape = (fanAt === "target") === (kind.unfolding === "svr")
    ? variant.name
    : variant.dead === "other"
    ? "dead"
    : "";
  const key = `${kind.unfolding}/${kind.name}/${fanAt}/${shape}`;
  if (known.key !== key) known = { key, fans: new Map() };
  const layers = Math.ceil(FAN / (kind[fanAt].groups ?? 1));
  const fan = known.fans.get(seed) ?? await fanOf(kind, fanAt, variant, seed, layers);
  known.fans.set(seed, fan);
  return fan;
}

/** Connections of a fan with one neuron of a hub, a hub for each seed. All their tests are independent. */
async function* connected(
  kind: NullKind,
  name: NullName,
  variant: Variant,
  edges: () => "significant" | "all",
): AsyncGenerator<TestedConnection> {
  const fanAt = fanSide(kind, name);
  for (let seed = 1;; seed++) {
    const fan = await sharedFan(kind, fanAt, variant, seed);
    const hub = await layerOfKind(kind, fanAt === "source" ? "target" : "source", variant, seed, "hub");
    const tested = Array.from(hub.group.keys()).filter((neuron) => hub.nullNeurons[neuron] === 0);
    const one = neuronsOf(hub, tested[seed % tested.length]!, 1);
    yield await seenKind(kind, fanAt, fan, one, settings(name, edges()));
  }
}

/** Whether the fan carries the positions. */
const isOwn = (kind: NullKind) => (fanSide(kind, "rotation") === "target") === (kind.unfolding === "svr");

/**
 * How many overlaps are significant at 3 sigma, without correction, how far their sum is from the expected one, in standard errors, and the
 * p-values of the first overlaps, as many as are wanted.
 */
async function rate(kind: NullKind, name: NullName, variant: Variant, enough: number, wanted = 0) {
  const level = logSurvivalOfSigma(3);
  const sample: number[] = [];
  let [trials, hits, apart, squares] = [0, 0, 0, 0];
  const edges = () => sample.length < wanted ? "all" : "significant";
  for await (const { candidates, measures } of connected(kind, name, variant, edges)) {
    if (edges() === "all") { for (const logP of candidates.logP) sample.push(Math.exp(logP)); }
    trials += candidates.tests;
    hits += candidates.logP.filter((logP) => logP <= level).length;
    const difference = measures.total - measures.expected;
    apart += difference;
    squares += difference ** 2;
    if (trials >= enough && sample.length >= wanted) break;
  }
  const pValues = Float64Array.from(sample.slice(0, wanted));
  return { trials, hits, deviations: apart / Math.sqrt(squares), pValues };
}

/** The share of null connections with any edge at `bh` 0.05: of two layers each, with all their neurons. */
async function shareWithRejection(kind: NullKind, variant: Variant, from: number): Promise<number> {
  const bh: TestSettings = {
    null: "rotation",
    logAlpha: Math.log(0.05),
    correction: "bh",
    edges: "significant",
  };
  let rejected = 0;
  for (let seed = from; seed < from + CONNECTIONS; seed++) {
    const source = await layerOfKind(kind, "source", variant, seed, "one");
    const target = await layerOfKind(kind, "target", variant, seed, "other");
    const { candidates, geometry } = await seenKind(kind, "source", source, target, bh);
    if (decide([joinedCandidates([candidates], geometry)], bh)[0]!.significantCount > 0) rejected++;
  }
  return rejected / CONNECTIONS;
}

const times = (hits: number, trials: number) =>
  `${hits} of ${trials}, ${(hits / trials / THREE_SIGMA).toFixed(3)} x nominal`;

const pooled = new Map<string, { trials: number; hits: number }>();

const kinds = NULL_KINDS.map((kind) => ({ kind, name: kind.name, unfolding: kind.unfolding }));

describe.each(kinds)("null connections: $unfolding, $name", ({ kind }) => {
  describe.each(VARIANTS)("with $name", (variant) => {
    it("are significant at 3 sigma at the nominal rate, overlap as expected, and have uniform p-values", async () => {
      const enough = isOwn(kind) ? ENOUGH_OF_OWN : ENOUGH;
      const { trials, hits, deviations, pValues } = await rate(kind, "rotation", variant, enough, P_VALUES);
      const all = pooled.get(variant.name) ?? { trials: 0, hits: 0 };
      pooled.set(variant.name, { trials: all.trials + trials, hits: all.hits + hits });
      const exponent = chernoffExponent(hits, trials, THREE_SIGMA);
      expect(exponent, times(hits, trials)).toBeLessThan(criticalExponent(FALSE_ALARM));
      expect(Math.abs(deviations)).toBeLessThan(5);
      expect(distanceFromUniform(pValues)).toBeLessThan(criticalDistance(P_VALUES, FALSE_ALARM));
    });
  });

  it.each([GAUSSIAN, VARIANTS[2]!])(
    "have any rejection at bh 0.05 in at most 0.05 of cases, within 3 standard errors: $name",
    async (variant) => {
      const limit = 0.05 + 3 * Math.sqrt(0.05 * 0.95 / CONNECTIONS);
      let share = await shareWithRejection(kind, variant, 20_001);
      // Chance alone exceeds 3 standard errors once in 740 times; it does not do so twice.
      if (share > limit) share = await shareWithRejection(kind, variant, 40_001);
      expect(share).toBeLessThanOrEqual(limit);
      // Not because nothing is ever tested: Bonferroni's bound alone makes rejections about this frequent.
      expect(share).toBeGreaterThan(0.015);
    },
  );

  it("are significant at 3 sigma at the nominal rate under the joint null, where kernels are gaussian", async () => {
    const { trials, hits, deviations } = await rate(kind, "beta", GAUSSIAN, ENOUGH_OF_OWN);
    const exponent = chernoffExponent(hits, trials, THREE_SIGMA);
    expect(exponent, times(hits, trials)).toBeLessThan(criticalExponent(FALSE_ALARM));
    expect(Math.abs(deviations)).toBeLessThan(5);
  });
});

describe("null connections of all kinds together", () => {
  it.each(VARIANTS)("are significant at the nominal rate with $name", ({ name }) => {
    const { trials, hits } = pooled.get(name)!;
    expect(trials).toBeGreaterThanOrEqual(NULL_KINDS.length * ENOUGH_OF_OWN);
    const exponent = chernoffExponent(hits, trials, THREE_SIGMA);
    expect(exponent, times(hits, trials)).toBeLessThan(criticalExponent(FALSE_ALARM));
  });
});

describe("the instruments", () => {
  const [direct] = NULL_KINDS as readonly [NullKind, ...NullKind[]];

  it.each(["svr", "cosvr"])(
    "find out the joint null: far too many edges where kernels have one profile, %s",
    async (unfolding) => {
      const kind = NULL_KINDS.find((each) => each.unfolding === unfolding && each.name === direct.name)!;
      for (const variant of VARIANTS.slice(1, 3)) {
        // The fan that the rotation null turns: where that is right, this is not.
        const fanAt = fanSide(kind, "rotation");
        let [trials, hits] = [0, 0];
        for (let seed = 1; trials < ENOUGH; seed++) {
          const fan = await sharedFan(kind, fanAt, variant, seed);
          const hub = await layerOfKind(kind, fanAt === "source" ? "target" : "source", variant, seed, "hub");
          const found = await seenKind(
            kind,
            fanAt,
            fan,
            neuronsOf(hub, 0, 1),
            settings("beta", "significant"),
          );
          trials += found.candidates.tests;
          hits += found.candidates.logP.length;
        }
        expect(hits / trials, times(hits, trials)).toBeGreaterThan(20 * THREE_SIGMA);
      }
    },
  );

  it("find out the chi-squared limit: too few edges at 3 sigma, p-values that are not uniform", async () => {
    const { trials, hits } = await rate(direct, "chi2", GAUSSIAN, 120_000);
    expect(hits / trials, times(hits, trials)).toBeLessThan(0.7 * THREE_SIGMA);
    expect(chernoffExponent(hits, trials, THREE_SIGMA)).toBeGreaterThan(criticalExponent(FALSE_ALARM));
    const few = NULL_KINDS[1]!;
    const { pValues } = await rate(few, "chi2", GAUSSIAN, 0, 5 * P_VALUES);
    expect(distanceFromUniform(pValues)).toBeGreaterThan(criticalDistance(5 * P_VALUES, FALSE_ALARM));
  });

  it("know their own bounds: a binomial tail by summation, a sample that is uniform to 1/(2N)", () => {
    // P(Bin(200, 0.1) >= 40) summed exactly is 1.1e-5; the bound must be above it, and not by much.
    let term = 0.9 ** 200;
    let tail = 0;
    for (let k = 0; k <= 200; k++) {
      if (k >= 40) tail += term;
      term *= (200 - k) / (k + 1) * 0.1 / 0.9;
    }
    const bound = Math.exp(-chernoffExponent(40, 200, 0.1));
    expect(bound).toBeGreaterThan(tail);
    expect(bound).toBeLessThan(10 * tail);
    const even = Float64Array.from({ length: 100 }, (_, i) => (i + 0.5) / 100);
    expect(distanceFromUniform(even)).toBeCloseTo(0.005, 12);
    expect(distanceFromUniform(even.map((p) => p * p))).toBeCloseTo(0.25, 1);
    // Tabled: the asymptotic 1 % point of sqrt(N) D is 1.628.
    expect(criticalDistance(10_000, 0.01) * 100).toBeCloseTo(1.628, 3);
  });
});
