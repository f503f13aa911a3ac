/** A comparison in a folder: `comparison.json`, `comparison.md`, and pictures. */

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type FileContent, writeWhole } from "../../connectors/whole-files.ts";
import type { ComparisonReport } from "../compare/comparison-report.ts";
import { comparisonPictures } from "./comparison-pictures.ts";
import { comparisonMarkdown } from "./comparison-text.ts";

/** Files that only some comparisons have; older versions wrote tracks here. */
const SOME = /^(?:forest\.svg|tracks(?:-\d+)?\.svg|tracks\.parquet)$/;

/**
 * Writes a comparison, all files or none. Those of an earlier comparison that this one does not have are removed then.
 *
 * @returns their names
 * @throws {Error} that names the file that cannot be written
 */
export async function writeComparison(report: ComparisonReport, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files: (readonly [string, FileContent])[] = [
    ...await comparisonPictures(report),
    ["comparison.md", comparisonMarkdown(report)],
    ["comparison.json", comparisonJson(report)],
  ];
  await writeWhole(...files.map(([name, content]) => [join(folder, name), content] as const));
  const names = files.map(([name]) => name);
  for (const name of await readdir(folder)) {
    if (SOME.test(name) && !names.includes(name)) await rm(join(folder, name), { force: true });
  }
  return names;
}

/** A comparison as JSON, but for matches and tracks: of large models they are millions, and stand in their tables. */
export function comparisonJson(report: ComparisonReport): string {
  const series = report.series.map((each) => ({ ...each, tracks: undefined }));
  return `${JSON.stringify({ ...report, series }, null, 2)}\n`;
}
