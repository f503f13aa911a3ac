/** A comparison as the rows of its tables. */

import { COMPARISON_TABLES, type ComparisonTableName } from "../model/comparison-tables.ts";
import type { ComparisonBatches, ComparisonHeader } from "../model/comparison.ts";
import { batchOfRows, type Row } from "../model/tables.ts";
import type { ComparedPair, CorrespondenceRow, TrackStepRow } from "./comparison-report.ts";

/** The tracks of a series in one of its comparisons. */
export interface ComparisonTracks {
  readonly series: string;
  /** Hex digest of what the series was made of. */
  readonly key: string;
  readonly rows: readonly TrackStepRow[];
}

/** The rows of a comparison, by table. @param tracks of the series that it is a step of; null where it is none */
export function comparisonBatches(
  { base, other, key }: ComparisonHeader,
  { report, matches }: Pick<ComparedPair, "report" | "matches">,
  tracks: ComparisonTracks | null = null,
): ComparisonBatches {
  const { kinship, correspondences } = report;
  const batch = (table: ComparisonTableName, rows: readonly Row[]) =>
    batchOfRows(COMPARISON_TABLES[table], rows);
  const ends = ({ base_index, other_index }: Pick<CorrespondenceRow, "base_index" | "other_index">) => ({
    base_layer: base_index,
    other_layer: other_index,
  });
  return {
    kinship: batch("kinship", [{
      base_id: base.id,
      other_id: other.id,
      base_uri: base.uri,
      other_uri: other.uri,
      key,
      ...kinship,
      leading_neurons: report.leading,
      intruder_cosine: report.intruder_cosine,
      layers: correspondences.length,
      not_compared: report.not_compared.length,
    }]),
    correspondences: batch(
      "correspondences",
      correspondences.map((row) => ({
        ...ends(row),
        base_name: row.base_layer,
        other_name: row.other_layer,
        evidence: row.evidence,
        reordered: row.reordered,
        relative_change: row.relative_change,
        change_rank: row.change_rank,
        change_stable_rank: row.change_stable_rank,
        spectrum_distance: row.spectrum_distance,
        leading_neurons: row.leading,
        intruders: row.intruders.length,
        kept: row.kept,
        lost: row.lost,
        gained: row.gained,
        shared_log_p: row.shared_log_p,
      })),
    ),
    subspaces: batch(
      "subspaces",
      correspondences.flatMap((row) =>
        row.subspaces.map((each) => ({
          ...ends(row),
          dimensions: each.dimensions,
          left_similarity: each.left,
          left_chance: each.leftChance,
          left_log_p: each.leftLogP,
          right_similarity: each.right,
          right_chance: each.rightChance,
          right_log_p: each.rightLogP,
        }))
      ),
    ),
    intruders: batch(
      "intruders",
      correspondences.flatMap((row) =>
        row.intruders.map((each) => ({
          ...ends(row),
          other_neuron: each.neuron,
          singular_value: each.singularValue,
          cosine: each.cosine,
        }))
      ),
    ),
    matches: batch("matches", matches.map((row) => ({ ...row, ...ends(row) }))),
    tracks: batch(
      "tracks",
      (tracks?.rows ?? []).map((row) => ({
        ...row,
        ...ends(row),
        series: tracks!.series,
        series_key: tracks!.key,
      })),
    ),
  };
}
