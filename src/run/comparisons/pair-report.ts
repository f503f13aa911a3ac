/** What became of one model in another, as a report: its layers under the indices that they have in tables. */

import {
  type ComparedPair,
  correspondenceRow,
  type Kinship,
  matchRows,
  type PairReport,
  type PlacedLayer,
} from "../../compare/comparison-report.ts";
import type { ComparedSide, ComparisonSettings, ModelComparison } from "../../flow/compare-models.ts";
import type { Evidence } from "../../model/layer.ts";
import { type LayersInTables, placedLayer } from "./placed-layers.ts";

/** One of two models: opened, and how it is called. */
export interface NamedSide extends ComparedSide {
  readonly id: string;
  readonly uri: string;
  /** Its layers in the tables of a run; null where there are none. */
  readonly tables: LayersInTables | null;
}

/** How a comparison is made. */
export interface PairSettings extends ComparisonSettings {
  /** How many comparisons are made together. */
  readonly comparisons: number;
}

/** How a comparison that is kept is made. */
export interface KeptSettings extends PairSettings {
  /** The key of the series whose tracks its tables are to hold. Absent: of whichever series they hold tracks. */
  readonly series?: string | undefined;
}

/**
 * What a comparison of two models found, as a report.
 *
 * @throws {RangeError} when a layer is another one in the model's tables
 */
export function pairReport(
  base: NamedSide,
  other: NamedSide,
  found: ModelComparison,
  settings: PairSettings,
): ComparedPair {
  const layers = found.layers.map((pair) => ({
    pair,
    of: {
      base: placedLayer(base, pair.base, pair.norms.base),
      other: placedLayer(other, pair.other, pair.norms.other),
    },
  }));
  const nameOf = (side: "base" | "other", at: number): PlacedLayer["name"] =>
    (side === "base" ? base : other).graph.layers[at]!.name;
  const matches = layers.flatMap(({ pair, of }) => matchRows(of.base, of.other, pair.change));
  return {
    report: {
      base: { id: base.id, uri: base.uri },
      other: { id: other.id, uri: other.uri },
      leading: settings.leading,
      intruder_cosine: settings.intruderCosine,
      kinship: kinshipOf(found, base, other, settings.comparisons),
      correspondences: layers.map(({ pair, of }) =>
        correspondenceRow(of.base, of.other, pair.evidence, pair)
      ),
      not_compared: found.left.map(({ side, layer, reason }) => ({
        side,
        layer: nameOf(side, layer),
        reason,
      })),
      matches: matches.length,
    },
    matches,
    singular_values: found.layers.map(({ neurons }) => ({
      base: neurons.base.singularValues,
      other: neurons.other.singularValues,
    })),
  };
}

function kinshipOf(
  { layers, kinship }: ModelComparison,
  base: ComparedSide,
  other: ComparedSide,
  comparisons: number,
): Kinship {
  const { logP, spaces } = kinship;
  let [change, whole] = [0, 0];
  for (const { change: { relativeChange }, norms } of layers) {
    change += relativeChange === null ? norms.other ** 2 : (relativeChange * norms.base) ** 2;
    whole += (norms.base ** 2 + norms.other ** 2) / 2;
  }
  return {
    log_p: logP,
    ...corrected(logP, comparisons),
    spaces,
    reordered: layers.filter(({ reordered }) => reordered.out).length,
    distance: whole === 0 ? null : Math.sqrt(change / whole),
    topology: weakest(
      [...base.graph.connections, ...other.graph.connections].map(({ evidence }) => evidence),
    ),
  };
}

/** The same comparison, made together with others. @param comparisons how many they are */
export function amongOthers(report: PairReport, comparisons: number): PairReport {
  const { kinship } = report;
  return { ...report, kinship: { ...kinship, ...corrected(kinship.log_p, comparisons) } };
}

function corrected(
  logP: number | null,
  comparisons: number,
): Pick<Kinship, "log_p_corrected" | "comparisons"> {
  return {
    log_p_corrected: logP === null ? null : Math.min(0, logP + Math.log(comparisons)),
    comparisons,
  };
}

const ORDER: readonly Evidence[] = ["guessed", "inferred", "declared", "graph"];

function weakest(evidence: readonly Evidence[]): Evidence | null {
  return ORDER.find((each) => evidence.includes(each)) ?? null;
}
