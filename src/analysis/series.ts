/** Checkpoints of one model in their order: what rises and what falls with the step. */

import type { Row } from "../model/tables.ts";
import { leastRankP, rankCorrelation } from "../stats/ordinary.ts";
import { counted } from "../model/counted.ts";
import type { TestReport } from "./findings/facts.ts";
import type { ModelFigures } from "./findings/figures.ts";
import { decimal, pText } from "./findings/words.ts";

/** A checkpoint. */
export interface Checkpoint {
  readonly id: string;
  readonly series: string | null;
  readonly step: number | null;
  readonly test: TestReport;
  readonly figures: ModelFigures;
  /** Rows of the layers table. */
  readonly layers: readonly Row[];
}

/** How a figure goes with the step. */
export interface Trend {
  /** Null for a figure of the whole model. */
  readonly layer: string | null;
  readonly figure: string;
  /** At the first step and at the last. */
  readonly first: number;
  readonly last: number;
  /** Spearman's rank correlation with the step, in [-1, 1]. */
  readonly rho: number;
  /** Two-sided p of it, corrected for all trends of the series that were tested (Bonferroni); in (0, 1]. */
  readonly p: number;
}

/** A series of checkpoints. */
export interface SeriesReport {
  readonly series: string;
  /** Ids, by step. */
  readonly models: readonly string[];
  readonly steps: readonly number[];
  /** Whether all checkpoints were tested in the same way: others have no trends. */
  readonly same_test: boolean;
  /** Figures whose trend was tested, of the model and of its layers: those that all checkpoints have. */
  readonly tests: number;
  /** Those whose corrected p is at most 0.05, the surest first; at most twelve of layers. */
  readonly trends: readonly Trend[];
}

/** Fewer checkpoints have no trend. */
const LEAST = 3;

/** A corrected p up to which a trend is named. */
const ALPHA = 0.05;

/** Trends of layers that are named. */
const MOST_LAYERS = 12;

const MODEL_FIGURES: readonly (readonly [figure: string, value: (of: ModelFigures) => number | null])[] = [
  ["near-kernels among deep neurons", (of) => of.near_kernel_share],
  ["edges between deep layers, over chance", (of) => of.edges_ratio],
  ["edges between their near-kernels, over chance", (of) => of.block_edges_ratio],
  ["overlap between their near-kernels, over chance", (of) => of.block_energy_ratio],
  ["layers on the best chain", (of) => of.chain_layers],
];

const LAYER_FIGURES: readonly (readonly [figure: string, value: (row: Row) => number | null])[] = [
  ["largest singular value", (row) => numberOrNull(row["spectral_norm"])],
  ["stable rank", (row) => numberOrNull(row["stable_rank"])],
  ["near-kernels", (row) => numberOrNull(row["near_kernels"])],
];

/** The part of a row of the layers table that trends are made of. */
export function trendRow({ name, spectral_norm, stable_rank, near_kernels }: Row): Row {
  return {
    name: name ?? null,
    spectral_norm: spectral_norm ?? null,
    stable_rank: stable_rank ?? null,
    near_kernels: near_kernels ?? null,
  };
}

const numberOrNull = (value: Row[string] | undefined) =>
  value === null || value === undefined ? null : Number(value);

/** The series among checkpoints, each of at least three steps; by name. */
export function seriesOf(checkpoints: readonly Checkpoint[]): SeriesReport[] {
  const placed = checkpoints.filter((each) => each.series !== null && each.step !== null);
  return [...Map.groupBy(placed, ({ series }) => series!)].flatMap(([series, all]) => {
    const ordered = [...all].sort((a, b) => a.step! - b.step!);
    const steps = ordered.map(({ step }) => step!);
    if (new Set(steps).size < LEAST) return [];
    return [{ series, models: ordered.map(({ id }) => id), steps, ...trendsOf(ordered, steps) }];
  }).sort((a, b) => a.series < b.series ? -1 : 1);
}

