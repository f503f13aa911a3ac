/** How much of all overlap lies between near-kernels: of layers and of a model, from the rows of its connections. */

import type { Row } from "../model/tables.ts";

/** Of the connections into a layer, or of all of a model's. */
export interface Sparsification {
  /** The sum of the connections' shares, and of the expected ones. */
  readonly sum: number;
  readonly sumExpected: number;
  /** The share of the overlap of all of them together, in [0, 1], and the expected one; null where there is none. */
  readonly share: number | null;
  readonly shareExpected: number | null;
}

/** The same of a layer. */
export interface LayerSparsification extends Sparsification {
  /** Its index; the connections are those into it. */
  readonly layer: number;
}

/**
 * Adds up the connections into each layer, and all of them. Connections without any overlap have no share and count as nothing.
 *
 * @param connections rows of the connections table of one model
 * @returns the layers that are fed, by index; the model's sums are the sums of theirs
 * @example
 * import { sparsification } from "svrflow";
 *
 * const row = { target_layer: 1, total_overlap: 8, sparsification: 0.25, sparsification_expected: 0.01 };
 * console.log(sparsification([row, { ...row, total_overlap: 24, sparsification: 0.05 }]).model.share); // 0.1
 */
export function sparsification(
  connections: readonly Row[],
): { readonly layers: readonly LayerSparsification[]; readonly model: Sparsification } {
  const byLayer = Map.groupBy(connections, (row) => Number(row["target_layer"]));
  return {
    layers: [...byLayer].sort(([a], [b]) => a - b).map(([layer, rows]) => ({ layer, ...added(rows) })),
    model: added(connections),
  };
}

function added(rows: readonly Row[]): Sparsification {
  const present = rows.filter((row) => row["sparsification"] !== null);
  const sumOf = (value: (row: Row) => number) => present.reduce((sum, row) => sum + value(row), 0);
  const total = (row: Row) => Number(row["total_overlap"]);
  const share = (row: Row) => Number(row["sparsification"]);
  // Null, where nothing is expected at all, as 0.
  const expected = (row: Row) => Number(row["sparsification_expected"]);
  const all = sumOf(total);
  return {
    sum: sumOf(share),
    sumExpected: sumOf(expected),
    share: all > 0 ? sumOf((row) => share(row) * total(row)) / all : null,
    shareExpected: all > 0 ? sumOf((row) => expected(row) * total(row)) / all : null,
  };
}
