/** The forest of least distances among the kin of a comparison of all with all. */

import { areKin, type ForestLink, type PairReport } from "../../compare/comparison-report.ts";
import { forestOf } from "../../compare/forest.ts";

/**
 * Links of least distance among kin.
 *
 * @param models how many there are
 * @param pairs places of the models of each comparison
 */
export function forestLinks(
  models: number,
  pairs: readonly (readonly [number, number])[],
  comparisons: readonly PairReport[],
): ForestLink[] {
  const kin = comparisons.flatMap(({ kinship }, at) => {
    const [base, other] = pairs[at]!;
    return areKin(kinship) === true && kinship.distance !== null
      ? [{ base, other, distance: kinship.distance }]
      : [];
  });
  return forestOf(models, kin).map(({ base, other, distance }) => {
    const at = pairs.findIndex((pair) => pair[0] === base && pair[1] === other);
    const pair = comparisons[at]!;
    return { base: pair.base.id, other: pair.other.id, distance };
  });
}
