/** `report.json`: what a run found, in all of its models. */

import { answerable, type QueryTargets } from "../analysis/findings/query-words.ts";
import type { ComparedModel } from "../analysis/findings/comparison.ts";
import type { TestReport } from "../analysis/findings/facts.ts";
import { RANKING } from "../analysis/findings/finding.ts";
import type { ModelReport } from "../analysis/report.ts";
import { type Checkpoint, seriesOf, type SeriesReport, trendRow } from "../analysis/series.ts";
import { pValueMeaning } from "../model/p-value.ts";
import { type ComparedFindings, MOST_COMPARISONS } from "./comparison-findings.ts";
import { SCHEMA_VERSION, TABLE_NAMES, type TableName } from "../model/tables.ts";

/** A model that could not be done. */
export interface FailedModel {
  readonly id: string;
  readonly uri: string;
  readonly error: string;
}

/** A model that stands in the folder of a run, and that the run did not have: an earlier one left it. */
export interface EarlierModel {
  readonly id: string;
  readonly uri: string;
  /** The run that computed it. */
  readonly run_id: string;
  /** Whether the file that it was read from is no longer there. */
  readonly gone: boolean;
  /** Why it is not among the reported models; null where it is. */
  readonly unreported: string | null;
}

/** What is to be said of such a model; empty where its file is there and its report too. */
export function earlierRemark({ uri, gone, unreported }: EarlierModel): string {
  const remarks = [
    ...gone ? [`${uri} is no longer there`] : [],
    ...unreported === null ? [] : [`not reported: ${unreported}`],
  ];
  return remarks.join("; ");
}

/** The models of earlier runs as a table of text. */
export function earlierTable(earlier: readonly EarlierModel[]) {
  return {
    header: ["model", "run", "remark"],
    numeric: [false, false, false],
    rows: earlier.map((model) => [model.id, model.run_id, earlierRemark(model)]),
  };
}

/** `report.json` without its models. */
export interface ReportFrame {
  readonly schema_version: number;
  readonly run_id: string;
  /** How this run tests. */
  readonly test: TestReport;
  /** Whether all reported models were tested in the same way. */
  readonly same_test: boolean;
  /** What a p-value says. */
  readonly meaning: string;
  /** How findings are ranked. */
  readonly ranking: string;
  /** Rows of each table over all models that are reported. */
  readonly rows: Readonly<Record<TableName, number>>;
  /** The models side by side. */
  readonly comparison: readonly ComparedModel[];
  /** Series of checkpoints among them, and what rises or falls with the step. */
  readonly series: readonly SeriesReport[];
  /** What the comparisons of the run found. */
  readonly compared: readonly ComparedFindings[];
  /** Which of the models that stand in the folder are not of this run. */
  readonly earlier: readonly EarlierModel[];
  readonly failed: readonly FailedModel[];
}

/** `report.json`. */
export interface RunReport extends ReportFrame {
  readonly models: readonly ModelReport[];
}

/** The reports of a run's models in their order, as often as they are asked for: of many models not all are in memory at once. */
export type ModelReports = () => AsyncIterable<ModelReport> | Iterable<ModelReport>;

/** Said where models stand side by side that were tested with other settings. */
export const NOT_SAME_TEST =
  "Not all of these models were tested in the same way: the tables of each say how.";

/** Said before comparisons. */
export const COMPARED_MEANING =
  "What a comparison says of one model in the light of another: comparison/comparison.md has every layer. Of many comparisons the " +
  `first ${MOST_COMPARISONS} are here.`;

/** The models of a series in their order, and their steps by id. */
export function checkpointsOf(
  { models, steps }: SeriesReport,
  { comparison }: Pick<ReportFrame, "comparison">,
): { readonly models: readonly ComparedModel[]; readonly steps: ReadonlyMap<string, number> } {
  const byId = new Map(comparison.map((model) => [model.id, model]));
  return {
    models: models.flatMap((id) => byId.get(id) ?? []),
    steps: new Map(models.map((id, at) => [id, steps[at]!])),
  };
}

/** The models that are in no series. */
export function outsideSeries({ comparison, series }: ReportFrame): readonly ComparedModel[] {
  const placed = new Set(series.flatMap(({ models }) => models));
  return comparison.filter(({ id }) => !placed.has(id));
}

/** The series of checkpoints among models. */
export async function reportedSeries(models: ModelReports): Promise<SeriesReport[]> {
  const checkpoints: Checkpoint[] = [];
  for await (const { id, series, step, test, figures, layers } of models()) {
    // Of layers only what trends are made of: there may be thousands of models.
    if (series !== null) checkpoints.push({ id, series, step, test, figures, layers: layers.map(trendRow) });
  }
  return seriesOf(checkpoints);
}

/** Rows per table, summed over models. */
export function totalRows(models: readonly Pick<ModelReport, "rows">[]): Record<TableName, number> {
  return Object.fromEntries(
    TABLE_NAMES.map((table) => [table, models.reduce((sum, { rows }) => sum + rows[table], 0)]),
  ) as Record<TableName, number>;
}

/** What is said of a run before its models. */
export function reportFrame(
  runId: string,
  test: TestReport,
  models: readonly (ComparedModel & Pick<ModelReport, "rows" | "test">)[],
  failed: readonly FailedModel[],
  earlier: readonly EarlierModel[] = [],
  series: readonly SeriesReport[] = [],
  compared: readonly ComparedFindings[] = [],
): ReportFrame {
  return {
    schema_version: SCHEMA_VERSION,
    run_id: runId,
    test,
    same_test: new Set(models.map((model) => JSON.stringify(model.test))).size <= 1,
    meaning: pValueMeaning(test.null).long,
    ranking: RANKING,
    rows: totalRows(models),
    comparison: models.map(({ id, figures, null_controls, null_control, null_control_spread }) => ({
      id,
      figures,
      null_controls,
      null_control,
      null_control_spread,
    })),
    series,
    compared,
    earlier,
    failed,
  };
}

/** A model's report as it stands in a run's. @param answering what of it can be asked: other queries are left out */
export function answerableReport(model: ModelReport, answering: QueryTargets): ModelReport {
  return { ...model, findings: model.findings.map((finding) => answerable(finding, answering)) };
}

/** `report.json` in pieces, a model at a time. */
export async function* reportJson(frame: ReportFrame, models: ModelReports): AsyncGenerator<string> {
  yield `${JSON.stringify(frame, null, 2).slice(0, -"\n}".length)},\n  "models": [`;
  let before = "";
  for await (const model of models()) {
    // Within a string of JSON there is no line break: each begins a line of its own.
    yield `${before}\n    ${JSON.stringify(model, null, 2).replaceAll("\n", "\n    ")}`;
    before = ",";
  }
  yield "\n  ]\n}\n";
}

/** All of a report in one object. */
export async function wholeReport(frame: ReportFrame, models: ModelReports): Promise<RunReport> {
  const all: ModelReport[] = [];
  for await (const model of models()) all.push(model);
  return { ...frame, models: all };
}
