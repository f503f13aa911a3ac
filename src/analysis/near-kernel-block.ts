/** The overlap between near-kernels of both sides of a connection, against chance. */

import type { NearKernelEnergy } from "../model/graph.ts";
import type { OverlapShape } from "../model/ports.ts";
import { subspaceNull } from "../stats/subspace-null.ts";

/** Sums of expected overlaps, gathered while the rows go by. */
export interface ExpectedOverlaps {
  /** Takes `rows` rows from the `first`-th on; `rho` is `rows x sources`, or null where all are 1. */
  block(first: number, rows: number, rho: Float64Array | null): void;
  /** Over all pairs, and over the pairs of near-kernels. */
  readonly all: number;
  readonly within: number;
}

/**
 * The expected overlap of a pair is `rho / N`. Where the tested vector lies on a single channel the overlap is `rho` itself, the square
 * of one entry of the other vector: there it is `1 / Ns` for every pair that meets.
 */
export function expectedOverlaps(shape: OverlapShape): ExpectedOverlaps {
  const { sources, testedChannels: N, otherChannels: Ns, sourceNearKernel, targetNearKernel } = shape;
  const nearSources = count(sourceNearKernel);
  // Sums of 1, `rho`, or pairs that meet.
  let all = 0;
  let within = 0;
  let each = 1 / N;
  return {
    block(first, rows, rho) {
      if (rho !== null && N === 1) each = 1 / Ns;
      for (let i = 0; i < rows; i++) {
        const near = targetNearKernel[first + i] === 1;
        if (rho === null) {
          all += sources;
          if (near) within += nearSources;
          continue;
        }
        for (let j = 0, at = i * sources; j < sources; j++, at++) {
          const weight = N > 1 ? rho[at]! : rho[at]! > 0 ? 1 : 0;
          all += weight;
          if (near && sourceNearKernel[j] === 1) within += weight;
        }
      }
    },
    get all() {
      return all * each;
    },
    get within() {
      return within * each;
    },
  };
}

/**
 * The energy of the block of `a` source and `b` target near-kernel neurons against its null: that of two subspaces of `R^(nz)`, of which
 * the tested one is random, of dimensions `az` and `b` in `svr`, `a` and `bz` in `cosvr`. Only for direct connections; elsewhere the block is
 * not a pair of such subspaces, and its log p is null.
 *
 * @param energy sum of the overlaps in the block
 * @param expected its mean
 * @returns null where the block is empty
 */
export function nearKernelEnergy(
  shape: OverlapShape,
  energy: number,
  expected: number,
): NearKernelEnergy | null {
  const a = count(shape.sourceNearKernel);
  const b = count(shape.targetNearKernel);
  if (a === 0 || b === 0) return null;
  const z = shape.positions;
  const [P, Q] = shape.unfolding === "svr" ? [a * z, b] : [a, b * z];
  const chance = shape.direct ? subspaceNull(P, Q, shape.testedChannels * z) : null;
  return {
    energy,
    expected,
    logP: chance?.logSurvival(energy) ?? null,
    logPLow: chance?.logCdf(energy) ?? null,
  };
}

function count(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}
