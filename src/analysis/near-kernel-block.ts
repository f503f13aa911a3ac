/** The overlap between near-kernels of both sides of a connection, against chance. */

import type { NearKernelEnergy } from "../model/graph.ts";
import type { EnergyChance, OverlapShape } from "../model/ports.ts";

/**
 * The energy of the block of near-kernel neurons of both sides, against chance.
 *
 * @param energy sum of the overlaps in the block
 * @param expected its mean
 * @param chance its null distribution, where it has one
 * @returns null where the block is empty
 */
export function nearKernelEnergy(
  { sourceNearKernel, targetNearKernel }: Pick<OverlapShape, "sourceNearKernel" | "targetNearKernel">,
  energy: number,
  expected: number,
  chance: EnergyChance | null,
): NearKernelEnergy | null {
  if (!sourceNearKernel.includes(1) || !targetNearKernel.includes(1)) return null;
  return {
    energy,
    expected,
    logP: chance?.logSurvival(energy) ?? null,
    logPLow: chance?.logCdf(energy) ?? null,
  };
}
