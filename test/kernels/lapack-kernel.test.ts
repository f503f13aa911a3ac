/** How much of its memory a kernel takes for a product. */

import { expect, it, vi } from "vitest";
import { lapackKernel } from "../../src/kernels/lapack-kernel.ts";
import { openWasmLapack } from "../../src/kernels/wasm-lapack.ts";
import { copyOf, normalMatrix, rowDot } from "../support/matrices.ts";

it("a product of a matrix with itself holds it once", async () => {
  const lapack = await openWasmLapack();
  const hold = vi.spyOn(lapack, "hold");
  const kernel = lapackKernel(lapack);
  const a = normalMatrix(5, 9, 1);
  const squared = await kernel.multiply(a, a, { transposeB: true });
  expect(hold).toHaveBeenCalledTimes(1);
  expect(await kernel.multiply(a, copyOf(a), { transposeB: true })).toEqual(squared);
  expect(hold).toHaveBeenCalledTimes(3);
  squared.data.forEach((value, at) =>
    expect(value).toBeCloseTo(rowDot(a, Math.floor(at / 5), a, at % 5), 12)
  );
});
