/** p of permutation tests against a million relabellings, counted by numpy: `test/golden/files/permutation/make.py`. */

import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { matrix } from "../../src/model/tensor.ts";
import { relabellingsOf } from "../../src/stages/topology/inference/pair-tests.ts";
import { boundedKernel } from "../../src/stats/bounded-kernel.ts";
import {
  jointLogP,
  kernelProducts,
  portKernel,
  type PortView,
} from "../../src/stats/joint-permutation-test.ts";

interface Case {
  readonly channels: number;
  readonly weights: string;
  readonly relabellings: number;
  readonly reached: Readonly<Record<string, number>>;
  readonly shares: Readonly<Record<string, number>>;
}

const CASES = JSON.parse(
  await readFile(new URL("../golden/files/permutation/tail.json", import.meta.url), "utf8"),
) as Case[];

const TRAITS = 24;

/** The congruence of `make.py`. */
function noise(count: number, seed: number): Float64Array {
  let state = seed >>> 0;
  return new Float64Array(count).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function weights(family: string, n: number, seed: number): Float64Array {
  const u = noise(n * TRAITS, seed);
  if (family === "skewed") return u.map((x) => Math.exp(2.5 * x));
  if (family === "heavy-tailed") return u.map((x) => Math.sign(x) * (1 - Math.abs(x) + 1e-6) ** -0.6);
  const copied = noise(TRAITS, seed + 99);
  return u.map((x, at) => Math.floor(at / TRAITS) % 5 === 0 ? x + 2 * copied[at % TRAITS]! : x);
}

function viewOf(w: Float64Array, n: number): PortView {
  const dot = (i: number, j: number) => {
    let sum = 0;
    for (let k = 0; k < TRAITS; k++) sum += w[i * TRAITS + k]! * w[j * TRAITS + k]!;
    return sum;
  };
  const cosines = Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return dot(i, j) / Math.sqrt(dot(i, i) * dot(j, j));
  });
  const kernels = [portKernel(boundedKernel(matrix(n, n, cosines)))];
  return { size: n, kernels, products: kernelProducts(kernels) };
}

describe.each(CASES)(
  "$channels channels, $weights",
  ({ channels: n, weights: family, relabellings, reached, shares }) => {
    const [a, b] = [viewOf(weights(family, n, 11), n), viewOf(weights(family, n, 23), n)];
    it.each(Object.keys(reached))("a share of %s", (level) => {
      const p = Math.exp(jointLogP(a, b, [reached[level]!], [], [[0]], relabellingsOf(n)())!);
      const ratio = p / shares[level]!;
      // What is counted has an error of its own: ten of a million reach 1e-5.
      const error = 1 + 1 / Math.sqrt(shares[level]! * relabellings);
      // Clusters of near copies coincide in more ways than three moments show.
      expect(ratio).toBeGreaterThan((family === "in clusters" ? 0.1 : 0.5) / error);
      // Of few channels the curve gives more than there is, up to 8 channels all relabellings are counted.
      expect(ratio).toBeLessThan((n === 16 ? 3 : 2) * error);
    });
  },
);
