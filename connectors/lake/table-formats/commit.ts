/** Brings the tables of a lake up to what its manifest says, in the formats that engines know. */

import { type AnyTableName, COMPARISON_TABLE_NAMES } from "../../../src/model/comparison-tables.ts";
import { messageOf } from "../../../src/model/errors.ts";
import { TABLE_NAMES } from "../../../src/model/tables.ts";
import { readManifest } from "../manifest.ts";
import type { LakePlace } from "../place.ts";
import { commitDelta } from "./delta.ts";
import { commitIceberg } from "./iceberg.ts";
import { type EngineFormat, keepFormats } from "./kept-formats.ts";
import { isTaken } from "./new-files.ts";
import { filesOfTable, Footers } from "./table-files.ts";
import type { Commit, Committed } from "./table-version.ts";

/** A table of a lake in one format, after a commit. */
export interface CommittedTable extends Committed {
  readonly format: EngineFormat;
  readonly table: AnyTableName;
}

/** The tables of a lake after a commit. */
export interface CommittedLake {
  readonly tables: readonly CommittedTable[];
  /** Ids of models that are left out: their files were written before files had ids of columns. */
  readonly old: readonly string[];
}

const COMMITS: Readonly<Record<EngineFormat, (commit: Commit) => Promise<Committed>>> = {
  delta: commitDelta,
  iceberg: commitIceberg,
};

/** Others may commit at the same time; that many losses in a row are no accident. */
const MOST_LOSSES = 50;

/**
 * Adds a version to each table that has changed since its last one. From then on the lake keeps the formats: every run commits to them, and
 * no file goes that a version names.
 *
 * @param by the run that asks, null where none does, and the version of svrflow
 * @throws {Error} when there is no manifest, or a table cannot be read or written; names the table
 */
export async function commitTables(
  place: LakePlace,
  formats: readonly EngineFormat[],
  by: { readonly runId: string | null; readonly version: string },
): Promise<CommittedLake> {
  const required = async () => {
    const manifest = await readManifest(place);
    if (manifest !== null) return manifest;
    throw new Error(`${place.name}: found no _manifest.json, required a lake that svr run has written`);
  };
  await required();
  await keepFormats(place, formats);
  const tables: CommittedTable[] = [];
  const old = new Set<string>();
  for (const table of [...TABLE_NAMES, ...COMPARISON_TABLE_NAMES]) {
    // For both formats; those of all tables would be 20 KB of memory a model.
    const footers = new Footers(place);
    const files = async () => {
      const found = filesOfTable(await required(), table);
      for (const id of found.old) old.add(id);
      return found.files;
    };
    for (const format of formats) {
      for (let losses = 0;; losses++) {
        try {
          const done = await COMMITS[format]({ place, table, footers, ...by, files });
          tables.push({ format, table, ...done });
          break;
        } catch (cause) {
          if (isTaken(cause) && losses < MOST_LOSSES) continue;
          throw new Error(`the ${format} table ${table}: ${messageOf(cause)}`, { cause });
        }
      }
    }
  }
  return { tables, old: [...old] };
}
