/**
 * Whether the energy of a near-kernel block has the mean, the variance and the tails that are said of it, over random turns that are drawn
 * here: Haar rotations of the channels under `rotation`, Haar frames of channels and positions under `beta`.
 */

import { beforeAll, describe, expect, it } from "vitest";
import type { EnergyChance } from "../../src/model/ports.ts";
import { random } from "../../src/model/random.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import { subspaceNull } from "../../src/stats/subspace-null.ts";
import { haarFrame } from "../untrained/haar.ts";
import { energiesOf, nearKernelBlock } from "./near-kernel-models.ts";
import { type NullKind, type Variant, VARIANTS } from "./null-models.ts";
import { chernoffExponent, criticalExponent } from "./sampling-error.ts";

/** Of each case. */
const DRAWS = 20_000;

/** Of each tail at each level; over fresh seeds 3e-4 in all, beside 2 moments of each case at 6e-5. */
const FALSE_ALARM = 1e-6;

/** How much rarer or more frequent than said the tails of 1 % and of 0.1 % may be: the law is a Beta with the right mean, variance and range. */
interface Tolerance {
  readonly hundredth: readonly [least: number, most: number];
  readonly thousandth: readonly [least: number, most: number];
}

/** One vector, or two angles between subspaces: the law is exact. */
const EXACT: Tolerance = { hundredth: [1, 1], thousandth: [1, 1] };
/** Many vectors: nearly so. */
const MANY: Tolerance = { hundredth: [0.8, 1.25], thousandth: [0.6, 1.6] };
/** A few: the law's shape shows. */
const FEW: Tolerance = { hundredth: [0.4, 1.6], thousandth: [0.05, 2.2] };

const whole = (length: number) => [{ source: 0, target: 0, length }];

/** A dense layer that feeds a convolution of `z` taps; in `cosvr` the other way round. */
function dense(unfolding: Unfolding, n: number, z: number): NullKind {
  const [plain, kernel] = [{ out: n, in: n }, { out: n, in: n, positions: z }];
  const [source, target] = unfolding === "svr" ? [plain, kernel] : [kernel, plain];
  return { name: `dense, n=${n} z=${z}`, unfolding, source, target, channels: whole(n) };
}

const DEPTHWISE = { out: 16, in: 16, positions: 9, groups: 16 };
const grouped = (name: string, source: NullKind["source"], target: NullKind["target"]): NullKind => ({
  name,
  unfolding: "svr",
  source,
  target,
  channels: whole(16),
});
const GROUPED_SOURCE = (z: number) =>
  grouped(`grouped source, 2 x 8, z=${z}`, { out: 16, in: 16, groups: 2 }, {
    out: 12,
    in: 16,
    positions: z,
  });
const GROUPED_TARGET = (z: number) =>
  grouped(`grouped target, 4 x 4, z=${z}`, { out: 16, in: 16 }, {
    out: 16,
    in: 16,
    positions: z,
    groups: 4,
  });
const DEPTHWISE_SOURCE = (z: number) =>
  grouped(`depthwise source, z=${z}`, DEPTHWISE, { out: 8, in: 16, positions: z });
const DEPTHWISE_TARGET = grouped("depthwise target, z=9", { out: 16, in: 16 }, DEPTHWISE);
const PADDED: NullKind = {
  name: "padded, 12 into 16, z=9",
  unfolding: "svr",
  source: { out: 12, in: 12 },
  target: { out: 16, in: 16, positions: 9 },
  channels: [{ source: 0, target: 2, length: 12 }],
};

const [GAUSSIAN, BLURRED, TAP, DEAD_CARRIED, DEAD_OTHER] = VARIANTS as [
  ...[Variant, Variant, Variant, Variant, Variant],
];
const PROFILES = [GAUSSIAN, BLURRED, TAP];

/** Kind, variant, near-kernels of source and target, and how well the law fits. */
type Case = readonly [NullKind, Variant, a: number, b: number, Tolerance];

const both = (
  n: number,
  z: number,
  a: number,
  b: number,
  variants: readonly Variant[],
  fit: Tolerance,
): Case[] =>
  variants.flatMap((variant): Case[] => [
    [dense("svr", n, z), variant, a, b, fit],
    [dense("cosvr", n, z), variant, b, a, fit],
  ]);

const each = (kind: NullKind, a: number, b: number, variants: readonly Variant[], fit: Tolerance): Case[] =>
  variants.map((variant): Case => [kind, variant, a, b, fit]);

