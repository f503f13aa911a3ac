/** `svr report`: the report of a run, rendered again from its `report.json`. */

import { ConfigError } from "../../config/document.ts";
import { show } from "../model/errors.ts";
import { type ReportFrame, reportJson, type RunReport } from "./run-report.ts";
import { readReport } from "./report-file.ts";
import type { ReportFormat } from "./report-formats.ts";
import { type RecordedRun, recordedRun } from "../viewer/plot-record.ts";
import { picturesOf } from "./pictures.ts";
import { reportHtml } from "./report-html.ts";
import { reportMarkdown } from "./report-markdown.ts";
import { reportText } from "./report-text.ts";
import { PLAIN, type Screen } from "./screen.ts";

/** An error names so many of a run's models. */
const MOST_NAMED = 10;

/**
 * The report of the run in a folder, as it belongs on stdout.
 *
 * @param model the id of the one model that is wanted
 * @param screen where text goes
 * @throws {ConfigError} where the run has no such model; names those that it has
 * @throws as `readReport`
 */
export async function reportOf(
  folder: string,
  { format, model }: { readonly format: ReportFormat; readonly model?: string },
  screen: Screen = PLAIN,
): Promise<string> {
  const whole = await readReport(folder);
  const report = model === undefined ? whole : ofModel(whole, folder, model);
  const { models, ...frame } = report;
  switch (format) {
    case "md":
      return await joined(reportMarkdown(frame, () => models));
    case "html":
      return await joined(reportHtml(frame, () => models, picturesOf(folder, await runOf(folder, frame))));
    case "text":
      return reportText(report, screen);
    case "json":
      return await joined(reportJson(frame, () => models));
  }
}

/** The record of the run that a report is of; null where it is another run's. */
async function runOf(folder: string, { run_id: runId }: ReportFrame): Promise<RecordedRun | null> {
  const run = await recordedRun(folder);
  return run?.run_id === runId ? run : null;
}

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

function ofModel(report: RunReport, folder: string, id: string): RunReport {
  const models = report.models.filter((each) => each.id === id);
  const failed = report.failed.filter((each) => each.id === id);
  if (models.length === 0 && failed.length === 0) {
    const named = report.models.slice(0, MOST_NAMED).map((each) => show(each.id)).join(", ");
    const more = report.models.length > MOST_NAMED ? `, … (${report.models.length} in all)` : "";
    throw new ConfigError(`--model: found ${show(id)}, required a model of ${folder}: ${named}${more}`);
  }
  const [rows = report.rows] = models.map((each) => each.rows);
  const isOf = ({ base, other }: RunReport["compared"][number]) => base === id || other === id;
  return {
    ...report,
    rows,
    models,
    failed,
    comparison: report.comparison.filter((each) => each.id === id),
    compared: report.compared.filter(isOf),
  };
}
