/** `report.json`: what a run found, in all of its models. */

import { answerable, type QueryTargets } from "../analysis/findings/query-words.ts";
import type { ComparedModel } from "../analysis/findings/comparison.ts";
import type { TestReport } from "../analysis/findings/facts.ts";
import { RANKING } from "../analysis/findings/finding.ts";
import type { ModelReport } from "../analysis/report.ts";
import { pValueMeaning } from "../model/p-value.ts";
import { SCHEMA_VERSION, TABLE_NAMES, type TableName } from "../model/tables.ts";

/** A model that could not be done. */
export interface FailedModel {
  readonly id: string;
  readonly uri: string;
  readonly error: string;
}

/** `report.json` without its models. */
export interface ReportFrame {
  readonly schema_version: number;
  readonly run_id: string;
  readonly test: TestReport;
  /** What a p-value says. */
  readonly meaning: string;
  /** How findings are ranked. */
  readonly ranking: string;
  /** Rows of each table over all models of this run. */
  readonly rows: Readonly<Record<TableName, number>>;
  /** The models side by side. */
  readonly comparison: readonly ComparedModel[];
  readonly failed: readonly FailedModel[];
}

/** `report.json`. */
export interface RunReport extends ReportFrame {
  readonly models: readonly ModelReport[];
}

/** The reports of a run's models in their order, as often as they are asked for: of many models not all are in memory at once. */
export type ModelReports = () => AsyncIterable<ModelReport> | Iterable<ModelReport>;

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
  models: readonly (ComparedModel & Pick<ModelReport, "rows">)[],
  failed: readonly FailedModel[],
): ReportFrame {
  return {
    schema_version: SCHEMA_VERSION,
    run_id: runId,
    test,
    meaning: pValueMeaning(test.null).long,
    ranking: RANKING,
    rows: totalRows(models),
    comparison: models.map(({ id, figures, null_control }) => ({ id, figures, null_control })),
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
