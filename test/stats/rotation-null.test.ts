import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { random } from "../../src/model/random.ts";
import {
  rotationLogSurvival,
  type RotationNull,
  rotationNull,
  rotationNulls,
} from "../../src/stats/rotation-null.ts";
import { logBetaCdf, logBetaSurvival } from "../../src/stats/special-functions.ts";
import { symmetricEigenvalues } from "../../src/stats/symmetric-eigenvalues.ts";

function nullOf(eigenvalues: ArrayLike<number>, channels: number): RotationNull {
  const found = rotationNull(Float64Array.from(eigenvalues), channels);
  if (found === null) throw new Error("expected a distribution");
  return found;
}

const largestOf = (values: Float64Array) => values.reduce((most, value) => Math.max(most, value), 0);

/** Standard deviation of the overlap. */
function deviation(eigenvalues: Float64Array, channels: number): number {
  const sum = eigenvalues.reduce((all, value) => all + value, 0);
  const squares = eigenvalues.reduce((all, value) => all + value * value, 0);
  return Math.sqrt(2 * (channels * squares - sum * sum) / (channels ** 2 * (channels + 2)));
}

/** How far a logarithm is from the right one: relative, and in units of 1e-3 where the right one is nearly 0. */
const off = (found: number, right: number) =>
  right < -1e-3 ? Math.abs(found / right - 1) : 1000 * Math.abs(found - right);

