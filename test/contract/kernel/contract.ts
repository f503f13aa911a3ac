import { describe, expect, it } from "vitest";
import type { Kernel } from "../../../src/kernels/kernel.ts";
import type { Svd } from "../../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../../src/model/tensor.ts";

const EPS = 2 ** -52;

/** mulberry32: enough for test matrices, the same on every runtime. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function gaussian(rows: number, cols: number, seed: number): Matrix {
  const next = random(seed);
  return matrix(
    rows,
    cols,
    Float64Array.from(
      { length: rows * cols },
      () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    ),
  );
}

const rowDot = (a: Matrix, i: number, b: Matrix, j: number) => {
  let sum = 0;
  for (let k = 0; k < a.cols; k++) sum += a.data[i * a.cols + k]! * b.data[j * b.cols + k]!;
  return sum;
};

/** Orthonormal rows by Gram-Schmidt, three times over. */
function orthonormal(rows: number, cols: number, seed: number): Matrix {
  const q = gaussian(rows, cols, seed);
  for (let pass = 0; pass < 3; pass++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < i; j++) {
        const c = rowDot(q, i, q, j);
        for (let k = 0; k < cols; k++) q.data[i * cols + k]! -= c * q.data[j * cols + k]!;
      }
      const norm = Math.sqrt(rowDot(q, i, q, i));
      for (let k = 0; k < cols; k++) q.data[i * cols + k]! /= norm;
    }
  }
  return q;
}

/** `sum s_j u_j v_j'` with seeded orthonormal vectors. */
function withSpectrum(rows: number, cols: number, s: number[], seed: number): Matrix {
  return reconstruct({
    left: orthonormal(s.length, rows, seed),
    singularValues: Float64Array.from(s),
    right: orthonormal(s.length, cols, seed + 1),
  });
}

function reconstruct({ left, singularValues, right }: Svd): Matrix {
  const out = matrix(left.cols, right.cols);
  singularValues.forEach((s, j) => {
    for (let i = 0; i < out.rows; i++) {
      const factor = s * left.data[j * left.cols + i]!;
      for (let k = 0; k < out.cols; k++) {
        out.data[i * out.cols + k]! += factor * right.data[j * right.cols + k]!;
      }
    }
  });
  return out;
}

const copy = (a: Matrix): Matrix => matrix(a.rows, a.cols, a.data.slice());

