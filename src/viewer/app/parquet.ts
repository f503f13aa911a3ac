/** Parquet files read by ranges: the columns that are asked for, and nothing else. */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead } from "hyparquet";
import { messageOf } from "../../model/errors.ts";
import type { Row } from "./protocol.ts";

/** Bytes at the end of a file that are read first; a footer of ours fits. */
const FOOTER = 32_768;

/** Rows of a table that is kept whole in memory. */
const MOST_ROWS = 2 ** 25;

/** Rows of a table of which the page keeps every column: a model of today has some thousand layers and connections. */
const MOST_WHOLE_ROWS = 2 ** 20;

/** Ours hold 128 Ki rows; a group is decoded whole, so a larger one from elsewhere might not fit memory. */
const LARGEST_GROUP = 2 ** 20;

/** A file at an address, read by `Range`. */
async function fileAt(url: string): Promise<AsyncBuffer> {
  const head = await fetch(url, { method: "HEAD" });
  const byteLength = Number(head.headers.get("content-length") ?? NaN);
  if (!head.ok || !Number.isSafeInteger(byteLength)) {
    throw new Error(`${url}: found status ${head.status}, required a file with its length`);
  }
  // What a server without ranges has sent, which it would send again with every piece.
  let whole: Promise<ArrayBuffer> | null = null;
  return {
    byteLength,
    async slice(start, end = byteLength) {
      if (whole !== null) return (await whole).slice(start, end);
      const answer = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` } });
      if (!answer.ok) {
        throw new Error(`${url}: found status ${answer.status}, required bytes ${start} to ${end}`);
      }
      if (answer.status === 206) return await answer.arrayBuffer();
      whole ??= answer.arrayBuffer();
      return (await whole).slice(start, end);
    },
  };
}

/** What is heard of rows while they are read. */
export type RowProgress = (done: number, total: number) => void;

/** Columns in memory: numbers, NaN for a null among floats; 0 or 1 for truth values. */
export interface ColumnTypes {
  readonly [name: string]: "int32" | "float64" | "bool";
}

type ColumnOf<T> = T extends "int32" ? Int32Array : T extends "bool" ? Uint8Array : Float64Array;

const ARRAYS = { int32: Int32Array, float64: Float64Array, bool: Uint8Array } as const;

/**
 * Columns of a table as typed arrays, of all its files behind each other.
 *
 * @throws {Error} when a file is not there, is too long, or is no such table; names it
 */
export async function readColumns<T extends ColumnTypes>(
  urls: readonly string[],
  types: T,
  progress: RowProgress = () => undefined,
): Promise<{ readonly [K in keyof T]: ColumnOf<T[K]> }> {
  const { files, total } = await openedAll(urls, MOST_ROWS);
  const columns = Object.fromEntries(
    Object.entries(types).map(([name, type]) => [name, new ARRAYS[type](total)]),
  );
  let before = 0;
  for (const { url, file, metadata } of files) {
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      await parquetRead({
        file,
        metadata,
        columns: Object.keys(types),
        rowStart,
        rowEnd,
        onChunk: ({ columnName, columnData, rowStart: at }) => {
          const column = columns[columnName]!;
          for (let i = 0; i < columnData.length; i++) {
            const value: unknown = columnData[i];
            if (value === null && types[columnName] !== "float64") {
              throw new Error(`${url}, ${columnName}, row ${at + i}: found null, required a value`);
            }
            column[before + at + i] = Number(value ?? NaN);
          }
        },
      });
      rowStart = rowEnd;
      progress(before + rowStart, total);
    }
    before += rowStart;
  }
  return columns as { readonly [K in keyof T]: ColumnOf<T[K]> };
}

/**
 * Rows of a table, by column.
 *
 * @param where column and value of the rows that are wanted: row groups without such rows are not read. Absent: all rows of a small table
 * @throws {Error} as `readColumns`
 */
export async function readRows(
  urls: readonly string[],
  where?: { readonly column: string; readonly is: number },
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const { files } = await openedAll(urls, where === undefined ? MOST_WHOLE_ROWS : MOST_ROWS);
  for (const { file, metadata } of files) {
    await parquetRead({
      file,
      metadata,
      rowFormat: "object",
      ...where === undefined ? {} : { filter: { [where.column]: { $eq: where.is } } },
      onComplete: (found) => {
        for (const row of found as Record<string, unknown>[]) rows.push(plainRow(row));
      },
    });
  }
  return rows;
}

function plainRow(row: Readonly<Record<string, unknown>>): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "bigint" ? Number(value) : (value ?? null) as Row[string],
    ]),
  );
}

/** A file with its footer. */
interface OpenFile {
  readonly url: string;
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
}

async function openedAll(
  urls: readonly string[],
  most: number,
): Promise<{ readonly files: readonly OpenFile[]; readonly total: number }> {
  const files = await Promise.all(urls.map(opened));
  const total = files.reduce((sum, { metadata }) => sum + Number(metadata.num_rows), 0);
  if (!(total <= most)) throw new Error(`${urls[0]}: found ${total} rows, required at most ${most}`);
  return { files, total };
}

async function opened(url: string): Promise<OpenFile> {
  const file = await fileAt(url);
  const metadata = await parquetMetadataAsync(file, { initialFetchSize: FOOTER }).catch((cause: unknown) => {
    throw new Error(`${url}: ${messageOf(cause)}`, { cause });
  });
  const groups = metadata.row_groups.map(({ num_rows: rows }) => Number(rows));
  const [rows, all] = [Number(metadata.num_rows), groups.reduce((sum, each) => sum + each, 0)];
  if (rows !== all || groups.some((each) => !(each >= 0 && each <= LARGEST_GROUP))) {
    throw new Error(
      `${url}: found ${rows} rows in groups of ${
        groups.slice(0, 8).join(", ")
      }, required groups of at most ` +
        `${LARGEST_GROUP} that make up all rows`,
    );
  }
  return { url, file, metadata };
}
