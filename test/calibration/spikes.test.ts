/** Neurons that stand out of noise: the rate of false ones, and what is found of planted ones. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { type Random, random } from "../../src/model/random.ts";
import { matrix } from "../../src/model/tensor.ts";
import { logLargestEigenvalueP, spikes } from "../../src/stats/largest-eigenvalue.ts";
import { KERNELS } from "../support/kernels.ts";

/** Matrices of each shape. */
const DRAWS = 1000;

/** 40 shapes: square, and up to 100 times as long as wide. */
const SHAPES = [8, 10, 12, 16, 20, 24, 32, 48].flatMap((side) =>
  [1, 1.5, 3, 10, 100].map((ratio) => [side, Math.round(side * ratio)] as const)
);

/** A chi-squared variable, by Marsaglia and Tsang's method for the gamma distribution. */
function chiSquared(degrees: number, source: Random, normal: () => number): number {
  if (degrees < 2) return normal() ** 2;
  const d = degrees / 2 - 1 / 3;
  for (;;) {
    const x = normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(source.uniform()) < x * x / 2 + d - d * v + d * Math.log(v)) return 2 * d * v;
  }
}

/**
 * The largest eigenvalue of `W W'` and the trace, of a Gaussian matrix: from the bidiagonal matrix that Householder's reflections make of it, whose
 * entries are independent chi variables (Dumitriu and Edelman 2002). By Sturm's count.
 */
function draw(rows: number, cols: number, source: Random): { largest: number; trace: number } {
  const normals = new Float64Array(512);
  let left = 0;
  const normal = () => {
    if (left === 0) {
      source.normals(normals);
      left = normals.length;
    }
    return normals[--left]!;
  };
  const a = Float64Array.from({ length: rows }, (_, i) => chiSquared(cols - i, source, normal));
  const b = Float64Array.from({ length: rows - 1 }, (_, i) => chiSquared(rows - 1 - i, source, normal));
  const trace = a.reduce((sum, value) => sum + value, 0) + b.reduce((sum, value) => sum + value, 0);
  let [low, high] = [0, trace];
  for (let step = 0; step < 40; step++) {
    const x = (low + high) / 2;
    let pivot = a[0]! - x;
    let isAbove = pivot < 0;
    for (let i = 1; i < rows && isAbove; i++) {
      pivot = a[i]! + b[i - 1]! - x - a[i - 1]! * b[i - 1]! / pivot;
      isAbove = pivot < 0;
    }
    if (isAbove) high = x;
    else low = x;
  }
  return { largest: (low + high) / 2, trace };
}

describe("noise", () => {
  it("has spikes at the nominal rates, over 40 shapes together and in none much more often", () => {
    const levels = [0.05, 0.001];
    const found = SHAPES.map(([rows, cols]) => {
      const source = random(17, `${rows} x ${cols}`);
      const logP = Array.from({ length: DRAWS }, () => {
        const { largest, trace } = draw(rows, cols, source);
        return logLargestEigenvalueP(largest, trace, rows, cols)!;
      });
      return levels.map((level) => logP.filter((each) => each <= Math.log(level)).length);
    });
    levels.forEach((level, at) => {
      const deviation = Math.sqrt(DRAWS * level * (1 - level));
      const counts = found.map((each) => each[at]!);
      const all = counts.reduce((sum, each) => sum + each, 0);
      const expected = SHAPES.length * DRAWS * level;
      expect(Math.abs(all - expected), `${level}: ${all} of ${expected}`)
        .toBeLessThan(3 * deviation * Math.sqrt(SHAPES.length));
      // The most of 40 shapes, whose own three deviations are exceeded now and then.
      expect(Math.max(...counts)).toBeLessThan(DRAWS * level + 4.5 * deviation);
    });
  });
});

describe("planted spikes", () => {
  const [ROWS, COLS] = [60, 120];
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await KERNELS.get("wasm")!();
  });
  afterAll(() => kernel.dispose());

  /** How many are seen at 0.001, of noise with as many unit matrices of that strength; the threshold is `(rows cols)^(1/4)`. */
  async function seen(seed: number, strengths: readonly number[]): Promise<number> {
    const source = random(seed, "planted");
    const noise = matrix(ROWS, COLS);
    source.normals(noise.data);
    const vectors = await Promise.all([ROWS, COLS].map((side) => {
      const gaussian = matrix(strengths.length, side);
      source.normals(gaussian.data);
      return kernel.orthonormalize(gaussian);
    }));
    const [left, right] = vectors as [typeof noise, typeof noise];
    strengths.forEach((strength, at) => {
      for (let i = 0; i < ROWS; i++) {
        for (let j = 0; j < COLS; j++) {
          noise.data[i * COLS + j]! += strength * (ROWS * COLS) ** 0.25 * left.data[at * ROWS + i]! *
            right.data[at * COLS + j]!;
        }
      }
    });
    const gram = await kernel.multiply(noise, noise, { transposeB: true });
    const eigenvalues = (await kernel.eigenvalues(gram)).reverse();
    return spikes(eigenvalues, ROWS, COLS).filter((logP) => logP <= Math.log(0.001)).length;
  }

  it("are found above the threshold of Baik, Ben Arous and Péché, all of them and no other", async () => {
    const counts = [];
    for (let seed = 0; seed < 60; seed++) counts.push(await seen(seed, [2, 3, 5, 20]));
    expect(counts.filter((count) => count === 4).length).toBeGreaterThan(56);
    expect(Math.max(...counts)).toBeLessThan(6);
  });

  it("are not found below it", async () => {
    const counts = [];
    for (let seed = 0; seed < 60; seed++) counts.push(await seen(seed, [0.5, 0.4, 0.3]));
    expect(counts.filter((count) => count > 0).length).toBeLessThan(2);
  });
});
