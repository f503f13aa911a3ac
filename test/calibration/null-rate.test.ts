/**
 * Whether the p-values mean what they say: on generated weights, where the null hypothesis holds, edges are
 * significant as often as the level says.
 *
 * Edges of one connection are dependent: entries of one row or column share a vector. The counts below take
 * only what can be bounded without an approximation. From each layer that carries tested vectors one of them
 * is taken (one per group: groups are independent), a uniform vector that is independent of the others and of
 * the hub.
 * - Where the hub's vectors are orthonormal, all its overlaps with the tested vector count: they are the
 *   squared norms of disjoint parts of a uniform vector in a rotated basis, part of a Dirichlet vector, and
 *   so negatively associated (Joag-Dev & Proschan 1983). Independent draws of those are negatively associated
 *   together, which Chernoff's bound allows.
 * - Elsewhere (`rho < 1`) one overlap per tested vector counts. Given the hub its p-value is uniform whatever
 *   the hub's vector is, so these are independent.
 *
 * False alarms over fresh seeds: 9 rates and 9 distances at 1e-6 each, and 9 shares at 1.8e-6 each (two sets
 * of seeds would have to fail, each at 3 standard errors, 1.35e-3): 3.4e-5 in all. The seeds are fixed, so
 * the outcome is too.
 */

import { describe, expect, it } from "vitest";
import type { NullName } from "../../src/stats/null-distribution.ts";
import type { TestSettings } from "../../src/stages/candidates.ts";
import { decide } from "../../src/stages/significance.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import {
  fanReads,
  NULL_KINDS,
  type NullKind,
  type TestedConnection,
  testedConnections,
} from "./null-models.ts";
import {
  chernoffExponent,
  criticalDistance,
  criticalExponent,
  distanceFromUniform,
} from "./sampling-error.ts";

/** `1 - Phi(3)`. */
const THREE_SIGMA = 0.0013498980316300946;

const FALSE_ALARM = 1e-6;

/**
 * Overlaps counted per kind. Of an orthonormal hub a rate of 0.55 or 1.55 times nominal is found out in 99 of
 * 100 cases, of others, which cost more per overlap, 0.35 or 1.9 times. The chi-squared limit is off by 0.5
 * (n=16, z=9) to 0.08 (n=16, z=1).
 */
const ENOUGH = { orthonormal: 200_000, single: 80_000 };

/** p-values per kind: the critical distance is 0.038. */
const P_VALUES = 5000;

/** Connections per kind: three standard errors are 0.02. */
const CONNECTIONS = 1000;

/** Layers per model that share a hub. */
const FAN = 50;

/** The pairs of a connection that count: how many, and where they are among its candidates. */
function picked(kind: NullKind, { connection, tested, other, candidates }: TestedConnection) {
  // Any rule that does not look at the overlaps will do: neurons of all ranks take their turns.
  const turn = tested.layer.index;
  // Heads share the tested vector: one of them counts.
  if (kind.parts !== undefined && connection.part !== turn % kind.parts.length) {
    return { trials: 0, counted: () => [], single: () => [] };
  }
  const { groups } = tested.layer;
  const neurons = groups === 1
    ? [turn % tested.group.length]
    : Array.from({ length: groups }, (_, group) => tested.group.indexOf(group));
  const hubNeuron = turn % other.group.length;
  const [testedNeuron, otherNeuron] = fanReads(kind)
    ? [candidates.targetNeuron, candidates.sourceNeuron]
    : [candidates.sourceNeuron, candidates.targetNeuron];
  const at = (all: boolean) =>
    Array.from(testedNeuron.keys()).filter((i) =>
      neurons.includes(testedNeuron[i]!) && (all || otherNeuron[i] === hubNeuron)
    );
  return {
    trials: neurons.length * (kind.orthonormal ? other.group.length : 1),
    counted: () => at(kind.orthonormal),
    /** One pair per tested vector. */
    single: () => at(false),
  };
}

const settings = (name: NullName, edges: "significant" | "all"): TestSettings => ({
  null: name,
  logAlpha: logSurvivalOfSigma(3),
  correction: "none",
  edges,
});

