/** `report.md`. */

import { COMPARISON_MEANING, comparisonSentences, comparisonTable } from "../analysis/findings/comparison.ts";
import type { Finding, FindingTable, Query } from "../analysis/findings/finding.ts";
import type { ModelReport } from "../analysis/report.ts";
import { findingTables, modelTables, numbersTable } from "../analysis/report-tables.ts";
import { pValueMeaning } from "../model/p-value.ts";
import { type SeriesReport, seriesText, trendTable } from "../analysis/series.ts";
import {
  checkpointsOf,
  COMPARED_MEANING,
  earlierTable,
  type ModelReports,
  NOT_SAME_TEST,
  outsideSeries,
  type ReportFrame,
} from "./run-report.ts";
import { markup } from "./html.ts";
import { fencedBlock, markdownTable, markdownText } from "./text.ts";

/** How the queries of a report are run. */
const ASKING =
  "Each query, run as printed, answers the numbers above it: Cypher by `svr query --out <this folder>` (or in Neo4j, where the run's graph is there), " +
  "SQL by DuckDB in this folder. Numbers are shown with four digits; `report.json` has all, and `report.html` has the pictures.";

/**
 * The report as Markdown, a model at a time. Names come from files: each is escaped.
 *
 * @example
 * import { readReport, reportMarkdown } from "svrflow/run";
 *
 * const report = await readReport("my-run");
 * for await (const text of reportMarkdown(report, () => report.models)) console.log(text);
 */
export async function* reportMarkdown(frame: ReportFrame, models: ModelReports): AsyncGenerator<string> {
  const head = [
    `# svrflow run ${markdownText(frame.run_id)}`,
    markdownText(frame.meaning),
    markdownText(frame.ranking),
    ...await someHasQueries(frame, models) ? [ASKING] : [],
    ...frame.same_test ? [] : [NOT_SAME_TEST],
    ...frame.series.flatMap((each) => seriesSection(each, frame)),
    ...comparison(frame),
    ...comparedModels(frame),
    ...earlierModels(frame),
  ];
  yield head.join("\n\n");
  const checkpoints = new Set(frame.series.flatMap(({ models: ids }) => ids));
  for await (const model of models()) {
    const section = modelSection(model, frame).join("\n\n");
    // A series is read in its table; of single checkpoints there may be hundreds.
    yield checkpoints.has(model.id)
      ? `\n\n${markup`<details><summary>${model.id}</summary>`.text}\n\n${section}\n\n</details>`
      : `\n\n${section}`;
  }
  const failed = frame.failed.map(({ id, error }) => `- ${markdownText(id)}: ${markdownText(error)}`);
  yield failed.length === 0 ? "\n" : `\n\n## Failed\n\n${failed.join("\n")}\n`;
}

async function someHasQueries({ compared }: ReportFrame, models: ModelReports): Promise<boolean> {
  if (compared.some(({ findings }) => findings.some(({ queries }) => queries.length > 0))) return true;
  for await (const { findings } of models()) {
    if (findings.some(({ queries }) => queries.length > 0)) return true;
  }
  return false;
}

/** Checkpoints in one table, and what goes with the step. */
function seriesSection(series: SeriesReport, frame: ReportFrame): string[] {
  const { models, steps } = checkpointsOf(series, frame);
  return [
    `## Series ${markdownText(series.series)}`,
    markdownText(seriesText(series)),
    ...series.trends.length > 0 ? [markdownTable(trendTable(series))] : [],
    markdownTable(comparisonTable(models, steps)),
    markdownText(COMPARISON_MEANING),
  ];
}

function comparison(frame: ReportFrame): string[] {
  const models = outsideSeries(frame);
  if (models.length < 2) return [];
  const sentences = comparisonSentences(models);
  return [
    "## Models side by side",
    ...sentences.length > 0 ? [sentences.map((sentence) => `- ${markdownText(sentence)}`).join("\n")] : [],
    markdownTable(comparisonTable(models)),
    markdownText(COMPARISON_MEANING),
  ];
}

/** What comparisons of models found. */
function comparedModels({ compared }: ReportFrame): string[] {
  if (compared.length === 0) return [];
  return [
    "## Models compared",
    COMPARED_MEANING,
    ...compared.flatMap(({ title, findings }) => [
      `### ${markdownText(title)}`,
      ...findings.flatMap((finding) => findingSection(finding, `#### ${kindName(finding)}`)),
    ]),
  ];
}

/** The models that stand in the folder since earlier runs. */
function earlierModels({ earlier }: ReportFrame): string[] {
  if (earlier.length === 0) return [];
  return [
    "## From earlier runs",
    markdownTable(earlierTable(earlier)),
  ];
}

function modelSection(model: ModelReport, frame: ReportFrame): string[] {
  return [
    `## ${markdownText(model.id)}`,
    ...model.run_id === frame.run_id ? [] : [`Of run ${markdownText(model.run_id)}.`],
    ...model.test.null === frame.test.null ? [] : [markdownText(pValueMeaning(model.test.null).long)],
    summaryList(model.summary),
    ...model.warnings.map((warning) => `> warning: ${markdownText(warning)}`),
    ...model.findings.flatMap((finding, at) =>
      findingSection(finding, `### Finding ${at + 1}: ${kindName(finding)}`)
    ),
    ...model.remarks.map(markdownText),
    ...modelTables(model).flatMap((
      table,
    ) => [`### ${markdownText(table.title)}`, markdownTable(table)]),
  ];
}

function summaryList(lines: ModelReport["summary"]): string {
  return [...Map.groupBy(lines, ({ question }) => question)]
    .map(([question, all]) =>
      `**${question}**\n\n${all.map(({ answer }) => `- ${markdownText(answer)}`).join("\n")}`
    )
    .join("\n\n");
}

function kindName({ kind }: Finding): string {
  return kind.replaceAll("-", " ");
}

function findingSection(finding: Finding, heading: string): string[] {
  const { table } = finding;
  return [
    heading,
    markdownText(finding.title),
    markdownTable(numbersTable(finding)),
    `Null control: ${markdownText(finding.null_control)}.`,
    ...foldedQueries(finding.queries),
    ...table === null ? [] : tableSection(table),
    `Caveats: ${finding.caveats.map(markdownText).join("; ")}.`,
  ];
}

function tableSection(table: FindingTable): string[] {
  const [own, ...control] = findingTables(table);
  return [
    `#### ${markdownText(own!.title)}`,
    markdownTable(own!),
    ...control.flatMap((each) => [`${each.title}:`, markdownTable(each)]),
    ...foldedQueries(table.queries),
  ];
}

/** Shown when they are asked for, where Markdown is rendered. */
function foldedQueries(queries: readonly Query[]): string[] {
  if (queries.length === 0) return [];
  return ["<details><summary>Queries that answer this</summary>", ...queries.map(queryBlock), "</details>"];
}

function queryBlock({ language, text }: Query): string {
  return fencedBlock(text, language);
}