const CASES: readonly Case[] = [
  // One near-kernel of the side that is turned.
  ...[1, 4, 9].flatMap((z) => both(8, z, 1, 1, z === 1 ? [GAUSSIAN] : PROFILES, EXACT)),
  ...each(dense("svr", 16, 9), 1, 8, [GAUSSIAN, BLURRED], EXACT),
  ...each(DEPTHWISE_SOURCE(9), 1, 4, PROFILES, EXACT),
  // Two and two; with one profile `S` is a projector too.
  ...both(8, 1, 2, 2, [GAUSSIAN], EXACT),
  ...[4, 9].flatMap((z) => both(8, z, 2, 2, [BLURRED, TAP], EXACT)),
  ...[4, 9].flatMap((z) => both(8, z, 2, 2, [GAUSSIAN], FEW)),
  ...each(dense("cosvr", 16, 9), 1, 3, [GAUSSIAN], FEW),
  // Half of all.
  ...[1, 4, 9].flatMap((z) => both(8, z, 4, 4, z === 1 ? [GAUSSIAN] : PROFILES, MANY)),
  ...each(dense("svr", 16, 4), 8, 8, [GAUSSIAN, TAP, DEAD_CARRIED, DEAD_OTHER], MANY),
  ...each(dense("cosvr", 16, 4), 8, 8, [BLURRED, DEAD_CARRIED, DEAD_OTHER], MANY),
  ...each(GROUPED_SOURCE(9), 6, 6, [GAUSSIAN, BLURRED], MANY),
  ...each(GROUPED_SOURCE(9), 6, 6, [DEAD_OTHER], FEW),
  ...each(GROUPED_TARGET(4), 6, 6, [GAUSSIAN, TAP], MANY),
  ...each(PADDED, 6, 8, [BLURRED], MANY),
  ...each(DEPTHWISE_SOURCE(9), 4, 4, [...PROFILES, DEAD_CARRIED, DEAD_OTHER], FEW),
  ...each(DEPTHWISE_SOURCE(4), 12, 6, [BLURRED], MANY),
  ...each(DEPTHWISE_TARGET, 4, 4, [GAUSSIAN, TAP], FEW),
];

/** Mean and variance of draws, with their standard errors. */
function momentsOf(energies: Float64Array) {
  const count = energies.length;
  const mean = energies.reduce((sum, x) => sum + x, 0) / count;
  const moment = (power: number) => energies.reduce((sum, x) => sum + (x - mean) ** power, 0) / count;
  const variance = moment(2);
  return {
    mean,
    variance,
    meanError: Math.sqrt(variance / count),
    varianceError: Math.sqrt((moment(4) - variance ** 2) / count),
  };
}

/** Mean and variance of a law by its tail, `E X = integral of P(X > t)`, `E X^2 = integral of 2 t P(X > t)`: by the midpoint rule. */
function momentsOfLaw({ logSurvival }: EnergyChance, { mean, variance }: { mean: number; variance: number }) {
  const spread = Math.sqrt(variance);
  const from = Math.max(0, mean - 12 * spread);
  const steps = 1000;
  const step = (mean + 20 * spread - from) / steps;
  let [first, second] = [0, 0];
  for (let i = 0; i < steps; i++) {
    const t = (i + 0.5) * step;
    const above = Math.exp(logSurvival(from + t));
    first += above * step;
    second += 2 * t * above * step;
  }
  return { mean: from + first, variance: second - first * first };
}

/** The energy at which a tail has a level, between the least and the most of those drawn, by bisection. */
function critical(tail: (energy: number) => number, level: number, energies: Float64Array): number {
  let [low, high] = [Math.min(...energies), Math.max(...energies)];
  const falls = tail(high) < tail(low);
  for (let step = 0; step < 50; step++) {
    const energy = (low + high) / 2;
    if (tail(energy) <= Math.log(level) === falls) high = energy;
    else low = energy;
  }
  return (low + high) / 2;
}

/** The share of energies beyond a tail's level is what the level says, up to the tolerance and sampling error. */
function expectCalibrated(
  energies: Float64Array,
  { logSurvival, logCdf }: EnergyChance,
  fit: Tolerance,
): void {
  for (const [level, [least, most]] of [[0.01, fit.hundredth], [0.001, fit.thousandth]] as const) {
    const above = critical(logSurvival, level, energies);
    const below = critical(logCdf, level, energies);
    const counts = {
      above: energies.filter((energy) => energy > above).length,
      below: energies.filter((energy) => energy < below).length,
    };
    for (const [name, hits] of Object.entries(counts)) {
      const share = hits / energies.length / level;
      const allowed = Math.min(most, Math.max(least, share));
      const exponent = chernoffExponent(hits, energies.length, allowed * level);
      expect(exponent, `${share} of ${level} ${name}`).toBeLessThan(criticalExponent(FALSE_ALARM));
    }
  }
}

