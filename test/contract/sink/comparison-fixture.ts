/** A small comparison whose rows hold nulls, extreme numbers and texts that files and stores get wrong. Its ends are in `fixture`. */

import type { ComparisonTableName } from "../../../src/model/comparison-tables.ts";
import type { Row } from "../../../src/model/tables.ts";

/** The rows of a comparison by table. */
export type ComparisonRows = Readonly<Record<ComparisonTableName, readonly Row[]>>;

/** @param seed two seeds never give equal tables */
export function comparisonFixture(base: string, other: string, seed: number): ComparisonRows {
  const layers = [0, 3];
  const half = (at: number, value: number) => (at + seed) % 2 === 0 ? null : value;
  return {
    kinship: [{
      base_id: base,
      other_id: other,
      base_uri: `file:///models/${base}`,
      other_uri: `file:///models/${other}`,
      key: String(seed).padEnd(64, "0"),
      log_p: half(0, -1e300),
      log_p_corrected: half(0, -1e-300),
      comparisons: 1 + seed,
      spaces: 2,
      reordered: 0,
      distance: half(1, 0.1),
      topology: half(0, 1) === null ? null : "graph",
      leading_neurons: 10,
      intruder_cosine: 0.5,
      layers: layers.length,
      not_compared: seed,
    }],
    correspondences: layers.map((layer, at) => ({
      base_layer: layer,
      other_layer: layer + 1,
      base_name: `'"\\ ${layer}`,
      other_name: "emoji 🧠",
      evidence: "name",
      reordered: at === 0 ? "both" : null,
      relative_change: half(at, 1 / 3),
      change_rank: half(at, 64),
      change_stable_rank: half(at + 1, 1),
      spectrum_distance: seed / 100,
      leading_neurons: 10,
      intruders: at,
      kept: half(at, 5),
      lost: half(at, 0),
      gained: half(at, 1),
      shared_log_p: half(at + 1, -5e-324),
    })),
    subspaces: layers.flatMap((layer, at) =>
      [1, 4].map((dimensions) => ({
        base_layer: layer,
        other_layer: layer + 1,
        dimensions,
        left_similarity: seed / 100,
        left_chance: 0.25,
        left_log_p: half(at, -745),
        right_similarity: 1,
        right_chance: 1,
        right_log_p: half(at + 1, 0),
      }))
    ),
    intruders: [0, 2].map((neuron) => ({
      base_layer: 3,
      other_layer: 4,
      other_neuron: neuron,
      singular_value: Number.MAX_VALUE,
      cosine: seed / 100,
    })),
    matches: layers.flatMap((layer) =>
      [0, 1, 2].map((neuron) => ({
        base_layer: layer,
        base_neuron: neuron,
        other_layer: layer + 1,
        other_neuron: 2 - neuron,
        left_cosine: -1,
        right_cosine: seed / 100,
        similarity: -seed / 100,
        log_p: half(neuron, -2 / 3),
        log_p_corrected: half(neuron, 0),
      }))
    ),
    tracks: layers.flatMap((layer) =>
      [0, 1, 2, 7].map((track) => ({
        base_layer: layer,
        other_layer: layer + 1,
        track,
        base_neuron: half(track, 2),
        other_neuron: half(track + 1, 1),
        base_step: seed,
        other_step: 1e15,
        base_singular_value: half(track, 1 / 3),
        other_singular_value: half(track + 1, Number.MIN_VALUE),
        similarity: half(track, -1),
        birth: track === 1,
        death: track === 2,
        series: "emoji 🧠",
        series_key: String(seed).padEnd(64, "0"),
      }))
    ),
  };
}
