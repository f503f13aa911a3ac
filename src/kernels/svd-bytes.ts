/** The memory that decompositions take. */

import { leadingSvdBytes } from "./leading-svd.ts";
import { thinSvdBytes } from "./thin-svd.ts";

/** Bytes that a decomposition takes in the memory of a `Lapack`. @param rank as for `Kernel.svd` */
export function svdBytes(rows: number, cols: number, precision: "f64" | "f32", rank = Infinity): number {
  return rank < Math.min(rows, cols)
    ? leadingSvdBytes(rows, cols, rank)
    : thinSvdBytes(rows, cols, precision);
}
