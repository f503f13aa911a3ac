/** A report as lines of text, for the terminal: what was found in words first, tables behind it. */

import { comparisonSentences, comparisonTable } from "../analysis/findings/comparison.ts";
import { type Finding, ranked } from "../analysis/findings/finding.ts";
import { areKin } from "../compare/comparison-report.ts";
import { counted } from "../model/counted.ts";
import { pText } from "../analysis/findings/words.ts";
import type { ModelReport } from "../analysis/report.ts";
import { modelTables } from "../analysis/report-tables.ts";
import { plainTable } from "./plain-table.ts";
import { earlierRemark, type ReportFrame, type RunReport } from "./run-report.ts";
import { PLAIN, type Screen, wrapped } from "./screen.ts";
import { printable } from "./text.ts";

/** So many findings of a model are told. */
const MOST_FINDINGS = 4;

/** So many models are compared; and on the one screen of a run. */
const MOST_COMPARED = 20;
const MOST_ON_SCREEN = 10;

/** So many comparisons are told; and on the one screen of a run. */
const MOST_PAIRS = 20;
const MOST_PAIRS_ON_SCREEN = 3;

/** So many findings are told of a collection; and on the one screen of a run. */
const MOST_OF_COLLECTION = 8;
const MOST_TOLD_ON_SCREEN = 4;

/** More models than this are compared, not shown one by one. */
export const MOST_SHOWN = 8;

/** One model: its most surprising findings, then its tables. */
export function modelText(
  model: ModelReport,
  screen: Screen = PLAIN,
): string {
  const tables = modelTables(model).map((table) => {
    const title = wrapped(printable(table.title), screen.width);
    const rows = table.rows.length === 0 ? "(none)" : plainTable(table, { width: screen.width - 2 });
    return `${title}\n${indented(rows)}`;
  });
  return [modelSummary(model, screen), ...tables].join("\n\n");
}

/** One model: its most surprising findings. */
export function modelSummary(model: ModelReport, { width, bold }: Screen = PLAIN): string {
  const title = wrapped(printable(`${model.id}  (${model.format}, ${model.uri})`), width, "  ");
  const told = model.findings.slice(0, MOST_FINDINGS).map((finding, at) =>
    findingText(finding, `${at + 1}. `, model.null_control !== null, width)
  );
  const more = model.findings.length - told.length;
  const said = [
    ...told,
    ...more > 0 ? [`${counted(more, "more finding")} in report.md`] : [],
    ...model.remarks.map((remark) => wrapped(printable(remark), width)),
  ];
  const longest = Math.max(...title.split("\n").map((line) => line.length));
  const head = `${bold(title)}\n${"=".repeat(Math.min(longest, width))}`;
  return [head, ...said.length > 0 ? [said.join("\n")] : []].join("\n\n");
}

/** @param control whether there was one; a description, without a p-value, has none to tell */
function findingText(
  { title, surprise, null_control: says }: Finding,
  before: string,
  control: boolean,
  width: number,
): string {
  const indent = " ".repeat(before.length);
  const lines = [wrapped(`${before}${printable(title)}`, width, indent)];
  if (control && surprise !== null) {
    lines.push(wrapped(`${indent}Null control: ${printable(says)}.`, width, indent));
  }
  return lines.join("\n");
}

/** Models side by side; empty for a single one. @param brief as many as go on a screen with other things */
export function comparisonText(
  { comparison }: Pick<ReportFrame, "comparison">,
  { width, bold }: Screen = PLAIN,
  brief = false,
): string {
  if (comparison.length < 2) return "";
  const shown = comparison.slice(0, brief ? MOST_ON_SCREEN : MOST_COMPARED);
  const more = comparison.length - shown.length;
  // What a table says that is whole need not be said in words.
  const sentences = brief && more === 0 ? [] : comparisonSentences(comparison);
  return [
    bold("Models side by side"),
    ...sentences.map((sentence) => wrapped(`  ${printable(sentence)}`, width, "    ")),
    indented(plainTable(comparisonTable(shown), { width: width - 2 })),
    ...more > 0 ? [`  ${counted(more, "more model")} in report.md`] : [],
  ].join("\n");
}

