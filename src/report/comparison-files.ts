/** A comparison in a folder: `comparison.json`, `comparison.md`, the tables of its rows, and pictures. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type FileContent, writeWhole } from "../../connectors/whole-files.ts";
import type { ComparisonReport, PairReport } from "../compare/comparison-report.ts";
import type { SeriesReport, TrackRow } from "../compare/series-report.ts";
import type { AnswerType, QueryAnswer } from "../model/graph-reader.ts";
import { formatAnswer } from "../query/answer.ts";
import { comparisonPictures } from "./comparison-pictures.ts";
import { comparisonMarkdown } from "./comparison-text.ts";

type Cell = string | number | null;

/**
 * Writes a comparison, all files or none.
 *
 * @returns their names
 * @throws {Error} that names the file that cannot be written
 */
export async function writeComparison(report: ComparisonReport, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const parquet = async (answer: QueryAnswer): Promise<FileContent> => await formatAnswer(answer, "parquet");
  const files: (readonly [string, FileContent])[] = [
    ["kinship.parquet", await parquet(kinshipTable(report))],
    ["correspondences.parquet", await parquet(correspondenceTable(report))],
    ["subspaces.parquet", await parquet(subspaceTable(report))],
    ["intruders.parquet", await parquet(intruderTable(report))],
    ["matches.parquet", await parquet(matchTable(report))],
    ...report.series === null ? [] : [["tracks.parquet", await parquet(trackTable(report.series))] as const],
    ...await comparisonPictures(report),
    ["comparison.md", comparisonMarkdown(report)],
    ["comparison.json", comparisonJson(report)],
  ];
  await writeWhole(...files.map(([name, content]) => [join(folder, name), content] as const));
  return files.map(([name]) => name);
}

/** A comparison as JSON, but for matches and tracks: of large models they are millions, and stand in their tables. */
export function comparisonJson(report: ComparisonReport): string {
  const comparisons = report.comparisons.map(({ matches, ...others }) => ({
    ...others,
    singular_values: undefined,
    matches: matches.length,
  }));
  const series = report.series === null ? null : { ...report.series, tracks: undefined };
  return `${JSON.stringify({ ...report, comparisons, series }, null, 2)}\n`;
}

/** A row of each pair of models, with both ids in front. */
function tableOf<T>(
  report: ComparisonReport,
  rowsOf: (pair: PairReport) => readonly T[],
  columns: readonly (readonly [name: string, type: "text" | "number" | "integer", value: (row: T) => Cell])[],
): QueryAnswer {
  return {
    columns: ["base", "other", ...columns.map(([name]) => name)],
    types: ["text", "text", ...columns.map(([, type]) => type)],
    rows: report.comparisons.flatMap((pair) =>
      rowsOf(pair).map((row) => [pair.base.id, pair.other.id, ...columns.map(([, , value]) => value(row))])
    ),
  };
}

const kinshipTable = (report: ComparisonReport) =>
  tableOf(report, ({ kinship }) => [kinship], [
    ["log_p", "number", (row) => row.log_p],
    ["log_p_corrected", "number", (row) => row.log_p_corrected],
    ["spaces", "integer", (row) => row.spaces],
    ["reordered", "integer", (row) => row.reordered],
    ["distance", "number", (row) => row.distance],
    ["topology", "text", (row) => row.topology],
  ]);

const correspondenceTable = (report: ComparisonReport) =>
  tableOf(report, ({ correspondences }) => correspondences, [
    ["base_layer", "text", (row) => row.base_layer],
    ["other_layer", "text", (row) => row.other_layer],
    ["evidence", "text", (row) => row.evidence],
    ["reordered", "text", (row) => row.reordered],
    ["relative_change", "number", (row) => row.relative_change],
    ["change_rank", "integer", (row) => row.change_rank],
    ["change_stable_rank", "number", (row) => row.change_stable_rank],
    ["spectrum_distance", "number", (row) => row.spectrum_distance],
    ["leading", "integer", (row) => row.leading],
    ["intruders", "integer", (row) => row.intruders.length],
    ["kept", "integer", (row) => row.kept],
    ["lost", "integer", (row) => row.lost],
    ["gained", "integer", (row) => row.gained],
    ["shared_log_p", "number", (row) => row.shared_log_p],
  ]);

const subspaceTable = (report: ComparisonReport) =>
  tableOf(
    report,
    ({ correspondences }) =>
      correspondences.flatMap(({ base_layer: base, other_layer: other, subspaces }) =>
        subspaces.map((each) => ({ base, other, each }))
      ),
    [
      ["base_layer", "text", ({ base }) => base],
      ["other_layer", "text", ({ other }) => other],
      ["dimensions", "integer", ({ each }) => each.dimensions],
      ["left_similarity", "number", ({ each }) => each.left],
      ["right_similarity", "number", ({ each }) => each.right],
      ["left_chance", "number", ({ each }) => each.leftChance],
      ["right_chance", "number", ({ each }) => each.rightChance],
      ["left_log_p", "number", ({ each }) => each.leftLogP],
      ["right_log_p", "number", ({ each }) => each.rightLogP],
    ],
  );

const intruderTable = (report: ComparisonReport) =>
  tableOf(
    report,
    ({ correspondences }) =>
      correspondences.flatMap(({ other_layer: layer, intruders }) =>
        intruders.map((each) => ({ layer, each }))
      ),
    [
      ["other_layer", "text", ({ layer }) => layer],
      ["other_neuron", "integer", ({ each }) => each.neuron],
      ["singular_value", "number", ({ each }) => each.singularValue],
      ["cosine", "number", ({ each }) => each.cosine],
    ],
  );

const matchTable = (report: ComparisonReport) =>
  tableOf(report, ({ matches }) => matches, [
    ["base_layer", "text", (row) => row.base_layer],
    ["base_neuron", "integer", (row) => row.base_neuron],
    ["other_layer", "text", (row) => row.other_layer],
    ["other_neuron", "integer", (row) => row.other_neuron],
    ["left_cosine", "number", (row) => row.left_cosine],
    ["right_cosine", "number", (row) => row.right_cosine],
    ["similarity", "number", (row) => row.similarity],
    ["log_p", "number", (row) => row.log_p],
    ["log_p_corrected", "number", (row) => row.log_p_corrected],
  ]);

function trackTable({ tracks }: SeriesReport): QueryAnswer {
  const columns: readonly (readonly [keyof TrackRow, AnswerType])[] = [
    ["track", "integer"],
    ["layer", "text"],
    ["model", "text"],
    ["step", "integer"],
    ["neuron", "integer"],
    ["singular_value", "number"],
    ["similarity", "number"],
    ["birth", "boolean"],
    ["death", "boolean"],
  ];
  return {
    columns: columns.map(([name]) => name),
    types: columns.map(([, type]) => type),
    rows: tracks.map((row) => columns.map(([name]) => row[name])),
  };
}
