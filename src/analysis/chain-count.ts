/** How many chains a model has: what the best of them must be corrected for. */

import type { Connection } from "../model/layer.ts";

/** The most edges of a chain; see `dominantConnections`. */
export const MOST_EDGES = 256;

/** A connection whose chains are counted: neurons at both ends. */
export interface CountedConnection extends Pick<Connection, "source" | "target"> {
  readonly sources: number;
  readonly targets: number;
}

/**
 * `ln` of the number of all chains of 2 to `most` edges: ways along connections, and on each way one neuron of every layer. Each of
 * several connections between the same two layers is a way of its own.
 *
 * With `n_0(L) = r(L)`, `n_k(L) = r(L) * sum of n_(k-1)` over the connections into `L`; the sum of all `n_k` with `k >= 2`, in logarithms.
 *
 * @param connections without cycles, each after all connections into its source
 * @returns -Infinity where no two connections follow one another
 */
export function logChainCount(connections: readonly CountedConnection[], most: number = MOST_EDGES): number {
  // Per layer, ln n_k for k = 0, 1, …
  const counts = new Map<number, number[]>();
  for (const { source, target, sources, targets } of connections) {
    const from = counts.get(source) ?? [Math.log(sources)];
    const to = counts.get(target) ?? [Math.log(targets)];
    counts.set(source, from);
    counts.set(target, to);
    for (let k = 1; k <= most && k <= from.length; k++) {
      to[k] = logSum(to[k] ?? -Infinity, from[k - 1]! + Math.log(targets));
    }
  }
  return [...counts.values()].flatMap((each) => each.slice(2)).reduce(logSum, -Infinity);
}

/** `ln(e^a + e^b)`. */
function logSum(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return high === -Infinity ? high : high + Math.log1p(Math.exp(low - high));
}
