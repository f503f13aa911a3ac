/** Table files of comparisons: `<root>/<table>/model=<other>/base=<base>/part-<key><extension>`, one of each table that has rows. */

import { randomBytes } from "node:crypto";
import { COMPARISON_TABLE_NAMES, type ComparisonTableName } from "../../../src/model/comparison-tables.ts";
import type { ComparisonBatches, ComparisonHeader } from "../../../src/model/comparison.ts";
import type { RunHeader, WrittenFile } from "../../../src/model/ports.ts";
import { findComparison, recordComparison } from "../../lake/comparisons.ts";
import { comparisonPartition, FILE_NAME } from "../../lake/manifest.ts";
import { keptFormats } from "../../lake/table-formats/kept-formats.ts";
import type { LakePlace } from "../../lake/place.ts";
import { comparisonMetadata } from "../staging.ts";
import { newTableFile } from "./table-file.ts";
import { tableFilePlan, type TableFormat } from "./table-format.ts";

/** A file that a manifest names is not replaced: the next one has the other name. */
const ENDS = ["", "-b"] as const;

/** Hex digits of a comparison's key in the names of its files. */
const DIGITS = 32;

/** Where comparisons go. */
export interface ComparisonPlace {
  readonly format: Pick<TableFormat, "name" | "extension" | "root" | "lake">;
  readonly run: RunHeader;
  readonly place: LakePlace;
  /** What the paths of unfinished files begin with; of this comparison alone. */
  readonly stem: string;
}

/**
 * Writes the tables of a comparison, those that have rows: all files are complete before the first appears, a manifest names them at once, then the older ones go.
 *
 * @throws {Error} when they cannot be written; the comparison is then what it was
 */
export async function writeComparisonFiles(
  to: ComparisonPlace,
  header: ComparisonHeader,
  tables: ComparisonBatches,
): Promise<readonly WrittenFile[]> {
  const { format, run, place, stem } = to;
  const standing = format.lake ? await findComparison(place, header.base.id, header.other.id) : null;
  const named = new Set(standing?.files.map(({ path }) => path));
  const keepsVersions = format.lake && (await keptFormats(place)).length > 0;
  const appeared: string[] = [];
  try {
    const staged: (WrittenFile & { readonly from: string })[] = [];
    for (const table of COMPARISON_TABLE_NAMES) {
      const batch = tables[table];
      if (batch.rows === 0) continue;
      const from = `${stem}${table}${format.extension}`;
      const metadata = comparisonMetadata(run, header, table);
      const ids = { model: header.other.id, base: header.base.id };
      const file = newTableFile(tableFilePlan(format, from, table, metadata, ids));
      await file.write(batch);
      const digest = await file.close();
      const at = (end: string) =>
        `${folderOf(format, header, table)}${stemOf(header)}${end}${format.extension}`;
      const free = ENDS.map(at).find((each) => !named.has(each)) ?? at("");
      // A version of the table may name what the manifest no longer does: there no name is used twice.
      const isTaken = keepsVersions && await place.sizeOf(free) !== null;
      const path = isTaken ? at(`-${randomBytes(6).toString("hex")}`) : free;
      staged.push({ from, path, table, rows: file.rows, ...digest });
    }
    const written: WrittenFile[] = [];
    for (const { from, ...file } of staged) {
      appeared.push(file.path);
      await place.publish(from, file.path, file.bytes);
      written.push(file);
    }
    if (format.lake) await recordComparison(place, run, header, written);
    // It is there. What cannot be removed now goes with the next, and `svr lake check` names it.
    await removeOlder(to, header, new Set(appeared)).catch(() => undefined);
    return written;
  } catch (failure) {
    await Promise.allSettled(appeared.filter((path) => !named.has(path)).map((path) => place.remove(path)));
    throw failure;
  }
}

/** Whether all files of a comparison stand as they were recorded, and the manifest says the same of them. */
export async function holdsComparisonFiles(
  { format, place }: Pick<ComparisonPlace, "format" | "place">,
  { base, other, key }: ComparisonHeader,
  files: readonly WrittenFile[],
): Promise<boolean> {
  const ours = files.filter(({ path, sink }) => sink === undefined && path.endsWith(format.extension));
  if (!ours.some(({ table }) => table === "kinship")) return false;
  if (!ours.every(({ path }) => path.includes(`/${stemOf({ key })}`))) return false;
  if (format.lake) {
    const named = await findComparison(place, base.id, other.id);
    const digests = new Map(named?.files.map(({ path, sha256 }) => [path, sha256]));
    if (named?.key !== key || ours.some(({ path, sha256 }) => digests.get(path) !== sha256)) return false;
  }
  const sizes = await Promise.all(ours.map(({ path }) => place.sizeOf(path)));
  return ours.every(({ bytes }, at) => sizes[at] === bytes);
}

const stemOf = ({ key }: Pick<ComparisonHeader, "key">) => `part-${key.slice(0, DIGITS)}`;

function folderOf(
  { root }: ComparisonPlace["format"],
  { base, other }: ComparisonHeader,
  table: ComparisonTableName,
): string {
  return `${root === "." ? "" : `${root}/`}${table}/${comparisonPartition(base.id, other.id)}/`;
}

/** Removes the comparison's other files, unless the lake keeps versions, which may name them. To be called after it is recorded. */
async function removeOlder(
  { format, place }: ComparisonPlace,
  header: ComparisonHeader,
  kept: ReadonlySet<string>,
): Promise<void> {
  // The mark is looked for after the manifest has been written: see `keepFormats`.
  if (format.lake && (await keptFormats(place)).length > 0) return;
  for (const table of COMPARISON_TABLE_NAMES) {
    const folder = folderOf(format, header, table);
    for (const path of await place.list(folder)) {
      if (FILE_NAME.test(path.slice(folder.length)) && !kept.has(path)) await place.remove(path);
    }
  }
}
