/**
 * Whole spaces against each other, where single pairs of ports are too weak: the kernels of all ports of a space are added up.
 *
 * If the channels of two spaces have nothing to do with each other, relabelling those of one changes nothing, all its ports at once. So the sum of a space's
 * kernels is a kernel, and its test is exact whatever has put the ports of the space together.
 */

import {
  jointLogP,
  kernelProducts,
  type PortKernel,
  portKernel,
  type PortView,
} from "../../../stats/joint-permutation-test.ts";
import { dot } from "../../../stats/assignment-moments.ts";
import { matrix } from "../../../model/tensor.ts";
import { relabellingsOf } from "./pair-tests.ts";

/** A space of channels that the weights have shown, or a port that stands alone. */
export interface Space {
  /** The number of a port that stands for it. */
  readonly id: number;
  readonly width: number;
  readonly members: readonly number[];
}

/** Of a space at most so many ports are added up. */
export const MOST_PORTS = 8;

/** Below this the tails are checked by relabellings. */
const CHECKED = Math.log(1e-3);

/** Each kernel alone, and the sum of all. */
const SETS: readonly (readonly number[])[] = [[0], [1], [2], [0, 1, 2]];

/** The kernels of several views of one size, added up as they come: none of the views is held. */
export class JoinedView {
  #size = 0;
  #sums: (Float64Array | null)[] = [];

  add({ size, kernels }: PortView): void {
    this.#size = size;
    this.#sums = kernels.map((kernel, k) => {
      const before = this.#sums[k] ?? null;
      if (kernel === null) return before;
      const sum = before ?? new Float64Array(size * size);
      kernel.part.data.forEach((value, at) => sum[at]! += value);
      return sum;
    });
  }

  view(): PortView {
    const n = this.#size;
    const kernels = this.#sums.map((sum): PortKernel | null =>
      sum === null ? null : portKernel(matrix(n, n, sum))
    );
    return { size: n, kernels, products: kernelProducts(kernels) };
  }
}

/** The kernels of several views, added up; all views are of one size. */
export function joinedView(views: readonly PortView[]): PortView {
  const joined = new JoinedView();
  for (const view of views) joined.add(view);
  return joined.view();
}

/** `ln p` of "the channels of these two spaces have nothing to do with each other", with the check of its tail; null where nothing can be tested. */
export function joinedLogP(a: PortView, b: PortView): number | null {
  const inner = a.kernels.map((each, k) => {
    const other = b.kernels[k] ?? null;
    return each === null || other === null ? 0 : dot(each.part.data, other.part.data);
  });
  const logP = jointLogP(a, b, inner, [], SETS);
  if (logP === null || logP > CHECKED) return logP;
  return Math.max(logP, jointLogP(a, b, inner, [], SETS, relabellingsOf(a.size)())!);
}