/** What comparisons of models found. @param brief as many as go on a screen with other things */
export function comparedText(
  { compared }: Pick<ReportFrame, "compared">,
  { width, bold }: Screen = PLAIN,
  brief = false,
): string {
  if (compared.length === 0) return "";
  const shown = compared.slice(0, brief ? MOST_PAIRS_ON_SCREEN : MOST_PAIRS);
  const more = compared.length - shown.length;
  return [
    bold("Models compared"),
    ...shown.flatMap((each) =>
      brief ? [wrapped(`  ${printable(briefly(each))}`, width, "    ")] : [
        wrapped(`  ${printable(each.title)}`, width, "    "),
        ...each.findings.map(({ title }) => wrapped(`    ${printable(title)}`, width, "      ")),
      ]
    ),
    ...more > 0
      ? [`  ${counted(more, "more comparison")} in report.md, all in comparison/comparison.md`]
      : [],
  ].join("\n");
}

/** One sentence of a comparison: its numbers, without what they mean. */
function briefly({ title, findings }: ReportFrame["compared"][number]): string {
  const said = findings.flatMap((finding) => {
    const { kind, title: sentence } = finding;
    if (kind === "kinship") return [lineage(finding)];
    if (kind === "changed-layers") return [];
    return [sentence.replace(/ \(of the .*$|\.$/, "")];
  });
  return `${title}: ${said.join("; ")}.`;
}

/** Whether two models are of one lineage, in few words. */
function lineage({ numbers, surprise }: Pick<Finding, "numbers" | "surprise">): string {
  const reordered = Number(numbers.find(({ name }) => name === "reordered")?.value ?? 0);
  const p = surprise === null ? "" : ` (p = ${pText(surprise)}, had they been trained apart)`;
  if (areKin({ log_p_corrected: surprise, reordered: 0 }) === true) return `of one lineage${p}`;
  if (reordered > 0) return "of one lineage, with channels in another order";
  return surprise === null ? "lineage not known" : `nothing says that they are of one lineage${p}`;
}

/** A finding, in brief. */
export type FindingSummary = Pick<Finding, "kind" | "title" | "surprise">;

/** Of a model's findings, the most surprising first, those that may be told of a collection. */
export function findingSummaries(findings: readonly Finding[]): FindingSummary[] {
  return findings.filter(({ surprise }) => surprise !== null).slice(0, MOST_OF_COLLECTION)
    .map(({ kind, title, surprise }) => ({ kind, title, surprise }));
}

/** The most surprising findings over all models, each with its model. @param brief as many as go on a screen with other things */
export function collectionText(
  { test }: ReportFrame,
  models: readonly { readonly id: string; readonly findings: readonly FindingSummary[] }[],
  { width, bold }: Screen = PLAIN,
  brief = false,
): string {
  const found = models.flatMap(({ id, findings }) => findings.map((finding) => ({ ...finding, id })));
  const all = ranked(found, Math.log(test.alpha)).slice(0, brief ? MOST_TOLD_ON_SCREEN : MOST_OF_COLLECTION);
  if (all.length === 0) return "";
  return [
    bold("The most surprising findings"),
    ...all.map(({ id, surprise, title }) =>
      wrapped(`  ${printable(id)} (p = ${pText(surprise ?? 0)}): ${printable(title)}`, width, "    ")
    ),
  ].join("\n");
}

/** All of a report: comparison, then models one by one, or the most surprising findings where they are many. */
export function reportText(report: RunReport, screen: Screen = PLAIN): string {
  const { models } = report;
  const parts = [
    comparisonText(report, screen),
    comparedText(report, screen),
    ...models.length <= MOST_SHOWN ? models.map((model) => modelText(model, screen)) : [
      collectionText(
        report,
        models.map(({ id, findings }) => ({ id, findings: findingSummaries(findings) })),
        screen,
      ),
    ],
    earlierText(report, screen),
    wrapped(report.meaning, screen.width),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** Models of earlier runs of which there is something to say. */
function earlierText({ earlier }: RunReport, { width }: Screen): string {
  const remarks = earlier.map((model) => ({ id: model.id, remark: earlierRemark(model) }));
  return remarks.filter(({ remark }) => remark !== "").map(({ id, remark }) =>
    wrapped(printable(`${id}: ${remark}`), width, "  ")
  )
    .join("\n");
}

/** Lines, two spaces to the right. */
export function indented(text: string): string {
  return text.split("\n").map((line) => `  ${line}`).join("\n");
}
