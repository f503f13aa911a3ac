import { describe, expect, it } from "vitest";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { random } from "../../src/model/random.ts";
import { matrix } from "../../src/model/tensor.ts";
import { symmetricEigenvalues } from "../../src/stats/symmetric-eigenvalues.ts";
import { EPS, orthonormalRows } from "../support/matrices.ts";

const kernel = openReferenceKernel();

/** A symmetric matrix by its entries. */
const symmetric = (n: number, entry: (i: number, j: number) => number) =>
  Float64Array.from(
    { length: n * n },
    (_, at) => entry(Math.max(Math.floor(at / n), at % n), Math.min(Math.floor(at / n), at % n)),
  );

/** `Q' diag(values) Q`. */
function turned(values: readonly number[], seed: number): Float64Array {
  const n = values.length;
  const q = orthonormalRows(n, n, seed).data;
  return symmetric(
    n,
    (i, j) => values.reduce((sum, value, k) => sum + value * q[k * n + i]! * q[k * n + j]!, 0),
  );
}

/** The largest difference from what they should be, as a share of the largest of them. */
function off(found: Float64Array, right: ArrayLike<number>): number {
  expect(found).toHaveLength(right.length);
  const sorted = Float64Array.from(right).sort();
  const largest = Math.max(Math.abs(sorted[0]!), Math.abs(sorted.at(-1)!));
  return found.reduce((most, value, at) => Math.max(most, Math.abs(value - sorted[at]!)), 0) / (largest || 1);
}

describe("eigenvalues of a symmetric matrix", () => {
  it.each([[1, 1], [2, 3], [3, 2], [4, 9], [9, 9], [9, 64], [25, 16], [49, 100], [64, 20], [120, 120]])(
    "are the squared singular values of what it is the Gram matrix of: %d x %d",
    async (n, cols) => {
      for (let seed = 1; seed <= (n < 10 ? 20 : 3); seed++) {
        const rows = matrix(n, cols);
        random(seed, `gram/${n}/${cols}`).normals(rows.data);
        const gram = (await kernel.multiply(rows, rows, { transposeB: true })).data;
        const { singularValues } = await kernel.svd(rows);
        const right = new Float64Array(n);
        singularValues.forEach((s, at) => right[at] = s * s);
        const found = symmetricEigenvalues(gram, n);
        expect(found).toEqual(found.toSorted());
        expect(off(found, right)).toBeLessThan(10 * n * EPS);
      }
    },
  );

  it("are those of a path: 2 - 2 cos(pi k / (n + 1))", () => {
    for (const n of [1, 2, 5, 30]) {
      const path = symmetric(n, (i, j) => i === j ? 2 : i === j + 1 ? -1 : 0);
      const right = Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(Math.PI * (k + 1) / (n + 1)));
      expect(off(symmetricEigenvalues(path, n), right)).toBeLessThan(10 * n * EPS);
    }
  });

  it.each(
    [
      ["all equal", [3, 3, 3, 3, 3]],
      ["equal in groups", [1, 1, 1, 5, 5, 0, 0, 0]],
      ["of one rank", [7, 0, 0, 0, 0, 0, 0, 0, 0]],
      ["nothing", [0, 0, 0]],
      ["of either sign", [-4, -1, 0, 1, 4]],
      ["far apart", [1, 1e-4, 1e-8, 1e-12, 1e-16, 0]],
      ["nearly equal", [1, 1 + 1e-15, 1 + 1e-12, 1 + 1e-9, 1 - 1e-6]],
      ["very small", [3e-150, 1e-150, 2e-150]],
      ["very large", [3e150, 1e150, 2e150]],
    ] as [string, number[]][],
  )("are found where they are %s", (_, values) => {
    for (let seed = 1; seed <= 5; seed++) {
      expect(off(symmetricEigenvalues(turned(values, seed), values.length), values)).toBeLessThan(1e-14);
    }
  });

  it("are the diagonal of a diagonal matrix, exactly, and of one that is nearly so", () => {
    const values = [4, 0.1, 7, -2, 7, 0];
    const n = values.length;
    expect([...symmetricEigenvalues(symmetric(n, (i, j) => i === j ? values[i]! : 0), n)]).toEqual(
      [...values].sort((a, b) => a - b),
    );
    const nearly = symmetric(n, (i, j) => i === j ? values[i]! : 1e-160);
    expect(off(symmetricEigenvalues(nearly, n), values)).toBeLessThan(4 * EPS);
  });

  it("are of the lower triangle, whatever is above", () => {
    const whole = turned([5, 3, 2, 1], 8);
    const lower = whole.map((value, at) => at % 4 > Math.floor(at / 4) ? NaN : value);
    expect(symmetricEigenvalues(lower, 4)).toEqual(symmetricEigenvalues(whole.slice(), 4));
  });

  it("are none of an empty matrix", () => {
    expect(symmetricEigenvalues(new Float64Array(0), 0)).toEqual(new Float64Array(0));
  });

  it("refuse what is no number", () => {
    expect(() => symmetricEigenvalues(Float64Array.of(1, 0, 0, NaN, 1, 0, 0.5, 0.5, 1), 3)).toThrow(
      /eigenvalues: found no convergence after 60 steps, required finite numbers/,
    );
  });
});
