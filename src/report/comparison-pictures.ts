/** What the pictures of a comparison show, from its report. */

import type { ComparedPair, ComparisonReport } from "../compare/comparison-report.ts";
import { CHANGE_SETTINGS } from "../compare/layer-change.ts";
import type { SeriesReport } from "../compare/series-report.ts";
import type { PicturedComparison } from "../viewer/comparisons/comparison-picture.ts";
import type { PicturedForest } from "../viewer/comparisons/forest-places.ts";
import type { PicturedTrackSeries } from "../viewer/comparisons/tracks-picture.ts";

/** Two models compared. */
export function picturedComparison(pair: ComparedPair): PicturedComparison {
  const matches = Map.groupBy(pair.matches, (match) => match.other_index);
  const { report } = pair;
  return {
    base: report.base.id,
    other: report.other.id,
    layers: report.correspondences.map(({ other_layer: name, other_index: index, intruders }, at) => ({
      name,
      ...pair.singular_values[at]!,
      matches: (matches.get(index) ?? [])
        .filter((match) => (match.log_p_corrected ?? 0) <= CHANGE_SETTINGS.logAlpha)
        .map((match) => ({
          base: match.base_neuron,
          other: match.other_neuron,
          similarity: match.similarity,
        })),
      intruders: intruders.map(({ neuron }) => neuron),
    })),
  };
}

/** All models of a comparison of all with all, and the links among kin. */
export function picturedForest({ comparisons, forest }: ComparisonReport): PicturedForest {
  const models = new Set(comparisons.flatMap(({ base, other }) => [base.id, other.id]));
  return { models: [...models], links: forest };
}

/** The tracks of a series. */
export function picturedTracks({ models, layers, tracks }: SeriesReport): PicturedTrackSeries {
  const places = new Map(models.map(({ id }, at) => [id, at]));
  const chains = Map.groupBy(tracks, ({ chain }) => chain);
  return {
    steps: models.map(({ step }) => step),
    layers: layers.map(({ layer }, at) => ({
      name: layer,
      tracks: [...Map.groupBy(chains.get(at) ?? [], ({ track }) => track).values()].map((track) =>
        track.map((row) => ({ step: places.get(row.model)!, singularValue: row.singular_value }))
      ),
    })),
  };
}

/**
 * The pictures that stand beside the tables of a comparison.
 *
 * @returns name and SVG: `forest.svg` where all were compared with all, `tracks.svg` of a series, `tracks-2.svg` of another
 */
export async function comparisonPictures(
  report: ComparisonReport,
): Promise<(readonly [name: string, svg: string])[]> {
  const pictures: (readonly [string, string])[] = [];
  // Plot and its document take half a second to load.
  if (report.forest.length > 0) {
    const { drawForest } = await import("../viewer/comparisons/forest-picture.ts");
    pictures.push(["forest.svg", drawForest(picturedForest(report))]);
  }
  for (const [at, series] of report.series.entries()) {
    const { drawTracks } = await import("../viewer/comparisons/tracks-picture.ts");
    pictures.push([at === 0 ? "tracks.svg" : `tracks-${at + 1}.svg`, drawTracks(picturedTracks(series))]);
  }
  return pictures;
}
