/** A report as lines of text, for the terminal: what was found in words first, tables behind it. */

import { comparisonSentences, comparisonTable } from "../analysis/findings/comparison.ts";
import { type Finding, ranked } from "../analysis/findings/finding.ts";
import { pText } from "../analysis/findings/words.ts";
import type { ModelReport } from "../analysis/report.ts";
import { modelTables } from "../analysis/report-tables.ts";
import { earlierRemark, type ReportFrame, type RunReport } from "./run-report.ts";
import { plainTable, printable } from "./text.ts";

/** So many findings of a model are told. */
const MOST_FINDINGS = 4;

/** So many models are compared, and so many findings of a collection told. */
const MOST_COMPARED = 20;
const MOST_OF_COLLECTION = 8;

/** More models than this are compared, not shown one by one. */
export const MOST_SHOWN = 8;

/** One model: its most surprising findings, then its tables. */
export function modelText(model: ModelReport): string {
  const title = printable(`${model.id}  (${model.format}, ${model.uri})`);
  const told = model.findings.slice(0, MOST_FINDINGS).map((finding, at) =>
    findingText(finding, `${at + 1}. `, model.null_control !== null)
  );
  const more = model.findings.length - told.length;
  const said = [
    ...told,
    ...more > 0 ? [`${more} more in report.md`] : [],
    ...model.remarks.map(printable),
  ];
  const tables = modelTables(model).map((table) =>
    `${printable(table.title)}\n${indented(table.rows.length === 0 ? "(none)" : plainTable(table))}`
  );
  return [
    `${title}\n${"=".repeat(title.length)}`,
    ...said.length > 0 ? [said.join("\n")] : [],
    ...tables,
  ].join("\n\n");
}

/** @param control whether there was one; a description, without a p-value, has none to tell */
function findingText(
  { title, surprise, null_control: says }: Finding,
  before: string,
  control: boolean,
): string {
  const lines = [`${before}${printable(title)}`];
  if (control && surprise !== null) {
    lines.push(`${" ".repeat(before.length)}Null control: ${printable(says)}.`);
  }
  return lines.join("\n");
}

/** Models side by side; empty for a single one. */
export function comparisonText({ comparison }: Pick<ReportFrame, "comparison">): string {
  if (comparison.length < 2) return "";
  const shown = comparison.slice(0, MOST_COMPARED);
  const more = comparison.length - shown.length;
  return [
    "Models side by side",
    ...comparisonSentences(comparison).map((sentence) => `  ${printable(sentence)}`),
    indented(plainTable(comparisonTable(shown))),
    ...more > 0 ? [`  ${more} more models in report.md`] : [],
  ].join("\n");
}

/** A finding, in brief. */
export type FindingSummary = Pick<Finding, "kind" | "title" | "surprise">;

/** Of a model's findings, the most surprising first, those that may be told of a collection. */
export function findingSummaries(findings: readonly Finding[]): FindingSummary[] {
  return findings.filter(({ surprise }) => surprise !== null).slice(0, MOST_OF_COLLECTION)
    .map(({ kind, title, surprise }) => ({ kind, title, surprise }));
}

/** The most surprising findings over all models, each with its model. */
export function collectionText(
  { test }: ReportFrame,
  models: readonly { readonly id: string; readonly findings: readonly FindingSummary[] }[],
): string {
  const found = models.flatMap(({ id, findings }) => findings.map((finding) => ({ ...finding, id })));
  const all = ranked(found, Math.log(test.alpha)).slice(0, MOST_OF_COLLECTION);
  if (all.length === 0) return "";
  return [
    "The most surprising findings",
    ...all.map(({ id, surprise, title }) =>
      `  ${printable(id)} (p = ${pText(surprise ?? 0)}): ${printable(title)}`
    ),
  ].join("\n");
}

/** All of a report: comparison, then models one by one, or the most surprising findings where they are many. */
export function reportText(report: RunReport): string {
  const { models } = report;
  const parts = [
    comparisonText(report),
    ...models.length <= MOST_SHOWN ? models.map((model) => modelText(model)) : [
      collectionText(
        report,
        models.map(({ id, findings }) => ({ id, findings: findingSummaries(findings) })),
      ),
    ],
    earlierText(report),
    report.meaning,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** Models of earlier runs of which there is something to say. */
function earlierText({ earlier }: RunReport): string {
  const remarks = earlier.map((model) => ({ id: model.id, remark: earlierRemark(model) }));
  return remarks.filter(({ remark }) => remark !== "").map(({ id, remark }) => printable(`${id}: ${remark}`))
    .join("\n");
}

/** Lines, two spaces to the right. */
export function indented(text: string): string {
  return text.split("\n").map((line) => `  ${line}`).join("\n");
}
