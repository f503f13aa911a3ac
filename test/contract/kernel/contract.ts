import { expect, it } from "vitest";
import type { ComputingKernelName } from "../../../src/kernels/in-thread.ts";
import type { Svd } from "../../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../../src/model/tensor.ts";
import { describeKernel, KERNELS } from "../../support/kernels.ts";
import { copyOf, EPS, normalMatrix, reconstruct, rowDot, withSpectrum } from "../../support/matrices.ts";
import { DEFICIENT_SHAPES, deficientMatrices } from "./deficient-matrices.ts";

function checkDecomposition(a: Matrix, found: Svd, name = "it"): void {
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
        const inner = rowDot(vectors, i, vectors, j);
        expect(Math.abs(inner - (i === j ? 1 : 0)), `${name}: rows ${i}, ${j}`).toBeLessThan(bound);
      }
    }
  }
  const back = reconstruct(found);
  const worst = a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - back.data[i]!)), 0);
  expect(worst, name).toBeLessThanOrEqual(bound * s[0]!);
  for (let j = 0; j < r; j++) {
    const u = found.left.data.subarray(j * a.rows, (j + 1) * a.rows);
    const largest = u.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const first = u.find((x) => Math.abs(x) >= largest * (1 - 2 ** -30));
    expect(first, `${name}: the largest entry of u is positive, of equal ones the first`).toBeGreaterThan(0);
  }
}

