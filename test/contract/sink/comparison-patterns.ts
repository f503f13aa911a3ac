/** Where each table of a comparison stands in the graph, and what its columns are called where not as in the table. */

import type { ComparisonTableName } from "../../../src/model/comparison-tables.ts";

/** Columns that the fixture makes up, and that the graph has at its nodes. */
export const TOLD_BY_NODES = ["base_name", "other_name"] as const;

const LAYERS = { base_layer: "a.layer", other_layer: "b.layer" };

/** @param prefix of labels */
export function comparisonPatterns(
  prefix = "",
): Readonly<
  Record<ComparisonTableName, readonly [pattern: string, renamed: Readonly<Record<string, string>>]>
> {
  const between = (from: string, type: string, to: string, key = "model") =>
    `MATCH (a:${prefix}${from} {${key}: $base})-[x:${type}]->(b:${prefix}${to} {${key}: $other})`;
  return {
    kinship: [
      between("Model", "KIN", "Model", "id"),
      { base_id: "a.id", other_id: "b.id", base_uri: "a.uri", other_uri: "b.uri" },
    ],
    correspondences: [
      between("Layer", "CORRESPONDS", "Layer"),
      { ...LAYERS, base_name: "a.name", other_name: "b.name" },
    ],
    subspaces: [between("Layer", "SHARES_SUBSPACE", "Layer"), LAYERS],
    intruders: [between("Layer", "HAS_INTRUDER", "SpectralNeuron"), { ...LAYERS, other_neuron: "b.neuron" }],
    matches: [
      between("SpectralNeuron", "MATCHES", "SpectralNeuron"),
      { ...LAYERS, base_neuron: "a.neuron", other_neuron: "b.neuron" },
    ],
    tracks: [between("Layer", "HAS_TRACK", "Layer"), LAYERS],
  };
}
