/** The tables of a run or a lake, asked in SQL again and again. */

import { resolve } from "node:path";
import { type Manifest, readManifest } from "../../../connectors/lake/manifest.ts";
import { isBucket } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import {
  askTables,
  hasDuckDb,
  type SqlAnswer,
  type SqlAsking,
} from "../../../connectors/readers/duckdb-reader.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { show } from "../../model/errors.ts";
import type { SqlEntry } from "../../viewer/app/protocol.ts";
import { libraryEntry } from "../graph-of-run.ts";
import { listQueries, loadQuery, queryValues } from "../query-library.ts";
import { valuesOf } from "../query-values.ts";
import { SQL_FORMS } from "./sql-forms.ts";

/** What a page needs to ask. */
export interface LakeTables {
  readonly library: readonly SqlEntry[];
  /** Why nothing can be asked here, and what to do; null where it can. */
  readonly lacks: string | null;
  /**
   * Answers a statement that only reads, or `@name` of a query that has a form in SQL. The manifest is read for each question: a run may add
   * models meanwhile.
   *
   * @throws {SyntaxError | RangeError | TypeError | Error} as `askTables` and `queryValues`
   */
  ask(query: string, parameters: Readonly<Record<string, string>>, asking: SqlAsking): Promise<SqlAnswer>;
}

const COMPARED = /\b(?:kinship|correspondences|subspaces|intruders|matches|tracks)\b/;

/** The tables of a lake. @param address of the lake, as the user wrote it */
export async function tablesOf(address: string, lake: LakePlace): Promise<LakeTables> {
  const manifest = await readManifest(lake);
  const lacks = await whatLacks(address, manifest);
  const library = manifest === null || lacks !== null
    ? []
    : (await listQueries()).flatMap((query): SqlEntry[] => {
      const form = SQL_FORMS[query.name];
      if (form === undefined || COMPARED.test(form) && manifest.comparisons.length === 0) return [];
      return [{ ...libraryEntry(query), text: form }];
    });
  // One at a time: each may take much memory.
  const semaphore = new Semaphore(1);
  return {
    library,
    lacks,
    ask: (query, given, asking) => semaphore.run(() => answered(address, lake, query, given, asking)),
  };
}

async function answered(
  address: string,
  lake: LakePlace,
  query: string,
  given: Readonly<Record<string, string>>,
  asking: SqlAsking,
): Promise<SqlAnswer> {
  asking.signal?.throwIfAborted();
  const now = await readManifest(lake);
  const why = await whatLacks(address, now);
  if (why !== null || now === null) throw new Error(why ?? lake.name);
  const root = resolve(address);
  if (!query.startsWith("@")) return await askTables(root, now, query, valuesOf(given), asking);
  const name = query.slice(1);
  const entry = await loadQuery(name);
  const form = SQL_FORMS[name];
  if (form === undefined) {
    throw new RangeError(`query @${name}: found no form in SQL, required Cypher for it`);
  }
  const needed = entry.parameters.some((each) => each.name === "model" && each.default === undefined);
  const values = queryValues(entry, { ...needed ? onlyModel(now) : {}, ...given });
  const answer = await askTables(root, now, form, Object.fromEntries(values), asking);
  const names = entry.columns.map((column) => column.name);
  return names.length === answer.columns.length ? { ...answer, columns: names } : answer;
}

function onlyModel({ models }: Manifest): Readonly<Record<string, string>> {
  return models.length === 1 ? { model: models[0]!.id } : {};
}

async function whatLacks(address: string, manifest: Manifest | null): Promise<string | null> {
  if (isBucket(address)) {
    return `The tables lie in ${address}; here SQL asks tables in a folder of this machine. svr lake sql makes views of them for DuckDB.`;
  }
  if (manifest === null) {
    return `${show(address)} has no _manifest.json, required tables that svr run has written.`;
  }
  return await hasDuckDb()
    ? null
    : "SQL is answered by DuckDB, which is not installed: npm install @duckdb/node-api";
}
