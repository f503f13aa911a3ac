/** The tables of a lake, asked in SQL by DuckDB where it is installed. */

import type * as DuckDb from "@duckdb/node-api";
import { messageOf, show } from "../../src/model/errors.ts";
import type { QueryAnswer } from "../../src/model/graph-reader.ts";
import type { Manifest } from "../lake/manifest.ts";
import { pattern, text, viewStatements } from "../lake/sql.ts";

/** The first rows of an answer. */
export interface SqlAnswer extends QueryAnswer {
  /** Whether there are no more rows. */
  readonly whole: boolean;
}

/** Who waits for an answer, and what it may cost. */
export interface SqlAsking {
  /** Stops the statement. */
  readonly signal?: AbortSignal;
  /** Hears what share of the work is done, in [0, 1]; null where DuckDB does not know. */
  readonly progress?: (share: number | null) => void;
  /** Rows that are answered at most. */
  readonly mostRows?: number;
  /** Milliseconds after which the statement is stopped. */
  readonly mostTime?: number;
}

/** Rows of an answer that a person reads. */
const MOST_ROWS = 10_000;

/** A minute: who needs longer has DuckDB itself. */
const MOST_TIME = 60_000;

/** Milliseconds between looks at a statement that runs. */
const LOOK = 200;

const READING = ["SELECT", "WITH", "FROM", "VALUES", "TABLE", "DESCRIBE", "SHOW", "SUMMARIZE"];

/** Whether DuckDB can be used here. */
export async function hasDuckDb(): Promise<boolean> {
  return await duckDb().then(() => true, () => false);
}

/**
 * Answers one statement that reads. It sees the views that `svr lake sql --pinned` makes and, of all files, only those of the manifest; queries
 * of a report, which name files from the lake's folder, are answered too.
 *
 * @param root the lake's folder, absolute
 * @param parameters by the names behind `$`; those that the statement does not name are left out
 * @throws {SyntaxError} when the statement is none, more than one, or does more than read
 * @throws {RangeError} when a parameter has no value, or the statement takes too long
 * @throws {Error} what DuckDB says, or that it is not installed
 * @throws the signal's reason when it is aborted
 */
export async function askTables(
  root: string,
  manifest: Manifest,
  sql: string,
  parameters: Readonly<Record<string, string | number | boolean | null>> = {},
  { signal, progress = () => undefined, mostRows = MOST_ROWS, mostTime = MOST_TIME }: SqlAsking = {},
): Promise<SqlAnswer> {
  requireReading(sql);
  const { DuckDBInstance, StatementType } = await duckDb();
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const connection = await instance.connect();
  const stopAt = Date.now() + mostTime;
  const looks = setInterval(() => {
    // Again and again: what is interrupted before it has begun runs on.
    if (signal?.aborted === true || Date.now() > stopAt) connection.interrupt();
    else progress(shareOf(connection.progress.percentage));
  }, LOOK);
  try {
    await connection.run(confined(root, manifest));
    const statements = await connection.extractStatements(fromRoot(sql, root, manifest));
    if (statements.count !== 1) {
      throw new SyntaxError(`SQL: found ${statements.count} statements, required one`);
    }
    const prepared = await statements.prepare(0);
    if (prepared.statementType !== StatementType.SELECT) throw refusal(StatementType[prepared.statementType]);
    prepared.bind(valuesFor(prepared, parameters));
    const rows = await prepared.streamAndReadUntil(mostRows + 1);
    signal?.throwIfAborted();
    return {
      columns: rows.deduplicatedColumnNames(),
      rows: rows.getRowsJS().slice(0, mostRows).map((row) => row.map(plain)),
      whole: rows.currentRowCount <= mostRows,
    };
  } catch (failure) {
    signal?.throwIfAborted();
    if (Date.now() > stopAt) {
      throw new RangeError(
        `SQL: found no answer within ${mostTime / 1000} s, required a statement that takes less`,
        { cause: failure },
      );
    }
    throw failure;
  } finally {
    clearInterval(looks);
    connection.closeSync();
    instance.closeSync();
  }
}

/** The views, then the locks: whatever a statement says, no other file is opened and no setting is changed. */
function confined(root: string, manifest: Manifest): string {
  const files = [...manifest.models, ...manifest.comparisons].flatMap((entry) => entry.files);
  // The views name files by patterns; DuckDB holds first the pattern against these, then the file that it finds.
  const asked = [...files.map(({ path }) => path), ...new Set(files.map(({ path }) => reported(path)))];
  const paths = [...new Set([root, pattern(root)])].flatMap((place) =>
    asked.map((path) => `${place}/${path}`)
  );
  return [
    `SET allowed_paths = [${paths.map(text).join(", ")}];`,
    // Nothing goes to disk; a statement that needs more memory fails.
    "SET temp_directory = '';",
    "SET memory_limit = '2GB';",
    "SET enable_external_access = false;",
    viewStatements(manifest, { root, pinned: true }),
    "SET lock_configuration = true;",
  ].join("\n");
}

/** How a report's queries name a file: with all others beside it. */
const reported = (path: string) => `${path.slice(0, path.lastIndexOf("/"))}/*.parquet`;

/** Queries of a report name files from the lake's folder, which is not that of the process. */
function fromRoot(sql: string, root: string, { models, comparisons }: Manifest): string {
  const named = new Set(
    [...models, ...comparisons].flatMap(({ files }) => files.map(({ path }) => reported(path))),
  );
  return sql.replaceAll(
    /\bread_parquet\('((?:[^']|'')+)'\)/g,
    (whole, path: string) =>
      named.has(path.replaceAll("''", "'")) ? `read_parquet(${text(pattern(root))} || '/${path}')` : whole,
  );
}

/** The first word says enough: DuckDB makes a SELECT of some PRAGMAs. */
function requireReading(sql: string): void {
  const word = /^(?:\s|\(|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*([A-Za-z]+)/.exec(sql)?.[1]?.toUpperCase();
  if (word === undefined || !READING.includes(word)) throw refusal(word ?? show(sql.slice(0, 80)));
}

function refusal(found: string | undefined): SyntaxError {
  return new SyntaxError(
    `SQL: found ${found}, required a statement that only reads: ${READING.slice(0, -1).join(", ")} or ${
      READING.at(-1)
    }`,
  );
}

function valuesFor(
  prepared: DuckDb.DuckDBPreparedStatement,
  given: Readonly<Record<string, string | number | boolean | null>>,
): Record<string, string | number | boolean | null> {
  const names = Array.from({ length: prepared.parameterCount }, (_, at) => prepared.parameterName(at + 1));
  return Object.fromEntries(names.map((name) => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined) throw new RangeError(`SQL, parameter ${name}: found none, required a value`);
    return [name, value];
  }));
}

const shareOf = (percentage: number) => percentage >= 0 ? percentage / 100 : null;

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? value.map(plain) : value;
}

async function duckDb(): Promise<typeof DuckDb> {
  try {
    return await import("@duckdb/node-api");
  } catch (cause) {
    throw new Error(`SQL: found no DuckDB (${messageOf(cause)}), required it: npm install @duckdb/node-api`, {
      cause,
    });
  }
}
