/** A table of a lake as a Delta table: a log of JSON in `<table>/_delta_log/`, beside the files that it names. */

import { randomUUID } from "node:crypto";
import { ALL_TABLE_ROWS, type AnyTableName } from "../../../src/model/comparison-tables.ts";
import { show } from "../../../src/model/errors.ts";
import type { ColumnType } from "../../../src/model/tables.ts";
import { partitionKeys, storedColumns } from "../../../src/model/tables/stored-columns.ts";
import { createText, readText } from "./new-files.ts";
import type { LakePlace } from "../place.ts";
import type { DataFile, FileStatistics } from "./table-files.ts";
import type { Commit, Committed } from "./table-version.ts";

const TYPES: Readonly<Record<ColumnType, string>> = {
  utf8: "string",
  int32: "integer",
  int64: "long",
  float64: "double",
  bool: "boolean",
};

/** Files stand for as long as a version names them: what engines clean up would be missing in the lake, or in tables of the other format. */
const CONFIGURATION = {
  "delta.deletedFileRetentionDuration": "interval 36500 days",
  "delta.logRetentionDuration": "interval 36500 days",
};

/** What a log says, as far as its next version needs it. */
interface LogState {
  /** -1 where there is no log. */
  readonly version: number;
  readonly id: string | null;
  readonly schema: string | null;
  /** Files that stand, by their paths from the lake's root. */
  readonly live: ReadonlyMap<
    string,
    { readonly size: number; readonly partition: Readonly<Record<string, string>> }
  >;
  /** Files that any version names. */
  readonly named: ReadonlySet<string>;
}

type Action = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Adds a version to a table's log: files that have come and files that have gone since the last one. Where nothing has changed, nothing is
 * written.
 *
 * @throws {Error} when the version is there already: somebody was faster
 */
export async function commitDelta(
  { place, table, files: readFiles, footers, runId, version: program }: Commit,
): Promise<Committed> {
  const state = await readLog(place, table);
  const files = await readFiles();
  const schema = schemaText(table);
  const wanted = new Map(files.map((file) => [file.path, file]));
  const added = files.filter(({ path }) => !state.live.has(path));
  const removed = [...state.live].filter(([path]) => !wanted.has(path));
  const isNew = state.version < 0;
  const result = { version: state.version, added: added.length, removed: removed.length };
  if (!isNew && added.length + removed.length === 0 && state.schema === schema) {
    return { ...result, changed: false };
  }
  const now = Date.now();
  const adds = await Promise.all(added.map(async (file): Promise<Action> => ({
    add: {
      path: encodedPath(table, file.path),
      partitionValues: file.partition,
      size: file.bytes,
      modificationTime: now,
      dataChange: true,
      stats: statisticsText(table, file, await footers.of(table, file)),
    },
  })));
  const metaData = {
    id: state.id ?? randomUUID(),
    name: table,
    description: `A row is ${ALL_TABLE_ROWS[table]}.`,
    format: { provider: "parquet", options: {} },
    schemaString: schema,
    partitionColumns: partitionKeys(table),
    configuration: CONFIGURATION,
    createdTime: now,
  };
  const actions: Action[] = [
    {
      commitInfo: {
        timestamp: now,
        operation: "WRITE",
        operationParameters: {},
        engineInfo: `svrflow/${program}`,
        ...runId === null ? {} : { userMetadata: runId },
      },
    },
    ...isNew ? [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }] : [],
    ...state.schema === schema ? [] : [{ metaData }],
    ...removed.map(([path, { size, partition }]) => ({
      remove: {
        path: encodedPath(table, path),
        deletionTimestamp: now,
        dataChange: true,
        extendedFileMetadata: true,
        partitionValues: partition,
        size,
      },
    })),
    ...adds,
  ];
  const version = state.version + 1;
  const text = `${actions.map((action) => JSON.stringify(action)).join("\n")}\n`;
  await createText(place, `${logFolder(table)}${String(version).padStart(20, "0")}.json`, text);
  return { ...result, version, changed: true };
}

