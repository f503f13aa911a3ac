/** The layers of two models that were compared, with all that is known of them. */

import type { Comparison, Row } from "../protocol.ts";

/** A match of two layers. */
export interface Match {
  readonly base: number;
  readonly other: number;
  readonly similarity: number;
  readonly logP: number;
}

/** Two layers that correspond, with all that is known of them. */
export interface LayerPair {
  readonly base: number;
  readonly other: number;
  readonly baseName: string;
  readonly otherName: string;
  /** The row of the table `correspondences`. */
  readonly row: Row;
  readonly subspaces: readonly Row[];
  /** By singular value. */
  readonly intruders: readonly Row[];
  /** The most similar first. */
  readonly matches: readonly Match[];
  readonly values: { readonly base: Float64Array; readonly other: Float64Array };
}

/** The layers of a comparison that correspond, those that changed most first. */
export function layerPairs(
  { correspondences, subspaces, intruders, matches, base, other }: Comparison,
): LayerPair[] {
  const key = (from: unknown, to: unknown) => `${Number(from)}-${Number(to)}`;
  const ofPair = (row: Row) => key(row["base_layer"], row["other_layer"]);
  const rows = new Map<string, number[]>();
  for (let at = 0; at < matches.similarity.length; at++) {
    const pair = key(matches.baseLayer[at], matches.otherLayer[at]);
    const known = rows.get(pair);
    if (known === undefined) rows.set(pair, [at]);
    else known.push(at);
  }
  const change = (row: Row) => Number(row["relative_change"] ?? -1);
  return [...correspondences].sort((a, b) => change(b) - change(a)).map((row) => {
    const pair = ofPair(row);
    const [from, to] = [Number(row["base_layer"]), Number(row["other_layer"])];
    return {
      base: from,
      other: to,
      baseName: String(row["base_name"]),
      otherName: String(row["other_name"]),
      row,
      subspaces: subspaces.filter((each) => ofPair(each) === pair),
      intruders: intruders.filter((each) => ofPair(each) === pair),
      matches: (rows.get(pair) ?? []).map((at): Match => ({
        base: matches.baseNeuron[at]!,
        other: matches.otherNeuron[at]!,
        similarity: matches.similarity[at]!,
        logP: matches.logP[at]!,
      })).sort((a, b) => Math.abs(b.similarity) - Math.abs(a.similarity)),
      values: { base: base[from] ?? new Float64Array(), other: other[to] ?? new Float64Array() },
    };
  });
}