/** What every kernel must do. */
export function kernelContract(name: ComputingKernelName): void {
  const open = KERNELS.get(name)!;
  describeKernel(name, `kernel ${name}`, () => {
    const decompose = async (a: Matrix) => {
      const kernel = await open();
      try {
        return await kernel.svd(copyOf(a));
      } finally {
        await kernel.dispose();
      }
    };

    const shapes: [number, number][] = [[1, 1], [1, 7], [7, 1], [5, 5], [9, 40], [40, 9], [64, 64], [
      65,
      130,
    ]];
    it.each(shapes)("decomposes a Gaussian %i x %i matrix", async (rows, cols) => {
      const a = normalMatrix(rows, cols, rows * 100 + cols);
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

    const geometric = (count: number, last: number) =>
      Array.from({ length: count }, (_, j) => last ** (j / (count - 1)));
    const mostlySmall = Array.from({ length: 48 }, (_, j) => j < 12 ? 1 - j / 40 : 0.02 * 0.9 ** j);
    const fewSmall = Array.from({ length: 48 }, (_, j) => j < 40 ? 1 - j / 50 : 1e-2 / 10 ** (2 * (j - 40)));
    const rankDeficient = Array.from({ length: 48 }, (_, j) => j < 30 ? 2 - j / 30 : 0);
    const nearlySo = Array.from({ length: 48 }, (_, j) => j < 47 ? 1 : 1e-17);
    it.each([
      ["graded, 1 to 1e-12", geometric(48, 1e-12)],
      ["graded, 1 to 1e-300", geometric(48, 1e-300)],
      ["mostly small", mostlySmall],
      ["with a few small ones, down to 1e-16", fewSmall],
      ["of rank 30", rankDeficient],
      ["of nearly deficient rank", nearlySo],
      ["in two clusters", Array.from({ length: 48 }, (_, j) => j < 24 ? 1 : 0.03)],
      [
        "around the floor of the Gram matrix",
        Array.from({ length: 48 }, (_, j) => j === 0 ? 1 : 0.03 + (j - 24) * 1e-5),
      ],
    ])("decomposes a spectrum %s", async (_, spectrum) => {
      const s = spectrum.toSorted((a, b) => b - a);
      for (const [rows, cols] of [[48, 48], [48, 130], [130, 48]] as const) {
        const a = withSpectrum(rows, cols, s, rows + cols);
        const found = await decompose(a);
        checkDecomposition(a, found);
        s.forEach((value, j) =>
          expect(Math.abs(found.singularValues[j]! - value), `singular value ${j}`).toBeLessThan(
            20 * EPS * s[0]!,
          )
        );
      }
    });

    it.each(DEFICIENT_SHAPES)("decomposes %i x %i matrices of deficient rank", async (rows, cols) => {
      const kernel = await open();
      for (const { name, a, rank } of deficientMatrices(rows, cols)) {
        const found = await kernel.svd(copyOf(a));
        checkDecomposition(a, found, name);
        if (rank === null) continue;
        const s = found.singularValues;
        const rounding = EPS * Math.max(rows, cols) * s[0]!;
        expect(s.filter((value) => value > rounding), name).toHaveLength(rank);
        expect(s[rank - 1] ?? Infinity, name).toBeGreaterThan(1e6 * rounding);
      }
      await kernel.dispose();
    });

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
        expect(found.singularValues).toEqual(new Float64Array(Math.min(rows, cols)));
        // Zeros with signs, as pruned weights have them: 0 and not -0.
        const signed = await decompose(matrix(rows, cols, new Float64Array(rows * cols).fill(-0)));
        expect(signed.singularValues).toEqual(new Float64Array(Math.min(rows, cols)));
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

    it.each([
      [1e300, 10, 25],
      [1e-300, 10, 25],
      [2 ** -1060, 10, 25],
      [1e300, 40, 70],
      [1e-300, 70, 40],
      [2 ** -1060, 40, 40],
    ])("is scale-free: entries near %d (%i x %i)", async (scale, rows, cols) => {
      const a = normalMatrix(rows, cols, 17);
      const scaled = matrix(rows, cols, a.data.map((x) => x * scale));
      const plain = await decompose(a);
      const found = await decompose(scaled);
      for (let i = 0; i < Math.min(rows, cols); i++) {
        expect(Math.abs(rowDot(found.left, i, found.left, i) - 1)).toBeLessThan(1e-12);
      }
      // Denormal entries hold fewer digits: 2^-1074 is their grain.
      const grain = Math.max(1e-13, 2 ** -1074 / scale * Math.max(rows, cols));
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
      const a = normalMatrix(4, 6, 3);
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
      await expect(kernel.svd(normalMatrix(8, 8, 1), { signal: AbortSignal.abort(stop) })).rejects.toBe(stop);
      const controller = new AbortController();
      setTimeout(() => controller.abort(stop), 20);
      await expect(kernel.svd(normalMatrix(400, 400, 1), { signal: controller.signal })).rejects.toBe(stop);
      await kernel.dispose();
    });

    it("computes overlaps: products of one vector at all positions, squared and summed", async () => {
      const kernel = await open();
      for (
        const [rows, others, channels, z] of [[1, 1, 1, 1], [5, 7, 3, 9], [33, 20, 17, 4], [
          3,
          2,
          4,
          300,
        ]] as const
      ) {
        const tested = normalMatrix(rows, channels * z, 31);
        const other = normalMatrix(others, channels, 32);
        const found = await kernel.overlap(tested, other, z);
        expect([found.rows, found.cols]).toEqual([rows, others]);
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < others; j++) {
            let sum = 0;
            for (let k = 0; k < z; k++) {
              let inner = 0;
              for (let c = 0; c < channels; c++) {
                inner += tested.data[(i * channels + c) * z + k]! * other.data[j * channels + c]!;
              }
              sum += inner ** 2;
            }
            expect(Math.abs(found.data[i * others + j]! / sum - 1)).toBeLessThan(1e-11);
          }
        }
        // What was given is still there.
        expect(tested.data).toEqual(normalMatrix(rows, channels * z, 31).data);
        expect(other.data).toEqual(normalMatrix(others, channels, 32).data);
      }
      await expect(kernel.overlap(normalMatrix(2, 6, 1), normalMatrix(2, 4, 1), 2)).rejects.toThrow(
        /found vectors of 6 and 4 entries and 2 positions/,
      );
      await kernel.dispose();
    });

    it("takes parts of larger arrays for what they are", async () => {
      const kernel = await open();
      const all = normalMatrix(6, 5, 8);
      const part = matrix(3, 5, all.data.subarray(5, 20));
      const product = await kernel.multiply(part, part, { transposeB: true });
      expect(product.data[1]).toBeCloseTo(rowDot(all, 1, all, 2), 12);
      await kernel.svd(part);
      expect(all.data.subarray(0, 5)).toEqual(normalMatrix(6, 5, 8).data.subarray(0, 5));
      await kernel.dispose();
    });

    it("answers calls that overlap, each its own", async () => {
      const kernel = await open();
      const matrices = Array.from({ length: 6 }, (_, at) => normalMatrix(30 + at, 40, at));
      const all = await Promise.all(matrices.map((a) => kernel.svd(copyOf(a))));
      all.forEach((found, at) => checkDecomposition(matrices[at]!, found));
      await kernel.dispose();
    });

    it("makes rows orthonormal, each along the row that it was", async () => {
      const kernel = await open();
      for (const [m, n] of [[1, 1], [1, 7], [5, 5], [30, 30], [40, 90]] as const) {
        const rows = normalMatrix(m, n, 31);
        const found = await kernel.orthonormalize(copyOf(rows));
        for (let i = 0; i < m; i++) {
          expect(rowDot(found, i, rows, i)).toBeGreaterThan(0);
          // The basis is Gram and Schmidt's: a row has nothing of those behind it.
          for (let j = 0; j < m; j++) {
            expect(rowDot(found, i, found, j)).toBeCloseTo(i === j ? 1 : 0, 12);
            if (j > i) expect(rowDot(found, j, rows, i)).toBeCloseTo(0, 10);
          }
        }
      }
      await expect(kernel.orthonormalize(normalMatrix(3, 2, 1))).rejects.toThrow(/found 3 rows of 2 numbers/);
      await kernel.dispose();
    });

    it("finds the eigenvalues of a Gram matrix: the squares of the singular values", async () => {
      const kernel = await open();
      for (const [m, n] of [[1, 3], [6, 20], [30, 12], [65, 80]] as const) {
        const rows = normalMatrix(m, n, 41);
        const gram = await kernel.multiply(rows, rows, { transposeB: true });
        const found = await kernel.eigenvalues(gram);
        const { singularValues } = await kernel.svd(copyOf(rows));
        const wanted = Float64Array.from({ length: m }, (_, at) => (singularValues[m - 1 - at] ?? 0) ** 2);
        expect(found).toHaveLength(m);
        found.forEach((value, at) =>
          expect(value / wanted[m - 1]!).toBeCloseTo(wanted[at]! / wanted[m - 1]!, 12)
        );
      }
      await expect(kernel.eigenvalues(normalMatrix(3, 2, 1))).rejects.toThrow(/found a 3 x 2 matrix/);
      await kernel.dispose();
    });

    it("multiplies, by the transpose and by itself", async () => {
      const kernel = await open();
      for (const [m, k, n] of [[1, 1, 1], [3, 5, 2], [17, 31, 13], [64, 9, 65]] as const) {
        const a = normalMatrix(m, k, 21);
        const b = normalMatrix(n, k, 22);
        const transposed = matrix(k, n);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < k; j++) transposed.data[j * n + i] = b.data[i * k + j]!;
        }
        const byTranspose = await kernel.multiply(a, b, { transposeB: true });
        const plain = await kernel.multiply(a, transposed);
        const itself = await kernel.multiply(a, a, { transposeB: true });
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < m; j++) expect(itself.data[i * m + j]).toBeCloseTo(rowDot(a, i, a, j), 12);
          for (let j = 0; j < n; j++) {
            expect(byTranspose.data[i * n + j]).toBeCloseTo(rowDot(a, i, b, j), 12);
            expect(plain.data[i * n + j]).toBeCloseTo(rowDot(a, i, b, j), 12);
          }
        }
      }
      await expect(kernel.multiply(normalMatrix(2, 3, 1), normalMatrix(2, 4, 1), { transposeB: true }))
        .rejects
        .toThrow(
          /inner sizes 3 and 4/,
        );
      await kernel.dispose();
    });
  });
}
