/** `report.html`: one file, with its pictures in it and without a script. */

import { COMPARISON_MEANING, comparisonSentences, comparisonTable } from "../analysis/findings/comparison.ts";
import type { Finding, Query } from "../analysis/findings/finding.ts";
import type { SummaryLine } from "../analysis/findings/summary.ts";
import type { ModelReport } from "../analysis/report.ts";
import { findingTables, modelTables, numbersTable } from "../analysis/report-tables.ts";
import { type SeriesReport, seriesText, trendTable } from "../analysis/series.ts";
import { pValueMeaning } from "../model/p-value.ts";
import { folded, Html, type HtmlPart, htmlTable, markup, preformatted } from "./html.ts";
import type { Picture, Pictures } from "./pictures.ts";
import {
  checkpointsOf,
  COMPARED_MEANING,
  earlierTable,
  type ModelReports,
  NOT_SAME_TEST,
  outsideSeries,
  type ReportFrame,
} from "./run-report.ts";

const STYLE =
  `body { font: 16px/1.5 system-ui, sans-serif; color: #1b1e23; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 2px solid #e4e7eb; padding-top: 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.85rem; margin: 0.5rem 0; }
th, td { text-align: left; padding: 0.2rem 0.6rem; border-bottom: 1px solid #e4e7eb; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
dt { font-weight: 600; margin-top: 0.6rem; } dd { margin: 0.2rem 0 0 1rem; }
details { margin: 0.5rem 0; } summary { cursor: pointer; color: #0072b2; }
pre { overflow-x: auto; background: #f5f6f8; padding: 0.6rem; font-size: 0.8rem; }
.quiet { color: #5b6470; font-size: 0.9rem; } .warning { color: #a04000; } svg { max-width: 100%; height: auto; }`;

/** Nothing is loaded and nothing is run, whatever names hold. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The report as a page, a model at a time. Names come from files: each is escaped. */
export async function* reportHtml(
  frame: ReportFrame,
  models: ModelReports,
  pictures: Pictures,
): AsyncGenerator<string> {
  yield markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>svrflow run ${frame.run_id}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<h1>svrflow run ${frame.run_id}</h1>
${frame.same_test ? [] : markup`<p class="warning">${NOT_SAME_TEST}</p>`}
${frame.series.map((each) => seriesSection(each, frame))}
${comparison(frame)}
${comparedModels(frame)}
`.text;
  const checkpoints = new Set(frame.series.flatMap(({ models: ids }) => ids));
  for await (const model of models()) {
    const section = modelSection(model, frame, await pictures(model));
    // A series is read in its table; of single checkpoints there may be hundreds.
    yield `${(checkpoints.has(model.id) ? folded(model.id, [section]) : section).text}\n`;
  }
  yield markup`${
    frame.earlier.length === 0
      ? []
      : markup`<h2>From earlier runs</h2>${htmlTable(earlierTable(frame.earlier))}`
  }
${frame.failed.length === 0 ? [] : failures(frame)}
<h2>How to read this</h2>
<p>${frame.meaning}</p>
<p>${frame.ranking}</p>
</body>
</html>
`.text;
}

/** Checkpoints in one table, and what goes with the step. */
function seriesSection(series: SeriesReport, frame: ReportFrame): Html {
  const { models, steps } = checkpointsOf(series, frame);
  return markup`<h2>Series ${series.series}</h2>
<p>${seriesText(series)}</p>
${series.trends.length > 0 ? htmlTable(trendTable(series)) : []}
${htmlTable(comparisonTable(models, steps))}
<p class="quiet">${COMPARISON_MEANING}</p>`;
}

function comparison(frame: ReportFrame): HtmlPart {
  const models = outsideSeries(frame);
  if (models.length < 2) return [];
  return markup`<h2>Models side by side</h2>
<ul>${comparisonSentences(models).map((sentence) => markup`<li>${sentence}</li>`)}</ul>
${htmlTable(comparisonTable(models))}
<p class="quiet">${COMPARISON_MEANING}</p>`;
}

/** What comparisons of models found. */
function comparedModels({ compared }: ReportFrame): HtmlPart {
  if (compared.length === 0) return [];
  return markup`<h2>Models compared</h2>
<p class="quiet">${COMPARED_MEANING}</p>
${
    compared.map(({ title, findings }) =>
      folded(title, findings.map((finding) => findingSection(finding, kindName(finding))))
    )
  }`;
}

function failures({ failed }: ReportFrame): Html {
  return markup`<h2>Failed</h2>
<ul>${failed.map(({ id, error }) => markup`<li class="warning">${id}: ${error}</li>`)}</ul>`;
}

function modelSection(model: ModelReport, frame: ReportFrame, picture: Picture | null): Html {
  return markup`<h2>${model.id}</h2>
${model.run_id === frame.run_id ? [] : markup`<p class="quiet">Of run ${model.run_id}.</p>`}
${
    model.test.null === frame.test.null
      ? []
      : markup`<p class="quiet">${pValueMeaning(model.test.null).long}</p>`
  }
${summaryList(model.summary)}
${model.warnings.map((warning) => markup`<p class="warning">warning: ${warning}</p>`)}
${picture === null ? [] : figure(picture)}
${model.findings.map((finding, at) => findingSection(finding, `Finding ${at + 1}: ${kindName(finding)}`))}
${model.remarks.map((remark) => markup`<p>${remark}</p>`)}
${modelTables(model).map((table) => folded(table.title, [htmlTable(table)]))}`;
}

function figure(picture: Picture): Html {
  return "svg" in picture
    ? new Html(picture.svg)
    : markup`<p class="warning">no picture: ${picture.failure}</p>`;
}

function summaryList(lines: readonly SummaryLine[]): Html {
  const questions = [...Map.groupBy(lines, ({ question }) => question)];
  return markup`<dl>${
    questions.map(([question, all]) =>
      markup`<dt>${question}</dt>
${all.map(({ answer }) => markup`<dd>${answer}</dd>`)}`
    )
  }</dl>`;
}

function kindName({ kind }: Finding): string {
  return kind.replaceAll("-", " ");
}

function findingSection(finding: Finding, heading: string): Html {
  const { table, queries } = finding;
  return markup`<h3>${heading}</h3>
<p>${finding.title}</p>
<p class="quiet">Null control: ${finding.null_control}. ${finding.caveats.join("; ")}.</p>
${
    folded("Its numbers, and the queries that answer them", [
      htmlTable(numbersTable(finding)),
      ...queries.map(queryBlock),
    ])
  }
${
    table === null ? [] : folded(table.title, [
      ...findingTables(table).map((each) => markup`<p class="quiet">${each.title}</p>${htmlTable(each)}`),
      ...table.queries.map(queryBlock),
    ])
  }`;
}

function queryBlock({ language, text }: Query): Html {
  return markup`<p class="quiet">${language === "sql" ? "SQL" : "Cypher"}</p>
${preformatted(text)}`;
}
