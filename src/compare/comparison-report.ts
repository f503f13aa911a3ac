/** What a comparison of two models found: plain data, as `comparison.json` has it, and its rows as tables. */

import type { Evidence, Layer } from "../model/layer.ts";
import type { LayerChange } from "./layer-change.ts";
import type { PairEvidence } from "./layer-pairs.ts";
import type { SeriesReport } from "./series-report.ts";

/** A model that was compared. */
export interface ComparedModelPlace {
  readonly id: string;
  readonly uri: string;
}

/** Two layers that correspond. All numbers as in `LayerChange`. */
export interface CorrespondenceRow {
  readonly base_layer: string;
  readonly other_layer: string;
  /** Which layers they are in the tables of their models, from 0. */
  readonly base_index: number;
  readonly other_index: number;
  /** How they are known to correspond: `name`, `alias` (the same network's name in another format) or `spectrum`. */
  readonly evidence: PairEvidence;
  /** Which channels stand in another order in the other model, and were put in the base's first; null for none. */
  readonly reordered: "out" | "in" | "both" | null;
  readonly relative_change: number | null;
  readonly change_rank: number | null;
  readonly change_stable_rank: number | null;
  readonly spectrum_distance: number;
  readonly subspaces: LayerChange["subspaces"];
  readonly leading: number;
  readonly intruders: LayerChange["intruders"];
  readonly kept: number | null;
  readonly lost: number | null;
  readonly gained: number | null;
  /** `ln p` that the layer's hidden channels agree by chance; null where it does not stand for a space of them. */
  readonly shared_log_p: number | null;
}

/** Two neurons that are each other's best match. */
export interface MatchRow {
  readonly base_index: number;
  readonly base_neuron: number;
  readonly other_index: number;
  readonly other_neuron: number;
  readonly left_cosine: number;
  readonly right_cosine: number;
  readonly similarity: number;
  readonly log_p: number | null;
  /** After Bonferroni's correction over all pairs of the two layers. */
  readonly log_p_corrected: number | null;
}

/** Whether two models are of one lineage. */
export interface Kinship {
  /** `ln p` that they were trained apart, joined over spaces of hidden channels; null where no space could be compared. */
  readonly log_p: number | null;
  /** After Bonferroni's correction over all models that were compared. */
  readonly log_p_corrected: number | null;
  /** How many comparisons that is, this one among them. */
  readonly comparisons: number;
  readonly spaces: number;
  /** Layers whose out channels are the base's in another order, each one's weights like those of its like. The p knows nothing of them. */
  readonly reordered: number;
  /** `sqrt(sum |W' - W|^2 / sum (|W|^2 + |W'|^2)/2)` over the layers that correspond, alike in both directions; null where there is none. */
  readonly distance: number | null;
  /** How the topology that says which channels are hidden is known, the weaker of both models; null without connections. */
  readonly topology: Evidence | null;
}

/** A layer that was left out, and why. */
export interface UncomparedLayer {
  readonly side: "base" | "other";
  readonly layer: string;
  readonly reason: string;
}

/** One model against another. */
export interface PairReport {
  readonly base: ComparedModelPlace;
  readonly other: ComparedModelPlace;
  /** What counts as new: `ChangeSettings`. */
  readonly leading: number;
  readonly intruder_cosine: number;
  readonly kinship: Kinship;
  readonly correspondences: readonly CorrespondenceRow[];
  readonly not_compared: readonly UncomparedLayer[];
  /** How many neurons match. */
  readonly matches: number;
}

/** A track in a comparison of a checkpoint with the next: as in the table `tracks`. */
export interface TrackStepRow {
  readonly base_index: number;
  readonly other_index: number;
  readonly track: number;
  readonly base_neuron: number | null;
  readonly other_neuron: number | null;
  readonly base_step: number;
  readonly other_step: number;
  readonly base_singular_value: number | null;
  readonly other_singular_value: number | null;
  readonly similarity: number | null;
  readonly birth: boolean;
  readonly death: boolean;
}

/** A comparison with the neurons that match: of large models they are millions, and stand in their table only. */
export interface ComparedPair {
  readonly report: PairReport;
  readonly matches: readonly MatchRow[];
  /** Singular values of both layers, descending, for each of `correspondences`. */
  readonly singular_values: readonly { readonly base: Float64Array; readonly other: Float64Array }[];
}

/** A link of the forest of least distances between kin; `distance` as in `Kinship`. */
export interface ForestLink {
  readonly base: string;
  readonly other: string;
  readonly distance: number;
}

/** All models against the base, all against all, or each of a series against the next. */
export interface ComparisonReport {
  readonly comparisons: readonly PairReport[];
  /** Where all were compared with all: links of least distance among kin. Empty where only with the base. */
  readonly forest: readonly ForestLink[];
  /** The tracks of each series whose models were compared each with the next. */
  readonly series: readonly SeriesReport[];
}

/** Up to this corrected p two models are said to be of one lineage. */
const KIN_LOG_P = Math.log(1e-3);

/** Whether two models are said to be of one lineage; null where that cannot be told. */
export function areKin(
  { log_p_corrected: logP, reordered }: Pick<Kinship, "log_p_corrected" | "reordered">,
): boolean | null {
  if (reordered > 0) return true;
  return logP === null ? null : logP <= KIN_LOG_P;
}

/** A layer by its name and its index in the tables of its model. */
export type PlacedLayer = Pick<Layer, "name" | "index">;

/** Two layers as a row. */
export function correspondenceRow(
  base: PlacedLayer,
  other: PlacedLayer,
  evidence: PairEvidence,
  { change, sharedLogP, reordered: { out, into } }: {
    readonly change: LayerChange;
    readonly sharedLogP: number | null;
    readonly reordered: { readonly out: boolean; readonly into: boolean };
  },
): CorrespondenceRow {
  return {
    base_layer: base.name,
    other_layer: other.name,
    base_index: base.index,
    other_index: other.index,
    evidence,
    reordered: out && into ? "both" : out ? "out" : into ? "in" : null,
    relative_change: change.relativeChange,
    change_rank: change.changeRank,
    change_stable_rank: change.changeStableRank,
    spectrum_distance: change.spectrumDistance,
    subspaces: change.subspaces,
    leading: change.leading,
    intruders: change.intruders,
    kept: change.kept,
    lost: change.lost,
    gained: change.gained,
    shared_log_p: sharedLogP,
  };
}

/** The matches of two layers as rows. */
export function matchRows(
  base: PlacedLayer,
  other: PlacedLayer,
  { matches }: Pick<LayerChange, "matches">,
): MatchRow[] {
  return matches.map((match) => ({
    base_index: base.index,
    base_neuron: match.base,
    other_index: other.index,
    other_neuron: match.other,
    left_cosine: match.leftCosine,
    right_cosine: match.rightCosine,
    similarity: match.similarity,
    log_p: match.logP,
    log_p_corrected: match.logPCorrected,
  }));
}
