/** Near-kernels: neurons whose gain is a small share of their layer's largest. */

import type { NearKernels, NearKernelTests } from "../model/graph.ts";
import type { Candidates } from "./candidates.ts";
import type { Verdicts } from "./significance.ts";

/** 1 for each singular value up to `relative` of the largest. */
export function nearKernels(values: Float64Array, relative: number): Uint8Array {
  const found = new Uint8Array(values.length);
  const most = relative * values[0]!;
  for (let at = 0; at < values.length; at++) if (values[at]! <= most) found[at] = 1;
  return found;
}

/**
 * What was found among the tests between near-kernels.
 *
 * Were all tested vectors random, the tests of a family would be alike, so that each correction rejects every one of them equally
 * often: the block's share of the tests is its share of the rejections that are expected. (Given what else is found, `holm`, `bh` and
 * `by` reject more: their level rises with the number of rejections. `nominal` against `alpha * tests` does not depend on that.)
 */
export function nearKernelTests(
  candidates: Candidates,
  verdicts: Verdicts,
  near: NearKernels,
  logAlpha: number,
): NearKernelTests {
  let significant = 0;
  let nominal = 0;
  for (let at = 0; at < candidates.logP.length; at++) {
    if (near.source[candidates.sourceNeuron[at]!] !== 1 || near.target[candidates.targetNeuron[at]!] !== 1) {
      continue;
    }
    significant += verdicts.significant[at]!;
    if (candidates.tests > 0 && candidates.logP[at]! <= logAlpha) nominal++;
  }
  const { tests: all, nearKernelTests: tests } = candidates;
  return {
    tests,
    significant,
    significantExpected: all === 0 ? 0 : verdicts.expectedByChance * tests / all,
    nominal,
  };
}
