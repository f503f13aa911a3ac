/** `report.json`: what a run found, in all of its models. */

import { answerable, type Answering } from "../analysis/findings/asking.ts";
import type { ComparedModel } from "../analysis/findings/comparison.ts";
import type { TestReport } from "../analysis/findings/facts.ts";
import { RANKING } from "../analysis/findings/finding.ts";
import { type ModelReport, P_VALUE_MEANING } from "../analysis/report.ts";
import { SCHEMA_VERSION, TABLE_NAMES, type TableName } from "../model/tables.ts";

/** A model that could not be done. */
export interface FailedModel {
  readonly id: string;
  readonly uri: string;
  readonly error: string;
}

/** `report.json`. */
export interface RunReport {
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
  readonly models: readonly ModelReport[];
  readonly failed: readonly FailedModel[];
}

/** Rows per table, summed over models. */
export function totalRows(models: readonly Pick<ModelReport, "rows">[]): Record<TableName, number> {
  return Object.fromEntries(
    TABLE_NAMES.map((table) => [table, models.reduce((sum, { rows }) => sum + rows[table], 0)]),
  ) as Record<TableName, number>;
}

/** The report of a run. @param answering what of it can be asked: other queries are left out */
export function runReport(
  runId: string,
  test: TestReport,
  models: readonly ModelReport[],
  failed: readonly FailedModel[],
  answering: Answering,
): RunReport {
  const rows = totalRows(models);
  return {
    schema_version: SCHEMA_VERSION,
    run_id: runId,
    test,
    meaning: P_VALUE_MEANING,
    ranking: RANKING,
    rows,
    comparison: models.map(({ id, figures, null_control }) => ({ id, figures, null_control })),
    models: models.map((model) => ({
      ...model,
      findings: model.findings.map((finding) => answerable(finding, answering)),
    })),
    failed,
  };
}
