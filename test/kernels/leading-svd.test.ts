import { afterAll, beforeAll, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { describeKernel, KERNELS } from "../support/kernels.ts";
import type { Svd } from "../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { copyOf, normalMatrix, reflected, rowDot, withSpectrum } from "../support/matrices.ts";

/** Too large for the whole decomposition to be the cheaper way. */
const [ROWS, COLS] = [800, 720];

/** `max(|M v - s u|, |M' u - s v|) / s_1` of each triplet, by definition. */
function residualsOf(a: Matrix, { left, singularValues, right }: Svd): number[] {
  return Array.from(singularValues, (s, j) => {
    const [u, v] = [left, right].map(({ data, cols }) => data.subarray(j * cols, (j + 1) * cols)) as [
      Float64Array,
      Float64Array,
    ];
    const along = u.map((value) => -s * value);
    const back = v.map((value) => -s * value);
    for (let row = 0, at = 0; row < a.rows; row++) {
      for (let col = 0; col < a.cols; col++, at++) {
        along[row]! += a.data[at]! * v[col]!;
        back[col]! += a.data[at]! * u[row]!;
      }
    }
    return Math.max(Math.hypot(...along), Math.hypot(...back)) / singularValues[0]!;
  });
}

const descending = (of: (j: number) => number) => Array.from({ length: COLS }, (_, j) => of(j));
const flags = ({ converged }: Svd) => converged!.reduce((sum, flag) => sum + flag, 0);

for (const name of ["wasm", "native"] as const) {
  describeKernel(name, `leading triplets by ${name}`, () => {
    let kernel: Kernel;
    beforeAll(async () => {
      kernel = await KERNELS.get(name)!();
    });
    afterAll(() => kernel.dispose());

    const decaying = Array.from({ length: 80 }, (_, j) => 0.9 ** j);

    it.each([[80, 80], [80, 200], [200, 80]])(
      "finds those of a decaying spectrum (%i x %i)",
      async (rows, cols) => {
        const whole = await kernel.svd(withSpectrum(rows, cols, decaying, 3));
        const found = await kernel.svd(withSpectrum(rows, cols, decaying, 3), { rank: 10 });
        expect([found.left.rows, found.left.cols, found.right.rows, found.right.cols]).toEqual([
          10,
          rows,
          10,
          cols,
        ]);
        for (let j = 0; j < 10; j++) {
          expect(Math.abs(found.singularValues[j]! / decaying[j]! - 1)).toBeLessThan(1e-12);
          expect(rowDot(found.left, j, whole.left, j)).toBeGreaterThan(1 - 1e-12);
          expect(rowDot(found.right, j, whole.right, j)).toBeGreaterThan(1 - 1e-12);
        }
      },
    );

    it("estimates what is left out", async () => {
      const { residual } = await kernel.svd(withSpectrum(80, 120, decaying, 3), { rank: 10 });
      const squares = (values: number[]) => values.reduce((sum, s) => sum + s * s, 0);
      const exact = Math.sqrt(squares(decaying.slice(10)) / squares(decaying));
      // Eight probes of a residual of about twenty comparable directions.
      expect(residual! / exact).toBeGreaterThan(0.7);
      expect(residual! / exact).toBeLessThan(1.4);
    });

    it("finds a matrix of low rank exactly, and leaves nothing out", async () => {
      const { singularValues, residual } = await kernel.svd(withSpectrum(60, 90, [3, 2, 1], 7), { rank: 3 });
      [3, 2, 1].forEach((s, j) => expect(singularValues[j]).toBeCloseTo(s, 12));
      expect(residual).toBeLessThan(1e-13);
    });

    it("is the exact decomposition where as many are asked for as there are", async () => {
      const exact = await kernel.svd(normalMatrix(30, 40, 2));
      expect(await kernel.svd(normalMatrix(30, 40, 2), { rank: 30 })).toEqual(exact);
      expect(exact.residual).toBeUndefined();
    });

    it.each([
      ["1/i", reflected(ROWS, COLS, descending((j) => 1 / (j + 1)), 1)],
      ["exp(-i/50)", reflected(ROWS, COLS, descending((j) => Math.exp(-j / 50)), 2)],
      ["of noise", normalMatrix(ROWS, COLS, 3)],
      ["of noise, on its side", normalMatrix(COLS, ROWS, 4)],
      ["with 50 equal ones", reflected(ROWS, COLS, descending((j) => j < 50 ? 1 : 0.9 ** (j - 40)), 5)],
    ])("finds the 64 leading ones of a slowly decaying spectrum: %s", async (_, a) => {
      const whole = await kernel.svd(copyOf(a));
      const found = await kernel.svd(copyOf(a), { rank: 64 });
      const largest = whole.singularValues[0]!;
      expect(flags(found)).toBe(64);
      for (const [j, residual] of residualsOf(a, found).entries()) {
        // Two ways to compute it differ by rounding.
        expect(residual).toBeLessThan(found.residuals![j]! + 1e-14);
        expect(found.residuals![j]!).toBeLessThan(residual + 1e-14);
        expect(residual).toBeLessThan(1e-8);
        expect(Math.abs(found.singularValues[j]! - whole.singularValues[j]!) / largest).toBeLessThan(1e-13);
        const gaps = [whole.singularValues[j - 1]!, whole.singularValues[j + 1]!].map((s) =>
          Math.abs(s - whole.singularValues[j]!) / largest
        );
        const gap = Math.min(...gaps.filter((each) => !Number.isNaN(each)));
        if (gap < 1e-12) continue;
        // sin of the angle is at most the residual over the gap; rounding of the whole decomposition counts too.
        const sine = 2 * (residual + 1e-13) / gap;
        expect(Math.abs(rowDot(found.right, j, whole.right, j))).toBeGreaterThan(1 - sine ** 2 - 1e-13);
      }
    });

    it("says that none of equal singular values is known where not all of them are kept", async () => {
      const equal = reflected(ROWS, COLS, descending((j) => j < 3 ? 4 - j : j < 100 ? 1 : 0.5), 6);
      const found = await kernel.svd(equal, { rank: 64 });
      expect([...found.converged!]).toEqual(Array.from({ length: 64 }, (_, j) => j < 3 ? 1 : 0));
      expect(found.singularValues[63]).toBeCloseTo(1, 12);
    });

    it("says so too where those left out are fewer than a block", async () => {
      const equal = reflected(ROWS, COLS, descending((j) => j < 40 ? 1 : 0.9 - 1e-3 * j), 11);
      const found = await kernel.svd(equal, { rank: 36 });
      expect(flags(found)).toBe(0);
      expect(found.singularValues[35]).toBeCloseTo(1, 12);
    });

    it("says what did not converge", async () => {
      // No residual gets that small, and rounding makes them differ.
      const found = await kernel.svd(normalMatrix(ROWS, COLS, 7), { rank: 8, tolerance: 1e-17 });
      expect(flags(found)).toBe(0);
      expect(Math.max(...found.residuals!)).toBeLessThan(1e-12);
    });

    it.each([0, 1, 40])("keeps %i triplets that stand out of noise, one at least", async (spikes) => {
      const noise = normalMatrix(ROWS, COLS, 8);
      const planted = reflected(ROWS, COLS, Array.from({ length: spikes }, (_, j) => 200 - j), 9);
      const a = matrix(ROWS, COLS, noise.data.map((value, at) => value + planted.data[at]!));
      const found = await kernel.svd(a, { rank: 256, noise: true });
      expect([found.singularValues.length, flags(found)]).toEqual(
        Array.from({ length: 2 }, () => Math.max(1, spikes)),
      );
    });

    it("finds a large matrix of low rank, and zeros", async () => {
      const found = await kernel.svd(reflected(ROWS, COLS, [3, 2, 1], 10), { rank: 8 });
      [3, 2, 1, 0, 0, 0, 0, 0].forEach((s, j) => expect(found.singularValues[j]).toBeCloseTo(s, 12));
      expect(flags(found)).toBe(8);
      const zero = await kernel.svd(matrix(ROWS, COLS), { rank: 8 });
      expect([...zero.singularValues, ...zero.residuals!]).toEqual(new Array(16).fill(0));
    });

    it("takes zeros, and refuses what is no number", async () => {
      const zero = await kernel.svd({ rows: 30, cols: 40, data: new Float64Array(1200) }, { rank: 2 });
      expect([...zero.singularValues, zero.residual]).toEqual([0, 0, 0]);
      await expect(
        kernel.svd({ rows: 30, cols: 40, data: new Float64Array(1200).fill(NaN) }, { rank: 2 }),
      ).rejects.toThrow("found NaN, required a finite number");
    });
  });
}
