/** Work for a thread of the kernel's: a matrix by its transpose, and the sum of that. */

import type { Handed, Kernel } from "../../src/kernels/kernel.ts";
import type { Matrix } from "../../src/model/tensor.ts";

interface Asked {
  readonly a: Matrix | null;
  readonly shift: number;
}

export default async function work(
  { a, shift }: Asked,
  kernel: Kernel,
): Promise<Handed<{ readonly sum: number; readonly product: Float64Array }>> {
  if (a === null) throw new RangeError("work: found no matrix, required one");
  const { data: product } = await kernel.multiply(a, a, { transposeB: true });
  const sum = product.reduce((all, value) => all + value, shift);
  return { value: { sum, product }, given: [product.buffer] };
}
