/** How fast a kernel is here, measured in a fraction of a second. */

import type { Kernel } from "../../kernels/kernel.ts";
import { normals } from "../../kernels/numbers.ts";
import { type Matrix, matrix } from "../../model/tensor.ts";
import { productFlops, svdFlops } from "../../stages/flops.ts";

/** Speeds of all threads together, by the clock. */
export interface Calibration {
  readonly kernel: string;
  readonly threads: number;
  readonly svd_gflops: number;
  readonly product_gflops: number;
}

/** Large enough that a call's own costs do not show, small enough that nobody waits. */
const ORDER = 512;

/** Measures square matrices of order 512, one per thread; the second round counts, because in the first the threads compile. */
export async function calibrate(kernel: Kernel, order = ORDER): Promise<Calibration> {
  const values = normals(order * order);
  const fresh = (): Matrix => matrix(order, order, values.slice());
  const speed = async (flops: number, call: () => Promise<unknown>) => {
    let seconds = 0;
    for (let round = 0; round < 2; round++) {
      const start = performance.now();
      await Promise.all(Array.from({ length: kernel.concurrency }, call));
      seconds = (performance.now() - start) / 1000;
    }
    return kernel.concurrency * flops / Math.max(seconds, 1e-9) / 1e9;
  };
  return {
    kernel: kernel.info.name,
    threads: kernel.concurrency,
    svd_gflops: await speed(svdFlops(order, order), () => kernel.svd(fresh())),
    product_gflops: await speed(
      productFlops(order, order, order),
      () => kernel.multiply(fresh(), fresh(), { transposeB: true }),
    ),
  };
}
