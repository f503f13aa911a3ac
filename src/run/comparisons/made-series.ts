/** A series of checkpoints compared each with the next, and the tracks of its neurons: made, or left as they stand. */

import type { ComparedPair, PairReport, TrackStepRow } from "../../compare/comparison-report.ts";
import type { SeriesReport } from "../../compare/series-report.ts";
import { trackSteps } from "../../compare/track-steps.ts";
import type { ComparedSide } from "../../flow/compare-models.ts";
import type { Engine } from "../../flow/engine.ts";
import type { ComparedHeader } from "../../model/comparison.ts";
import type { PlannedModel } from "../collection/models.ts";
import { type ComparedStep, seriesModels, seriesOf } from "../compared-series.ts";
import { seriesKey } from "../settings.ts";
import {
  type ComparisonPlaces,
  dropTracks,
  type MadeComparison,
  putComparison,
  standingComparison,
} from "./made-comparison.ts";
import type { PairSettings } from "./pair-report.ts";

/** Tracks of a layer that are remembered for the picture of a series that is not made again. */
const REMEMBERED = 24;

/** A checkpoint compared with the next. */
export interface ComputedStep {
  readonly step: ComparedStep;
  /** Its report and matches; made anew with each call, for the matches of a whole series are many. */
  pair(): ComparedPair;
}

/** A series, and how its steps are compared. */
export interface SeriesWork {
  /** In order, under the ids that they have in tables. */
  readonly planned: readonly PlannedModel[];
  /** Compares a checkpoint with the next. @param at which, from 0 */
  compute(at: number): Promise<ComputedStep>;
  /** Opens two checkpoints by their places. */
  both<T>(
    pair: readonly [number, number],
    work: (base: ComparedSide, other: ComparedSide) => Promise<T>,
  ): Promise<T>;
  readonly engine: () => Promise<Engine>;
}

/** A series that was compared. */
export interface MadeSeries {
  readonly comparisons: readonly MadeComparison[];
  readonly series: SeriesReport;
  readonly key: string;
  /** The strongest tracks of each layer, by step. */
  readonly strongest: readonly TrackStepRow[];
}

/** Compares the steps of a series, and keeps nothing. @param settings how each is compared */
export async function computedSeries(
  { planned, compute, both, engine }: SeriesWork,
  { logAlpha }: PairSettings,
): Promise<{ readonly steps: readonly ComputedStep[]; readonly series: SeriesReport }> {
  const steps: ComputedStep[] = [];
  for (let at = 0; at + 1 < planned.length; at++) steps.push(await compute(at));
  const series = await seriesOf(planned, steps.map(({ step }) => step), both, await engine(), logAlpha);
  return { steps, series };
}

/**
 * Brings the comparisons of a series, and its tracks, to all sinks that lack them. Where any of it must be computed, all of it is: tracks go
 * through all steps.
 *
 * @param headers of the checkpoints, in order
 */
export async function madeSeries(
  work: SeriesWork,
  headers: readonly ComparedHeader[],
  settings: PairSettings,
  places: ComparisonPlaces,
): Promise<MadeSeries> {
  const { name, models } = seriesModels(work.planned);
  const key = seriesKey(
    headers.map(({ id, content }, at) => ({ id, content, step: models[at]!.step })),
    settings,
  );
  const kept = { ...settings, series: key };
  const pairs = headers.slice(1).map((other, at) => [headers[at]!, other] as const);
  const known = await places.records.findSeries(name);
  if (known?.key === key) {
    const standing: MadeComparison[] = [];
    for (const [base, other] of pairs) {
      const found = await standingComparison(base, other, kept, places);
      if (found === null) break;
      standing.push(found);
    }
    if (standing.length === pairs.length) return madeOf(standing, known.report, key);
  }
  const { steps, series } = await computedSeries(work, settings);
  const reports: PairReport[] = steps.map((step) => step.pair().report);
  const tracks = trackSteps(series, reports);
  const made: MadeComparison[] = [];
  for (const [at, [base, other]] of pairs.entries()) {
    places.signal?.throwIfAborted();
    const own = { series: name, key, rows: tracks[at]! };
    const given = await putComparison(base, other, kept, places, steps[at]!.pair(), own);
    made.push({ report: reports[at]!, key: given, work: "computed" });
  }
  // Steps of the series as it was, between which another checkpoint stands now, or of which one is gone.
  const current = new Set(pairs.map(([base, other]) => JSON.stringify([base.id, other.id])));
  for (const [at, { id }] of known?.report.models.slice(1).entries() ?? []) {
    const step = [known!.report.models[at]!.id, id] as const;
    if (!current.has(JSON.stringify(step))) await dropTracks(step, known!.key, places);
  }
  await places.records.putSeries(key, remembered(series));
  return madeOf(made, series, key);
}

function madeOf(comparisons: readonly MadeComparison[], series: SeriesReport, key: string): MadeSeries {
  const steps = trackSteps(remembered(series), comparisons.map(({ report }) => report));
  return { comparisons, series, key, strongest: steps.flat() };
}

/** A series with the strongest tracks of each layer, as its picture shows them. */
function remembered(series: SeriesReport): SeriesReport {
  const strength = new Map<number, number>();
  for (const { track, singular_value: value } of series.tracks) {
    strength.set(track, Math.max(value, strength.get(track) ?? 0));
  }
  const chains = Map.groupBy(series.tracks, ({ chain }) => chain).values();
  const strongest = new Set(
    [...chains].flatMap((rows) =>
      [...new Set(rows.map(({ track }) => track))].sort((a, b) => strength.get(b)! - strength.get(a)!)
        .slice(0, REMEMBERED)
    ),
  );
  return { ...series, tracks: series.tracks.filter(({ track }) => strongest.has(track)) };
}