describe("the rotation null", () => {
  it("agrees with 40-digit quadrature, to 1e-9 of the log", () => {
    const text = readFileSync(new URL("../golden/null_rotation.csv", import.meta.url), "utf8");
    const rows = text.trim().split("\n").slice(2).map((line) => line.split(","));
    expect(rows.length).toBeGreaterThan(150);
    let worst = 0;
    for (const [channels, eigenvalues, overlap, golden] of rows as [string, string, string, string][]) {
      const lambda = Float64Array.from(eigenvalues.split(" "), Number);
      const [N, q] = [Number(channels), Number(overlap)];
      for (const found of [rotationLogSurvival(q, lambda, N), nullOf(lambda, N).logSurvival(q)]) {
        worst = Math.max(worst, off(found, Number(golden)));
      }
    }
    expect(worst).toBeLessThan(1e-9);
  });

  it("is lambda times a Beta(1/2, (N-1)/2) for one eigenvalue", () => {
    for (const N of [2, 3, 16, 256, 4096]) {
      for (const lambda of [1, 0.3, 1e-6]) {
        const { mean, logSurvival, logCdf } = nullOf([lambda, 0], N);
        expect(mean).toBeCloseTo(lambda / N, 15);
        for (const x of [1e-9, 1 / N, 0.2, 0.7, 0.999]) {
          const right = logBetaSurvival(1 / 2, (N - 1) / 2, x);
          expect(off(logSurvival(lambda * x), right)).toBeLessThan(1e-11);
          expect(off(rotationLogSurvival(lambda * x, Float64Array.of(lambda), N), right)).toBeLessThan(1e-11);
          expect(off(logCdf(lambda * x), logBetaCdf(1 / 2, (N - 1) / 2, x))).toBeLessThan(1e-11);
        }
      }
    }
  });

  // The last ones are hard: hundreds of singularities on one side of the path, one or a few on the other.
  it.each(
    [
      ...[[2, 1], [2, 100], [4, 12], [9, 55], [9, 4087], [25, 10], [49, 4047], [144, 144]],
      ...[[100, 1], [300, 2], [256, 16], [1000, 64], [1000, 300]],
    ] as [number, number][],
  )("is lambda times a Beta(%d/2, %d/2) for so many equal eigenvalues and so many zeros", (z, rest) => {
    const N = z + rest;
    const lambda = new Float64Array(z).fill(1 / z);
    const found = nullOf(lambda, N);
    expect(found.mean).toBeCloseTo(1 / N, 14);
    const spread = Math.sqrt(2 * z * rest / (N * N * (N + 2)));
    for (let sigma = -8; sigma < 40; sigma += 0.05) {
      const x = z / N + sigma * spread;
      if (x <= 0 || x >= 1) continue;
      const right = logBetaSurvival(z / 2, rest / 2, x);
      const label = `${sigma} sigma`;
      expect(off(found.logSurvival(x / z), right), label).toBeLessThan(1e-9);
      expect(off(rotationLogSurvival(x / z, lambda, N), right), label).toBeLessThan(1e-9);
      expect(off(found.logCdf(x / z), logBetaCdf(z / 2, rest / 2, x)), label).toBeLessThan(1e-9);
    }
  });

  it.each(
    [
      [2, [1, 0.2]],
      [3, [1, 0.5]],
      [3, [1, 0.5, 0.1]],
      [4, [0.7, 0.2, 0.2, 0.1]],
      [4, [1, 1e-4]],
      [5, [0.5, 0.25, 0.125]],
      [5, [1, 1 - 1e-9, 1e-9]],
      [8, [0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.06, 0.04]],
      [9, [0.4, 0.4, 0.2, 1e-7, 1e-12, 1e-14, 0, 0, 0]],
      [12, [0.9, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.005, 0.005]],
      [16, [0.25, 0.25, 0.25, 0.24]],
      [40, [0.5, 0.3, 0.15, 0.05]],
    ] as [number, number[]][],
  )("is what 200,000 draws are: N = %d, eigenvalues %j", (N, lambda) => {
    const draws = 200_000;
    const values = new Float64Array(draws);
    const g = new Float64Array(N);
    const numbers = random(N, `draws/${lambda.join()}`);
    for (let draw = 0; draw < draws; draw++) {
      numbers.normals(g);
      let [above, below] = [0, 0];
      for (let k = 0; k < N; k++) {
        const square = g[k]! * g[k]!;
        above += (lambda[k] ?? 0) * square;
        below += square;
      }
      values[draw] = above / below;
    }
    values.sort();
    const found = nullOf(lambda, N);
    const tails: readonly (typeof found.logSurvival)[] = [
      found.logSurvival,
      (overlap) => rotationLogSurvival(overlap, Float64Array.from(lambda), N),
    ];
    for (const share of [0.0005, 0.003, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.999]) {
      const q = values[Math.round((1 - share) * draws)]!;
      // Order statistics: the true tail beyond is known to a standard error of a binomial share. Seven of them.
      const error = 7 * Math.sqrt(share * (1 - share) / draws);
      for (const tail of tails) expect(Math.abs(Math.exp(tail(q)) - share), `${share}`).toBeLessThan(error);
      expect(Math.abs(Math.exp(found.logCdf(q)) - (1 - share)), `${share}`).toBeLessThan(error);
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / draws;
    expect(Math.abs(mean - found.mean)).toBeLessThan(
      5 * deviation(Float64Array.from(lambda), N) / Math.sqrt(draws),
    );
  });

  it("is the same by the Gram matrix of positions as by that of channels, whichever are more", () => {
    for (const [N, z] of [[4, 9], [9, 4], [6, 6], [16, 49], [3, 2]] as const) {
      const V = new Float64Array(N * z);
      random(1, `V/${N}/${z}`).normals(V);
      const gram = (size: number, entry: (i: number, j: number) => number) =>
        symmetricEigenvalues(
          Float64Array.from({ length: size * size }, (_, at) => entry(Math.floor(at / size), at % size)),
          size,
        ).map((value) => Math.max(0, value));
      const dot = (count: number, left: (i: number) => number, right: (i: number) => number) =>
        Array.from({ length: count }, (_, i) => left(i) * right(i)).reduce((sum, value) => sum + value, 0);
      const positions = gram(z, (k, l) => dot(N, (c) => V[c * z + k]!, (c) => V[c * z + l]!));
      const channels = gram(N, (c, d) => dot(z, (k) => V[c * z + k]!, (k) => V[d * z + k]!));
      const [a, b] = [nullOf(positions, N), nullOf(channels, N)];
      expect(a.mean).toBeCloseTo(b.mean, 12);
      for (const q of [0.5 * a.mean, 2 * a.mean, 0.9 * largestOf(channels)]) {
        expect(off(a.logSurvival(q), b.logSurvival(q))).toBeLessThan(1e-9);
      }
    }
  });

  it("has a lower tail as exact as the upper one: that of c - lambda, mirrored", () => {
    // Of N eigenvalues, `c - X` has the eigenvalues `c - lambda_k`.
    for (
      const lambda of [[1, 0.4, 0.4, 0.3, 0.1], [0.5, 0.25, 0, 0, 0, 0], [1, 0.999, 0.2, 0.1, 0, 0, 0, 0]]
    ) {
      const N = lambda.length;
      const [a, b] = [nullOf(lambda, N), nullOf(lambda.map((value) => 1 - value), N)];
      const least = Math.min(...lambda);
      for (const share of [1e-4, 0.01, 0.2, 0.5, 0.9, 0.9999]) {
        const q = least + share * (lambda[0]! - least);
        expect(off(a.logCdf(q), b.logSurvival(1 - q))).toBeLessThan(1e-9);
        expect(off(a.logSurvival(q), b.logCdf(1 - q))).toBeLessThan(1e-9);
      }
    }
  });

  it("is nothing to test where the overlap cannot vary", () => {
    expect(rotationNull(new Float64Array(0), 5)).toBeNull();
    expect(rotationNull(new Float64Array(3), 5)).toBeNull();
    expect(rotationNull(Float64Array.of(0.2, 0.2, 0.2), 3)).toBeNull();
    expect(rotationNull(Float64Array.of(0.2, 0.2 * (1 + 1e-15), 0.2), 3)).toBeNull();
    // A single channel, and none.
    expect(rotationNull(Float64Array.of(0.7), 1)).toBeNull();
    expect(rotationNull(new Float64Array(0), 0)).toBeNull();
    expect(rotationNull(Float64Array.of(0.2, 0.2, 0.2), 4)).not.toBeNull();
  });

  it("says of values that cannot be what they are", () => {
    const lambda = Float64Array.of(0.5, 0.4, 0.2);
    expect(rotationLogSurvival(0.2, lambda, 3)).toBe(0);
    expect(rotationLogSurvival(0, lambda, 4)).toBe(0);
    expect(rotationLogSurvival(-1, lambda, 4)).toBe(0);
    expect(rotationLogSurvival(0.5, lambda, 4)).toBe(-Infinity);
    for (const channels of [3, 4]) {
      const found = nullOf(lambda, channels);
      expect(found.logSurvival(0.1)).toBe(channels === 3 ? 0 : rotationLogSurvival(0.1, lambda, 4));
      expect(found.logSurvival(0)).toBe(0);
      expect(found.logCdf(0)).toBe(-Infinity);
    }
  });
});

/** Seeded eigenvalues of all kinds: few and many, alike and far apart, as many as channels or fewer. */
function cases(
  count: number,
  seed: number,
): { N: number; lambda: Float64Array; level: number; share: number }[] {
  const numbers = random(seed, "cases");
  const pick = (most: number) => 1 + Math.floor(most * numbers.uniform());
  return Array.from({ length: count }, (_, at) => {
    const N = at % 20 === 0
      ? 4096
      : at % 5 === 0
      ? 1 + pick(4)
      : 1 + Math.ceil(2 ** (10 * numbers.uniform()));
    const z = at % 20 === 0 ? 49 : at % 3 === 0 ? pick(N) : pick(Math.min(N, 50));
    const spread = 30 * numbers.uniform() ** 2;
    return {
      N,
      lambda: Float64Array.from({ length: z }, () => Math.exp(-spread * numbers.uniform())),
      level: -Math.exp(-4 + 11 * numbers.uniform()),
      share: numbers.uniform(),
    };
  });
}

describe("a wide range of eigenvalues", () => {
  it("gives logarithms that are finite, never above 0, and add up to 1", () => {
    for (const { N, lambda, share } of cases(10_000, 1)) {
      const found = rotationNull(lambda, N);
      if (found === null) continue;
      const largest = largestOf(lambda);
      const spread = deviation(lambda, N);
      const overlaps = [
        share * largest,
        largest * (1 - Math.exp(-35 * share)),
        largest * Math.exp(-35 * share),
        found.mean * (1 - 1e-14),
        found.mean,
        Math.max(0, found.mean + (12 * share - 6) * spread),
      ];
      for (const q of overlaps.map((each) => Math.min(each, 0.999999 * largest))) {
        const [above, below] = [found.logSurvival(q), found.logCdf(q)];
        const label = `N=${N} z=${lambda.length} q=${q} of ${largest}: ${above}, ${below}`;
        expect(above <= 0 && below <= 0 && above > -Infinity, label).toBe(true);
        expect(Math.abs(Math.exp(above) + Math.exp(below) - 1), label).toBeLessThan(1e-9);
      }
      // The largest overlap that there can be, and what rounding makes of it.
      for (const q of [largest, largest * (1 + 1e-12), 1.01 * largest]) {
        const logP = found.logSurvival(q);
        expect(logP > -Infinity && logP < 0, `N=${N} z=${lambda.length}: ${logP} at ${q}`).toBe(true);
      }
    }
  });

  it("gives tails that fall all the way, without a step at the mean", () => {
    for (const { N, lambda } of cases(300, 2)) {
      const found = rotationNull(lambda, N);
      if (found === null) continue;
      const least = lambda.length < N ? 0 : lambda.reduce((low, value) => Math.min(low, value), Infinity);
      const largest = largestOf(lambda);
      let [above, below] = [0, -Infinity];
      for (let step = 1; step < 100; step++) {
        const q = least + (largest - least) * step / 100;
        const [now, then] = [found.logSurvival(q), found.logCdf(q)];
        const label = `N=${N} z=${lambda.length} at ${step} %`;
        // To the rounding of a number near 0.
        expect(now - above, label).toBeLessThan(1e-12);
        expect(below - then, label).toBeLessThan(1e-12);
        [above, below] = [now, then];
      }
      const spread = deviation(lambda, N);
      if (spread < 1e-3 * found.mean) continue;
      const jump = found.logSurvival(found.mean * (1 - 1e-13)) - found.logSurvival(found.mean);
      expect(Math.abs(jump), `N=${N} z=${lambda.length}`).toBeLessThan(1e-8);
    }
  });

  it("has thresholds below which no overlap passes, and close to those from which all do", () => {
    let [found, none] = [0, 0];
    for (const { N, lambda, level } of cases(6000, 3)) {
      const distribution = rotationNull(lambda, N);
      if (distribution === null) continue;
      const largest = largestOf(lambda);
      const label = `N=${N} z=${lambda.length}, ln p ${level}`;
      const threshold = distribution.lowerThreshold(level);
      if (threshold === Infinity) {
        expect(distribution.logSurvival(largest), label).toBeGreaterThan(level);
        none++;
        continue;
      }
      const logP = distribution.logSurvival(threshold);
      expect(logP, label).toBeGreaterThan(level);
      // An ulp away from the largest overlap ln p may fall by more than the room that it has.
      if (threshold < (1 - 1e-13) * largest) expect(logP, label).toBeLessThan(level + 0.05);
      else expect(distribution.logSurvival(threshold * (1 + 1e-12)), label).toBeLessThanOrEqual(level);
      found++;
    }
    expect(found).toBeGreaterThan(4000);
    expect(none).toBeGreaterThan(100);
  });

  it("has a threshold of 0 where everything passes", () => {
    expect(nullOf([0.5, 0.2], 8).lowerThreshold(0)).toBe(0);
    expect(nullOf([0.5], 8).lowerThreshold(0)).toBe(0);
  });

  it("is the same from nulls that share their channels, at one level and at several", () => {
    const make = rotationNulls(64);
    for (const lambda of [[1], [0.3], [0.6, 0.4], [0.01]]) {
      const [shared, own] = [make(Float64Array.from(lambda))!, nullOf(lambda, 64)];
      for (const level of [-6.6, -6.6, -2, -30]) {
        expect(shared.lowerThreshold(level)).toBe(own.lowerThreshold(level));
        expect(shared.logSurvival(0.2 * lambda[0]!)).toBe(own.logSurvival(0.2 * lambda[0]!));
      }
    }
  });
});