function trendsOf(
  ordered: readonly Checkpoint[],
  steps: readonly number[],
): Pick<SeriesReport, "same_test" | "tests" | "trends"> {
  // A figure of edges means something else under another test.
  if (new Set(ordered.map(({ test }) => JSON.stringify(test))).size > 1) {
    return { same_test: false, tests: 0, trends: [] };
  }
  const byName = ordered.map(({ layers }) => new Map(layers.map((row) => [row["name"], row])));
  const trends = [
    ...MODEL_FIGURES.flatMap(([figure, value]) =>
      trendOf(null, figure, steps, ordered.map(({ figures }) => value(figures)))
    ),
    ...layerNames(byName).flatMap((name) => {
      const rows = byName.map((layers) => layers.get(name)!);
      return LAYER_FIGURES.flatMap(([figure, value]) => trendOf(name, figure, steps, rows.map(value)));
    }),
  ];
  const sure = trends.map((trend) => ({ ...trend, p: Math.min(1, trend.p * trends.length) }))
    .filter(({ p }) => p <= ALPHA)
    .sort((a, b) => a.p - b.p || Math.abs(b.rho) - Math.abs(a.rho));
  const ofLayers = sure.filter(({ layer }) => layer !== null).slice(0, MOST_LAYERS);
  return {
    same_test: true,
    tests: trends.length,
    trends: [...sure.filter(({ layer }) => layer === null), ...ofLayers],
  };
}

/** Layers that all checkpoints have, in the order of the first. */
function layerNames([first, ...others]: readonly ReadonlyMap<Row[string] | undefined, Row>[]): string[] {
  return [...first?.keys() ?? []].filter((name): name is string =>
    typeof name === "string" && others.every((layers) => layers.has(name))
  );
}

/** None where a checkpoint lacks the figure. */
function trendOf(
  layer: string | null,
  figure: string,
  steps: readonly number[],
  values: readonly (number | null)[],
): Trend[] {
  const all = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  if (all.length < values.length) return [];
  const { rho, p } = rankCorrelation(steps, all);
  return [{ layer, figure, first: all[0]!, last: all.at(-1)!, rho, p }];
}

/** The trends of a series as a table. */
export function trendTable(
  { trends }: SeriesReport,
): { readonly header: string[]; readonly numeric: boolean[]; readonly rows: string[][] } {
  return {
    header: ["layer", "figure", "first step", "last step", "rank correlation", "p, corrected"],
    numeric: [false, false, true, true, true, true],
    rows: trends.map(({ layer, figure, first, last, rho, p }) => [
      layer ?? "(the model)",
      figure,
      decimal(first),
      decimal(last),
      decimal(rho),
      pText(Math.log(p)),
    ]),
  };
}

/** What the p of a trend supposes. */
const ORDERS =
  "Their p supposes that without a trend all orders of the checkpoints are alike; checkpoints of one training follow from one another, and most " +
  "figures drift, so that p is a measure of size more than a probability.";

/** What a series shows, in sentences. */
export function seriesText({ models, steps, same_test: sameTest, tests, trends }: SeriesReport): string {
  const span = `${counted(models.length, "checkpoint")} from step ${decimal(steps[0])} to ${
    decimal(steps.at(-1))
  }.`;
  if (!sameTest) return `${span} They were not all tested in the same way: no trend is looked for.`;
  if (tests === 0) return `${span} They have no figure in common: no trend is looked for.`;
  const found = trends.length > 0
    ? `the table has those with a corrected p of at most ${ALPHA}. ${ORDERS}`
    : tests * leastRankP(steps.length) > ALPHA
    ? `none could have a corrected p of at most ${ALPHA}, with so few checkpoints for so many trends.`
    : `none has a corrected p of at most ${ALPHA}.`;
  return `${span} Of ${counted(tests, "trend")} with the step (Spearman's rank correlation) ${found}`;
}