/** Paths, from the lake's root, of all files that any version of a table's log names. */
export async function namedByDelta(place: LakePlace, table: AnyTableName): Promise<ReadonlySet<string>> {
  return (await readLog(place, table)).named;
}

const logFolder = (table: AnyTableName) => `${table}/_delta_log/`;

async function readLog(place: LakePlace, table: AnyTableName): Promise<LogState> {
  const folder = logFolder(table);
  const names = (await place.list(folder)).flatMap((path) =>
    /^\d{20}\.json$/.exec(path.slice(folder.length)) ?? []
  );
  for (const [at, name] of names.entries()) {
    if (Number.parseInt(name) !== at) {
      throw new Error(
        `${place.name}/${folder}${name}: found it, required version ${at} before it (another program has cleaned up the log)`,
      );
    }
  }
  const texts = await Promise.all(names.map((name) => readText(place, folder + name)));
  const live = new Map<string, { size: number; partition: Record<string, string> }>();
  const named = new Set<string>();
  let id: string | null = null;
  let schema: string | null = null;
  for (const [at, text] of texts.entries()) {
    for (const [number, line] of text.split("\n").entries()) {
      if (line.trim() === "") continue;
      const { add, remove, metaData } = parsedLine(
        line,
        `${place.name}/${folder}${names[at]}, line ${number + 1}`,
      );
      if (metaData !== undefined) {
        id = String(metaData["id"]);
        schema = String(metaData["schemaString"]);
      }
      if (remove !== undefined) live.delete(decodedPath(table, String(remove["path"])));
      if (add !== undefined) {
        const path = decodedPath(table, String(add["path"]));
        named.add(path);
        live.set(path, {
          size: Number(add["size"]),
          partition: add["partitionValues"] as Record<string, string>,
        });
      }
    }
  }
  return { version: names.length - 1, id, schema, live, named };
}

function parsedLine(line: string, where: string): Action {
  try {
    return JSON.parse(line) as Action;
  } catch (cause) {
    throw new SyntaxError(`${where}: found ${show(line.slice(0, 80))}, required an action as JSON`, {
      cause,
    });
  }
}

/** A path in a log starts at the table's folder and is a URI: the `%` in names of folders is encoded once more. */
function encodedPath(table: AnyTableName, path: string): string {
  return path.slice(table.length + 1).split("/").map((name) =>
    encodeURIComponent(name).replaceAll("%3D", "=")
  ).join("/");
}

const decodedPath = (table: AnyTableName, path: string) => `${table}/${decodeURIComponent(path)}`;

function schemaText(table: AnyTableName): string {
  const fields = storedColumns(table).map(({ name, type, meaning: { description } }) => ({
    name,
    type: TYPES[type],
    // One that is appended later is null in older files.
    nullable: true,
    metadata: { comment: description },
  }));
  return JSON.stringify({ type: "struct", fields });
}

function statisticsText(table: AnyTableName, { rows }: DataFile, statistics: FileStatistics): string {
  const keys: readonly string[] = partitionKeys(table);
  const minValues: Record<string, number> = {};
  const maxValues: Record<string, number> = {};
  const nullCount: Record<string, number> = {};
  for (const [name, { min, max, nulls, nans }] of statistics) {
    if (keys.includes(name)) continue;
    if (nulls !== null) nullCount[name] = nulls;
    if (isPlain(min)) minValues[name] = Number(min);
    // NaN is greater than all numbers to Delta's readers.
    if (isPlain(max) && nans === 0) maxValues[name] = Number(max);
  }
  return JSON.stringify({ numRecords: rows, minValues, maxValues, nullCount });
}

/** Whether JSON can say a bound as it is. */
function isPlain(value: number | bigint | string | null): value is number | bigint {
  return typeof value === "number"
    ? Number.isFinite(value)
    : typeof value === "bigint" && Number.isSafeInteger(Number(value));
}
