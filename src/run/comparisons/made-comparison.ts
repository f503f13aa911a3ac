/** One comparison of a run: made, taken from the tables of an earlier run, or left as it stands. */

import type { RunConfig } from "../../../config/schema.ts";
import { findComparison } from "../../../connectors/lake/comparisons.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { readComparison } from "../../../connectors/readers/run-tables.ts";
import { comparisonBatches } from "../../compare/comparison-batches.ts";
import type { ComparedPair, PairReport } from "../../compare/comparison-report.ts";
import type { ComparedHeader, ComparisonBatches, ComparisonHeader } from "../../model/comparison.ts";
import type { Sink, WrittenFile } from "../../model/ports.ts";
import { queryTargets } from "../../query/query-targets.ts";
import { comparisonKey, lakeOf } from "../settings.ts";
import type { ComparisonRecord, ComparisonRecords } from "./comparison-records.ts";
import { amongOthers, type PairSettings } from "./pair-report.ts";

/** Where comparisons of a run go. */
export interface ComparisonPlaces {
  /** Absolute. */
  readonly out: string;
  readonly config: RunConfig;
  readonly sinks: readonly Sink[];
  readonly records: ComparisonRecords;
  readonly signal?: AbortSignal | undefined;
}

/** A comparison that stands, and what had to be done for it. */
export interface MadeComparison {
  readonly report: PairReport;
  readonly work: "computed" | "copied" | "none";
}

/**
 * Brings a comparison to all sinks that lack it. One that was made together with more or fewer others is not made again: its p is corrected.
 *
 * @param settings all that shapes it
 * @param compute compares the two models
 * @throws whatever is wrong with them, or with a sink
 */
export async function madeComparison(
  base: ComparedHeader,
  other: ComparedHeader,
  settings: PairSettings,
  { out, config, sinks, records, signal }: ComparisonPlaces,
  compute: () => Promise<ComparedPair>,
): Promise<MadeComparison> {
  const keyAmong = (comparisons: number) =>
    comparisonKey(base.content, other.content, { ...settings, comparisons });
  const header = { base, other, key: keyAmong(settings.comparisons) };
  const standing = await records.find(base.id, other.id);
  const record = standing?.key === keyAmong(standing?.report.kinship.comparisons ?? 0) ? standing : null;
  const isCorrected = record?.key === header.key;
  const takers = sinks.filter((sink) => sink.compare !== undefined);
  const lacking: Sink[] = [];
  for (const sink of takers) {
    if (!isCorrected || await sink.holdsComparison?.(header, record.files) !== true) lacking.push(sink);
  }
  const put = async (report: PairReport, files: readonly WrittenFile[]) => {
    await records.put({ ...header, files, lake: lakeOf(config), targets: queryTargets(config), report });
  };
  if (record !== null && isCorrected && lacking.length === 0) return { report: record.report, work: "none" };
  const rows = record === null ? null : await rowsInTables(record, out).catch(() => null);
  signal?.throwIfAborted();
  if (record !== null && rows !== null) {
    const report = amongOthers(record.report, settings.comparisons);
    const { kinship } = comparisonBatches(header, { report, matches: [], singular_values: [] });
    const files = await givenTo(lacking, header, { ...rows, kinship });
    const kinds = new Set(files.map(kindOf));
    await put(report, [...record.files.filter((file) => !kinds.has(kindOf(file))), ...files]);
    return { report, work: "copied" };
  }
  const pair = await compute();
  signal?.throwIfAborted();
  await put(pair.report, await givenTo(takers, header, comparisonBatches(header, pair)));
  return { report: pair.report, work: "computed" };
}

/** What tells the files of one sink from another's. */
const kindOf = ({ path }: WrittenFile) => path.slice(path.lastIndexOf("."));

async function givenTo(
  sinks: readonly Sink[],
  header: ComparisonHeader,
  rows: ComparisonBatches,
): Promise<readonly WrittenFile[]> {
  const files: WrittenFile[] = [];
  for (const sink of sinks) files.push(...await sink.compare?.(header, rows) ?? []);
  return files;
}

/** The rows of a comparison in the tables that an earlier run has left; null where there are none. */
async function rowsInTables(
  { base, other, key, lake }: ComparisonRecord,
  out: string,
): Promise<ComparisonBatches | null> {
  const place = await openLake(lake ?? out);
  const named = await findComparison(place, base.id, other.id);
  return named?.key === key ? await readComparison(place, named) : null;
}
