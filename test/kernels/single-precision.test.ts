import { afterAll, beforeAll, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { describeWithBlas } from "../support/kernels.ts";
import { copyOf, normalMatrix, reconstruct, rowDot } from "../support/matrices.ts";

/** Machine epsilon of single precision. */
const EPS32 = 2 ** -23;

describeWithBlas("the native kernel in single precision", () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await openPool({ name: "native", precision: "f32", threads: 1 });
  });
  afterAll(() => kernel.dispose());

  it.each([[40, 40], [40, 100], [100, 40]])(
    "decomposes to its own rounding (%i x %i)",
    async (rows, cols) => {
      expect(kernel.info.precision).toBe("f32");
      const a = normalMatrix(rows, cols, 5);
      const found = await kernel.svd(copyOf(a));
      const bound = 50 * EPS32 * Math.max(rows, cols);
      const back = reconstruct(found);
      a.data.forEach((value, at) =>
        expect(Math.abs(value - back.data[at]!)).toBeLessThan(bound * found.singularValues[0]!)
      );
      for (let i = 0; i < 40; i++) {
        expect(Math.abs(rowDot(found.left, i, found.left, i) - 1)).toBeLessThan(bound);
        expect(Math.abs(rowDot(found.right, i, found.right, 0) - (i === 0 ? 1 : 0))).toBeLessThan(bound);
      }
      // It is single precision: double would be a thousand times closer.
      const worst = a.data.reduce((most, value, at) => Math.max(most, Math.abs(value - back.data[at]!)), 0);
      expect(worst).toBeGreaterThan(1e-9);
    },
  );

  it("multiplies and overlaps", async () => {
    const [a, b] = [normalMatrix(7, 12, 1), normalMatrix(5, 4, 2)];
    const found = await kernel.overlap(a, b, 3);
    let sum = 0;
    for (let k = 0; k < 3; k++) {
      let inner = 0;
      for (let c = 0; c < 4; c++) inner += a.data[c * 3 + k]! * b.data[c]!;
      sum += inner ** 2;
    }
    expect(found.data[0]! / sum).toBeCloseTo(1, 5);
    const product = await kernel.multiply(a, a, { transposeB: true });
    expect(product.data[1]! / rowDot(a, 0, a, 1)).toBeCloseTo(1, 4);
  });
});
