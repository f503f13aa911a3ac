/** One comparison of a run: made, taken from the tables of an earlier run, or left as it stands. */

import { createHash } from "node:crypto";
import type { RunConfig } from "../../../config/schema.ts";
import { findComparison } from "../../../connectors/lake/comparisons.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { readComparison } from "../../../connectors/readers/run-tables.ts";
import { comparisonBatches, type ComparisonTracks } from "../../compare/comparison-batches.ts";
import type { ComparedPair, PairReport } from "../../compare/comparison-report.ts";
import type { ComparedHeader, ComparisonBatches, ComparisonHeader } from "../../model/comparison.ts";
import type { Sink, WrittenFile } from "../../model/ports.ts";
import { queryTargets } from "../../query/query-targets.ts";
import { comparisonKey, lakeOf } from "../settings.ts";
import type { ComparisonRecord, ComparisonRecords } from "./comparison-records.ts";
import { amongOthers, type KeptSettings, type PairSettings } from "./pair-report.ts";

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
  /** As in the table `kinship`. */
  readonly key: string;
  readonly work: "computed" | "copied" | "none";
}

/**
 * Brings a comparison to all sinks that lack it, and computes it where it does not stand.
 *
 * @param settings all that shapes it
 * @param compute compares the two models
 * @throws whatever is wrong with them, or with a sink
 */
export async function madeComparison(
  base: ComparedHeader,
  other: ComparedHeader,
  settings: PairSettings,
  places: ComparisonPlaces,
  compute: () => Promise<ComparedPair>,
): Promise<MadeComparison> {
  const standing = await standingComparison(base, other, settings, places);
  if (standing !== null) return standing;
  const pair = await compute();
  places.signal?.throwIfAborted();
  const key = await putComparison(base, other, settings, places, pair, null);
  return { report: pair.report, key, work: "computed" };
}

/**
 * Brings a comparison that stands to all sinks that lack it. One that was made together with more or fewer others is not made again: its p is
 * corrected.
 *
 * @returns null where it does not stand, or not in tables that it could be taken from
 */
export async function standingComparison(
  base: ComparedHeader,
  other: ComparedHeader,
  settings: KeptSettings,
  { out, config, sinks, records, signal }: ComparisonPlaces,
): Promise<MadeComparison | null> {
  const record = await records.find(base.id, other.id);
  if (record === null) return null;
  const series = settings.series ?? record.series ?? undefined;
  const keyAmong = (comparisons: number) =>
    comparisonKey(base.content, other.content, { ...settings, series, comparisons });
  if (record.key !== keyAmong(record.report.kinship.comparisons)) return null;
  const header = { base, other, key: keyAmong(settings.comparisons) };
  const isCorrected = record.key === header.key;
  const lacking: Sink[] = [];
  for (const sink of takersOf(sinks)) {
    if (!isCorrected || await sink.holdsComparison?.(header, record.files) !== true) lacking.push(sink);
  }
  if (isCorrected && lacking.length === 0) return { report: record.report, key: header.key, work: "none" };
  const rows = await rowsInTables(record, out).catch(() => null);
  signal?.throwIfAborted();
  if (rows === null) return null;
  const report = amongOthers(record.report, settings.comparisons);
  const { kinship } = comparisonBatches(header, { report, matches: [] });
  const given = await givenTo(lacking, header, { ...rows, kinship });
  const kinds = new Set(given.map(kindOf));
  const files = [...record.files.filter((file) => !kinds.has(kindOf(file))), ...given];
  await records.put({
    ...record,
    ...header,
    files,
    lake: lakeOf(config),
    targets: queryTargets(config),
    report,
  });
  return { report, key: header.key, work: "copied" };
}

/**
 * Gives a comparison to all sinks.
 *
 * @param tracks those of the series of `settings`; null for none
 * @returns its key
 */
export async function putComparison(
  base: ComparedHeader,
  other: ComparedHeader,
  settings: KeptSettings,
  { config, sinks, records }: ComparisonPlaces,
  pair: Pick<ComparedPair, "report" | "matches">,
  tracks: ComparisonTracks | null,
): Promise<string> {
  const header = { base, other, key: comparisonKey(base.content, other.content, settings) };
  const files = await givenTo(takersOf(sinks), header, comparisonBatches(header, pair, tracks));
  await records.put({
    ...header,
    files,
    lake: lakeOf(config),
    targets: queryTargets(config),
    report: pair.report,
    series: settings.series ?? null,
  });
  return header.key;
}

/**
 * Takes the tracks of a series out of a comparison that is no step of it any more; the comparison stays. Nothing happens where its tables are
 * gone, or it has no tracks of that series.
 *
 * @param series its key
 */
export async function dropTracks(
  [base, other]: readonly [string, string],
  series: string,
  { out, config, sinks, records }: ComparisonPlaces,
): Promise<void> {
  const record = await records.find(base, other);
  if (record?.series !== series) return;
  const rows = await rowsInTables(record, out).catch(() => null);
  if (rows === null) return;
  // A key that no settings have: whoever asks for the comparison again gets it anew.
  const key = createHash("sha256").update(`${record.key} without tracks`).digest("hex");
  const header = { base: record.base, other: record.other, key };
  const { kinship, tracks } = comparisonBatches(header, { report: record.report, matches: [] });
  const files = await givenTo(takersOf(sinks), header, { ...rows, kinship, tracks });
  await records.put({ ...record, ...header, files, lake: lakeOf(config), series: null });
}

const takersOf = (sinks: readonly Sink[]) => sinks.filter((sink) => sink.compare !== undefined);

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