/** How many of the overlaps that count are significant at 3 sigma, without correction. */
async function rate(kind: NullKind, name: NullName, enough: number) {
  let trials = 0;
  let hits = 0;
  for (let seed = 1; trials < enough; seed++) {
    for await (const each of testedConnections(kind, seed, FAN, settings(name, "significant"))) {
      const pairs = picked(kind, each);
      const { significant } = decide([each.candidates], settings(name, "significant"))[0]!;
      trials += pairs.trials;
      hits += pairs.counted().filter((at) => significant[at] === 1).length;
    }
  }
  return { trials, hits, exponent: chernoffExponent(hits, trials, THREE_SIGMA) };
}

/** One p-value per draw of a tested vector. */
async function pValues(kind: NullKind, name: NullName, enough: number): Promise<Float64Array> {
  const sample: number[] = [];
  for (let seed = 1001; sample.length < enough; seed++) {
    for await (const each of testedConnections(kind, seed, FAN, settings(name, "all"))) {
      // Connections of a concat share the tested vector: only one of them gives a p-value, the hubs taking
      // turns.
      if (each.other.layer.index !== each.tested.layer.index % kind.hubs.length) continue;
      for (const at of picked(kind, each).single()) sample.push(Math.exp(each.candidates.logP[at]!));
    }
  }
  return Float64Array.from(sample.slice(0, enough));
}

/** The share of null connections with any edge at `bh` 0.05, each of a model of its own. */
async function shareWithRejection(kind: NullKind, from: number): Promise<number> {
  const bh: TestSettings = { null: "beta", logAlpha: Math.log(0.05), correction: "bh", edges: "significant" };
  let rejected = 0;
  for (let seed = from; seed < from + CONNECTIONS; seed++) {
    for await (const { candidates } of testedConnections(kind, seed, 1, bh)) {
      if (decide([candidates], bh)[0]!.significantCount > 0) rejected++;
      break;
    }
  }
  return rejected / CONNECTIONS;
}

describe.each(NULL_KINDS)("null connections: $name", (kind) => {
  it("are significant at 3 sigma at the nominal rate", async () => {
    const { trials, hits, exponent } = await rate(
      kind,
      "beta",
      kind.orthonormal ? ENOUGH.orthonormal : ENOUGH.single,
    );
    const what = `${hits} of ${trials}, ${(hits / trials / THREE_SIGMA).toFixed(3)} x nominal`;
    expect(exponent, what).toBeLessThan(criticalExponent(FALSE_ALARM));
  });

  it("have uniform p-values", async () => {
    const sample = await pValues(kind, "beta", P_VALUES);
    expect(distanceFromUniform(sample)).toBeLessThan(criticalDistance(P_VALUES, FALSE_ALARM));
  });

  it("have any rejection at bh 0.05 in at most 0.05 of cases, within 3 standard errors", async () => {
    const limit = 0.05 + 3 * Math.sqrt(0.05 * 0.95 / CONNECTIONS);
    let share = await shareWithRejection(kind, 20_001);
    // Chance alone exceeds 3 standard errors once in 740 times; it does not do so twice.
    if (share > limit) share = await shareWithRejection(kind, 40_001);
    expect(share).toBeLessThanOrEqual(limit);
    // Not because nothing is ever tested: Bonferroni's bound alone makes rejections about this frequent.
    expect(share).toBeGreaterThan(0.015);
  });
});

describe("the instruments", () => {
  const [direct] = NULL_KINDS as readonly [NullKind, ...NullKind[]];

  it("find out the chi-squared limit: too few edges at 3 sigma, p-values that are not uniform", async () => {
    const { trials, hits, exponent } = await rate(direct, "chi2", ENOUGH.orthonormal);
    expect(hits / trials).toBeLessThan(0.7 * THREE_SIGMA);
    expect(exponent).toBeGreaterThan(criticalExponent(FALSE_ALARM));
    const split = NULL_KINDS.find(({ name }) => name.startsWith("split"))!;
    const sample = await pValues(split, "chi2", P_VALUES);
    expect(distanceFromUniform(sample)).toBeGreaterThan(criticalDistance(P_VALUES, FALSE_ALARM));
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
