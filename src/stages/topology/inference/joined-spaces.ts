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

/** The kernels of several views, added up; all views are of one size. */
export function joinedView(views: readonly PortView[]): PortView {
  const [first] = views as [PortView];
  const n = first.size;
  const kernels = first.kernels.map((_, k): PortKernel | null => {
    const parts = views.flatMap(({ kernels }) => kernels[k]?.part.data ?? []);
    if (parts.length === 0) return null;
    const sum = new Float64Array(n * n);
    for (const part of parts) for (let at = 0; at < sum.length; at++) sum[at]! += part[at]!;
    return portKernel(matrix(n, n, sum));
  });
  return { size: n, kernels, products: kernelProducts(kernels) };
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
