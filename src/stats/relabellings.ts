/** Relabellings of channels, looked at one by one. */

import type { Matrix } from "../model/tensor.ts";

/** `<A, B[p, p]>` of two symmetric matrices. */
export function relabelledProduct(a: Matrix, b: Matrix, relabelling: ArrayLike<number>): number {
  const n = a.rows;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const from = relabelling[i]! * n;
    let row = 0;
    for (let j = 0; j < i; j++) row += a.data[i * n + j]! * b.data[from + relabelling[j]!]!;
    sum += 2 * row + a.data[i * n + i]! * b.data[from + relabelling[i]!]!;
  }
  return sum;
}

/** Calls `visit` with each permutation of `0 ... n-1`, in one array: Heap's algorithm (1963). */
export function forEachPermutation(n: number, visit: (permutation: Uint8Array) => void): void {
  const order = Uint8Array.from({ length: n }, (_, i) => i);
  const arrange = (length: number): void => {
    if (length === 1) return visit(order);
    for (let i = 0; i < length; i++) {
      arrange(length - 1);
      const other = length % 2 === 0 ? i : 0;
      [order[other], order[length - 1]] = [order[length - 1]!, order[other]!];
    }
  };
  arrange(n);
}
