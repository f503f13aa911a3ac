/** The tracks of a series, step by step: what each comparison of a checkpoint with the next says of them. */

import type { PairReport, TrackStepRow } from "./comparison-report.ts";
import type { SeriesReport, TrackRow } from "./series-report.ts";

/**
 * The tracks that are in either of two neighbouring checkpoints, for each pair of them.
 *
 * @param reports each checkpoint compared with the next, in order
 * @returns as many lists; tracks ascend
 */
export function trackSteps(
  { models, tracks }: SeriesReport,
  reports: readonly Pick<PairReport, "correspondences">[],
): TrackStepRow[][] {
  const places = new Map(models.map(({ id }, at) => [id, at]));
  const pairs = reports.map(({ correspondences }) => ({
    byBase: new Map(correspondences.map((each) => [each.base_layer, each])),
    byOther: new Map(correspondences.map((each) => [each.other_layer, each])),
    rows: [] as TrackStepRow[],
  }));
  for (const [track, rows] of Map.groupBy(tracks, (row) => row.track)) {
    const byStep = new Map<number, TrackRow>(rows.map((row) => [places.get(row.model)!, row]));
    for (const [at, { byBase, byOther, rows: found }] of pairs.entries()) {
      const [before, after] = [byStep.get(at), byStep.get(at + 1)];
      const layers = before === undefined ? byOther.get(after?.layer ?? "") : byBase.get(before.layer);
      // A track whose layer corresponds to none goes no further, and does not end here either.
      if (layers === undefined) continue;
      found.push({
        base_index: layers.base_index,
        other_index: layers.other_index,
        track,
        base_neuron: before?.neuron ?? null,
        other_neuron: after?.neuron ?? null,
        base_step: models[at]!.step,
        other_step: models[at + 1]!.step,
        base_singular_value: before?.singular_value ?? null,
        other_singular_value: after?.singular_value ?? null,
        similarity: after?.similarity ?? null,
        birth: after?.birth ?? false,
        death: before?.death ?? false,
      });
    }
  }
  return pairs.map(({ rows }) => rows);
}
