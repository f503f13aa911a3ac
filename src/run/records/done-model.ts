/** A model that is done, as its run speaks of it. */

import type { ComparedModel } from "../../analysis/findings/comparison.ts";
import type { ModelReport } from "../../analysis/report.ts";
import type { InputFile } from "../../model/ports.ts";
import { findingSummaries, type FindingSummary } from "../../report/report-text.ts";
import type { CompletedModel } from "./completed-models.ts";
import type { RunRecord } from "./records.ts";

/** A model that is done, for the record. */
export interface DoneModel {
  readonly entry: RunRecord["models"][number];
  /** Of its report, which stands in its mark. */
  readonly told: ComparedModel & Pick<ModelReport, "series" | "test" | "rows" | "warnings"> & {
    readonly findings: readonly FindingSummary[];
  };
  /** What this run had to do for it: everything, or only to take its tables to a sink that lacked them, or nothing. */
  readonly work: "computed" | "copied" | "none";
}

/** Where a model lies now is said anew: its path may be spelled in another way. */
export function doneOf(
  { entry, report }: CompletedModel,
  now: { readonly uri: string; readonly inputs: readonly InputFile[] },
  work: DoneModel["work"],
): DoneModel {
  return { entry: { ...entry, ...now }, told: reportSummary(report), work };
}

/** What of a model's report is kept in memory for the run's. */
export function reportSummary(
  report: ModelReport,
): DoneModel["told"] {
  const { id, series, test, rows, figures, null_controls, null_control, null_control_spread, warnings } =
    report;
  return {
    id,
    series,
    test,
    rows,
    figures,
    null_controls,
    null_control,
    null_control_spread,
    warnings,
    findings: findingSummaries(report.findings),
  };
}
