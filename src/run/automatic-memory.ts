/** The byte budget where nobody says one. */

import { freeMemory } from "../base/free-memory.ts";

/** Bounds of it: small models need no more than the least, and more than the most only keeps spectra that no layer waits for. */
const [LEAST, MOST] = [2 ** 30, 16 * 2 ** 30];

/** Where the system does not say what is free. */
const UNKNOWN = 2 * 2 ** 30;

let known: number | null = null;

/** Half of the memory that was free when it was first asked, 1 to 16 GiB: the rest is for Node, threads and libraries, and others. */
export function automaticMemory(): number {
  known ??= budgetFor(freeMemory);
  return known;
}

/** @param free bytes of memory that are free; may throw where the process may not know */
export function budgetFor(free: () => number): number {
  try {
    return Math.min(MOST, Math.max(LEAST, Math.floor(free() / 2)));
  } catch {
    return UNKNOWN;
  }
}
