import { afterAll, beforeAll, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { describeKernel, KERNELS } from "../support/kernels.ts";
import { normalMatrix, rowDot, withSpectrum } from "../support/matrices.ts";

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
          // Two power iterations and 16 more columns: (0.9^26 / 0.9^j)^(2*2+1) is 6e-6 at worst, its square in s.
          expect(Math.abs(found.singularValues[j]! / decaying[j]! - 1)).toBeLessThan(1e-6);
          expect(Math.abs(rowDot(found.left, j, whole.left, j))).toBeGreaterThan(1 - 1e-6);
          expect(rowDot(found.right, j, whole.right, j)).toBeGreaterThan(1 - 1e-6);
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

    it("takes zeros, and refuses what is no number", async () => {
      const zero = await kernel.svd({ rows: 30, cols: 40, data: new Float64Array(1200) }, { rank: 2 });
      expect([...zero.singularValues, zero.residual]).toEqual([0, 0, 0]);
      await expect(
        kernel.svd({ rows: 30, cols: 40, data: new Float64Array(1200).fill(NaN) }, { rank: 2 }),
      ).rejects.toThrow("found NaN, required a finite number");
    });
  });
}