describe("the block's energy when channels are turned", () => {
  const named = CASES.map(([kind, variant, a, b, fit]) => ({
    kind,
    variant,
    a,
    b,
    fit,
    name: `${kind.unfolding}, ${kind.name}, ${variant.name}, a=${a} b=${b}`,
  }));

  it.each(named)("has the mean, the variance and the tails that are said: $name", async (each) => {
    const { kind, variant, a, b, fit, name } = each;
    const block = await nearKernelBlock(kind, variant, [a, b], 1);
    expect(block.chance).not.toBeNull();
    const energies = energiesOf(block, DRAWS, name);
    const drawn = momentsOf(energies);
    const law = momentsOfLaw(block.chance!, drawn);
    expect(Math.abs(drawn.mean - law.mean) / drawn.meanError, "mean").toBeLessThan(4);
    expect(Math.abs(drawn.variance - law.variance) / drawn.varianceError, "variance").toBeLessThan(4);
    expectCalibrated(energies, block.chance!, fit);
  });

  it("is nothing to test where it cannot vary", async () => {
    // Every vector of a side, and none that can be turned.
    expect((await nearKernelBlock(dense("svr", 8, 4), GAUSSIAN, [8, 3], 1)).chance).toBeNull();
    expect((await nearKernelBlock(dense("svr", 8, 4), GAUSSIAN, [0, 3], 1)).chance).toBeNull();
    expect((await nearKernelBlock(dense("svr", 8, 4), DEAD_OTHER, [2, 3], 1)).chance).toBeNull();
  });
});

/** `n`, `z`, `a` near-kernels of the source and `b` of the target. */
const JOINT: readonly (readonly [Unfolding, number, number, number, number, Tolerance])[] = [
  // One free angle: the law is a Beta.
  ["svr", 12, 1, 1, 5, EXACT],
  ["svr", 5, 3, 2, 1, EXACT],
  ["cosvr", 6, 2, 1, 3, EXACT],
  // Two: it is integrated. A Beta with the same moments would be five times off for two planes in R^4.
  ["svr", 4, 1, 2, 2, EXACT],
  ["svr", 8, 1, 3, 2, EXACT],
  ["svr", 8, 1, 6, 7, EXACT],
  ["svr", 6, 3, 1, 2, EXACT],
  ["cosvr", 8, 3, 2, 1, EXACT],
  // More: a Beta with the same moments.
  ["svr", 16, 1, 8, 8, MANY],
  ["svr", 16, 4, 2, 10, MANY],
  ["cosvr", 16, 4, 10, 2, MANY],
  ["cosvr", 12, 4, 6, 11, MANY],
];

/** `sum over k of (sum over c of T[c, k] w[c])^2`. */
function overlapOf(tested: Float64Array, w: Float64Array, n: number, z: number): number {
  let overlap = 0;
  for (let k = 0; k < z; k++) {
    let inner = 0;
    for (let c = 0; c < n; c++) inner += tested[c * z + k]! * w[c]!;
    overlap += inner * inner;
  }
  return overlap;
}

describe.each(JOINT)(
  "the block's energy when profiles are turned too, in %s with n = %d, z = %d, a = %d, b = %d",
  (unfolding, n, z, a, b, fit) => {
    const energies = new Float64Array(DRAWS);
    const [tested, others] = unfolding === "svr" ? [b, a] : [a, b];
    beforeAll(() => {
      const numbers = random(1000 * n + 100 * z + 10 * a + b, unfolding);
      const w = haarFrame(others, n, numbers);
      for (let draw = 0; draw < DRAWS; draw++) {
        const vectors = haarFrame(tested, n * z, numbers);
        for (let i = 0; i < tested; i++) {
          for (let j = 0; j < others; j++) {
            energies[draw]! += overlapOf(vectors.subarray(i * n * z), w.subarray(j * n), n, z);
          }
        }
      }
    });

    it("has the law of two random subspaces", async () => {
      const [P, Q] = unfolding === "svr" ? [a * z, b] : [a, b * z];
      const law = subspaceNull(P, Q, n * z)!;
      const drawn = momentsOf(energies);
      expect(law.mean).toBeCloseTo(a * b / n, 13);
      expect(Math.abs(drawn.mean - law.mean) / drawn.meanError).toBeLessThan(4);
      expect(Math.abs(drawn.variance - law.variance) / drawn.varianceError).toBeLessThan(4);
      expectCalibrated(energies, law, fit);
      // It is what a run under `beta` says.
      const { chance } = await nearKernelBlock(dense(unfolding, n, z), GAUSSIAN, [a, b], 1, "beta");
      for (const energy of energies.subarray(0, 20)) {
        expect(chance!.logSurvival(energy)).toBe(law.logSurvival(energy));
        expect(chance!.logCdf(energy)).toBe(law.logCdf(energy));
      }
    });
  },
);
