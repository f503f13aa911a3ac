/** Whether two models are of one lineage, in a sentence. */

import { counted } from "../model/counted.ts";
import { areKin, type Kinship } from "./comparison-report.ts";

/**
 * Says whether two models are of one lineage, and how that is known.
 *
 * @param base, other their names
 * @param pText writes a p-value, given its natural logarithm
 */
export function lineageSentence(
  base: string,
  other: string,
  kinship: Omit<Kinship, "log_p" | "distance">,
  pText: (logP: number) => string,
): string {
  const { log_p_corrected: logP, comparisons, spaces, topology, reordered } = kinship;
  const names = `${other} and ${base}`;
  if (logP === null && reordered === 0) {
    return `Whether ${names} are of one lineage is not known: no space of hidden channels could be compared.`;
  }
  const over = comparisons > 1 ? `, corrected for ${comparisons} comparisons` : "";
  const guessed = topology === "guessed" || topology === "inferred"
    ? `; which channels are hidden is ${topology}`
    : "";
  const where = logP === null
    ? "no space could be compared"
    : `p = ${pText(logP)} over ${counted(spaces, "space")} of hidden channels${over}${guessed}`;
  if (reordered > 0 && areKin({ log_p_corrected: logP, reordered: 0 }) !== true) {
    return `${names} are of one lineage: hidden channels of one are those of the other, in another order. ` +
      "A p is not known for that; " +
      (logP === null
        ? "as they stand in the files no space could be compared."
        : `as they stand in the files they show nothing (${where}).`);
  }
  return areKin(kinship) === true
    ? `${names} are of one lineage: had they been trained apart, hidden channels would not agree so (${where}).`
    : `Nothing says that ${names} are of one lineage (${where}).`;
}