function checkDecomposition(a: Matrix, found: Svd): void {
  const r = Math.min(a.rows, a.cols);
  const bound = 50 * EPS * Math.max(a.rows, a.cols);
  const s = found.singularValues;
  expect([found.left.rows, found.left.cols, s.length, found.right.rows, found.right.cols]).toEqual([
    r,
    a.rows,
    r,
    r,
    a.cols,
  ]);
  for (let j = 1; j < r; j++) expect(s[j]!).toBeLessThanOrEqual(s[j - 1]!);
  expect(s[r - 1]!).toBeGreaterThanOrEqual(0);
  for (const vectors of [found.left, found.right]) {
    for (let i = 0; i < r; i++) {
      for (let j = 0; j <= i; j++) {
        expect(Math.abs(rowDot(vectors, i, vectors, j) - (i === j ? 1 : 0)), `rows ${i}, ${j}`).toBeLessThan(
          bound,
        );
      }
    }
  }
  const back = reconstruct(found);
  const worst = a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - back.data[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(bound * s[0]!);
  for (let j = 0; j < r; j++) {
    const u = found.left.data.subarray(j * a.rows, (j + 1) * a.rows);
    const largest = u.reduce((best, x) => Math.abs(x) > Math.abs(best) ? x : best, 0);
    expect(largest, "the largest entry of u is positive").toBeGreaterThan(0);
  }
}

/** What every kernel must do. */
export function kernelContract(name: string, open: () => Promise<Kernel>): void {
  describe(`kernel ${name}`, () => {
    const decompose = async (a: Matrix) => {
      const kernel = await open();
      try {
        return await kernel.svd(copy(a));
      } finally {
        await kernel.dispose();
      }
    };

    const shapes: [number, number][] = [[1, 1], [1, 7], [7, 1], [5, 5], [9, 40], [40, 9], [64, 64], [
      65,
      130,
    ]];
    it.each(shapes)("decomposes a Gaussian %i x %i matrix", async (rows, cols) => {
      const a = gaussian(rows, cols, rows * 100 + cols);
      checkDecomposition(a, await decompose(a));
    });

    it.each([[30, 30], [30, 90], [90, 30]])(
      "keeps a graded spectrum 1 to 1e-12 (%i x %i)",
      async (rows, cols) => {
        const s = Array.from({ length: 30 }, (_, j) => 10 ** (-12 * j / 29));
        const a = withSpectrum(rows, cols, s, 5);
        const found = await decompose(a);
        checkDecomposition(a, found);
        s.forEach((value, j) => expect(Math.abs(found.singularValues[j]! - value)).toBeLessThan(10 * EPS));
      },
    );

    it("completes the vectors of a rank-deficient matrix", async () => {
      for (const [rows, cols] of [[20, 20], [20, 50], [50, 20]] as const) {
        const a = withSpectrum(rows, cols, [3, 2, 1], 9);
        const found = await decompose(a);
        checkDecomposition(a, found);
        expect(found.singularValues[3]!).toBeLessThan(1e-13);
      }
    });

    it("completes the vectors of a zero matrix, and of one with zero rows and columns", async () => {
      for (const [rows, cols] of [[1, 1], [6, 6], [4, 9], [9, 4]] as const) {
        const found = await decompose(matrix(rows, cols));
        checkDecomposition(matrix(rows, cols), found);
        expect(found.singularValues.every((s) => s === 0)).toBe(true);
      }
      const sparse = matrix(6, 8);
      sparse.data[2 * 8 + 3] = -5;
      const found = await decompose(sparse);
      checkDecomposition(sparse, found);
      expect(found.singularValues[0]).toBeCloseTo(5, 14);
    });

    it("handles repeated and clustered singular values", async () => {
      const repeated = withSpectrum(24, 24, Array.from({ length: 24 }, () => 2), 11);
      checkDecomposition(repeated, await decompose(repeated));
      const clustered = withSpectrum(24, 60, Array.from({ length: 24 }, (_, j) => 1 + j * 1e-14), 13);
      checkDecomposition(clustered, await decompose(clustered));
      const identity = matrix(12, 12);
      for (let i = 0; i < 12; i++) identity.data[i * 13] = 1;
      expect((await decompose(identity)).singularValues).toEqual(new Float64Array(12).fill(1));
    });

    it.each([1e300, 1e-300, 2 ** -1060])("is scale-free: entries near %d", async (scale) => {
      const a = gaussian(10, 25, 17);
      const scaled = matrix(10, 25, a.data.map((x) => x * scale));
      const plain = await decompose(a);
      const found = await decompose(scaled);
      for (let i = 0; i < 10; i++) {
        expect(Math.abs(rowDot(found.left, i, found.left, i) - 1)).toBeLessThan(1e-12);
      }
      // Denormal entries hold fewer digits: 2^-1074 is their grain.
      const grain = Math.max(1e-13, 2 ** -1074 / scale * 40);
      found.singularValues.forEach((s, j) =>
        expect(Math.abs(s / scale - plain.singularValues[j]!)).toBeLessThan(grain * plain.singularValues[0]!)
      );
    });

    it("survives the cancellation of Läuchli's matrix", async () => {
      const e = 1e-9;
      // Singular values sqrt(2 + e^2) and e; the square of e is lost in any Gram matrix.
      const found = await decompose(matrix(3, 2, Float64Array.of(1, 1, e, 0, 0, e)));
      expect(found.singularValues[0]).toBeCloseTo(Math.SQRT2, 14);
      expect(Math.abs(found.singularValues[1]! - e)).toBeLessThan(10 * EPS * Math.SQRT2);
    });

    it.each([NaN, Infinity, -Infinity])("refuses %d before any work, and says where", async (value) => {
      const a = gaussian(4, 6, 3);
      a.data[2 * 6 + 5] = value;
      await expect(decompose(a)).rejects.toThrow(
        /row 2, column 5: found (NaN|-?Infinity), required a finite number/,
      );
    });

    it("refuses a matrix without rows", async () => {
      await expect(decompose(matrix(0, 3))).rejects.toThrow(RangeError);
    });

    it("stops where the signal says so, with its reason", async () => {
      const kernel = await open();
      const stop = new Error("enough");
      await expect(kernel.svd(gaussian(8, 8, 1), { signal: AbortSignal.abort(stop) })).rejects.toBe(stop);
      const controller = new AbortController();
      setTimeout(() => controller.abort(stop), 20);
      await expect(kernel.svd(gaussian(400, 400, 1), { signal: controller.signal })).rejects.toBe(stop);
      await kernel.dispose();
    });

    it("multiplies, and by the transpose", async () => {
      const kernel = await open();
      for (const [m, k, n] of [[1, 1, 1], [3, 5, 2], [17, 31, 13], [64, 9, 65]] as const) {
        const a = gaussian(m, k, 21);
        const b = gaussian(n, k, 22);
        const transposed = matrix(k, n);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < k; j++) transposed.data[j * n + i] = b.data[i * k + j]!;
        }
        const byTranspose = await kernel.multiply(a, b, { transposeB: true });
        const plain = await kernel.multiply(a, transposed);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            expect(byTranspose.data[i * n + j]).toBeCloseTo(rowDot(a, i, b, j), 12);
            expect(plain.data[i * n + j]).toBeCloseTo(rowDot(a, i, b, j), 12);
          }
        }
      }
      await expect(kernel.multiply(gaussian(2, 3, 1), gaussian(2, 4, 1), { transposeB: true })).rejects
        .toThrow(
          /inner sizes 3 and 4/,
        );
      await kernel.dispose();
    });
  });
}
