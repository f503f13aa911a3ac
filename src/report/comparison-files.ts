/** A comparison in a folder: `comparison.json`, `comparison.md`, the tracks of a series, and pictures. */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type FileContent, writeWhole } from "../../connectors/whole-files.ts";
import type { ComparisonReport } from "../compare/comparison-report.ts";
import type { SeriesReport, TrackRow } from "../compare/series-report.ts";
import type { AnswerType, QueryAnswer } from "../model/graph-reader.ts";
import { formatAnswer } from "../query/answer.ts";
import { comparisonPictures } from "./comparison-pictures.ts";
import { comparisonMarkdown } from "./comparison-text.ts";

/** Files that only some comparisons have. */
const SOME = ["forest.svg", "tracks.svg", "tracks.parquet"];

/**
 * Writes a comparison, all files or none. Those of an earlier comparison that this one does not have are removed then.
 *
 * @returns their names
 * @throws {Error} that names the file that cannot be written
 */
export async function writeComparison(report: ComparisonReport, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const parquet = async (answer: QueryAnswer): Promise<FileContent> => await formatAnswer(answer, "parquet");
  const files: (readonly [string, FileContent])[] = [
    ...report.series === null ? [] : [["tracks.parquet", await parquet(trackTable(report.series))] as const],
    ...await comparisonPictures(report),
    ["comparison.md", comparisonMarkdown(report)],
    ["comparison.json", comparisonJson(report)],
  ];
  await writeWhole(...files.map(([name, content]) => [join(folder, name), content] as const));
  const names = files.map(([name]) => name);
  for (const name of SOME) {
    if (!names.includes(name)) await rm(join(folder, name), { force: true });
  }
  return names;
}

/** A comparison as JSON, but for matches and tracks: of large models they are millions, and stand in their tables. */
export function comparisonJson(report: ComparisonReport): string {
  const series = report.series === null ? null : { ...report.series, tracks: undefined };
  return `${JSON.stringify({ ...report, series }, null, 2)}\n`;
}

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
