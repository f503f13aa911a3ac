/** Parquet files read by ranges: the columns that are asked for, and nothing else. */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead } from "hyparquet";
import type { Row } from "./protocol.ts";

/** Bytes at the end of a file that are read first; a footer of ours fits. */
const FOOTER = 32_768;

/** Rows of a table that is kept whole in memory. */
const MOST_ROWS = 2 ** 25;

/** A file at an address, read by `Range`. */
async function fileAt(url: string): Promise<AsyncBuffer> {
  const head = await fetch(url, { method: "HEAD" });
  const byteLength = Number(head.headers.get("content-length") ?? NaN);
  if (!head.ok || !Number.isSafeInteger(byteLength)) {
    throw new Error(`${url}: found status ${head.status}, required a file with its length`);
  }
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const answer = await fetch(url, { headers: { range: `bytes=${start}-${end - 1}` } });
      if (!answer.ok) {
        throw new Error(`${url}: found status ${answer.status}, required bytes ${start} to ${end}`);
      }
      const bytes = await answer.arrayBuffer();
      // A server that knows no ranges sends the whole file.
      return answer.status === 206 ? bytes : bytes.slice(start, end);
    },
  };
}

/** What is heard of rows while they are read. */
export type RowProgress = (done: number, total: number) => void;

/** A column in memory: numbers, with NaN for null and 0 or 1 for truth values, or as they are. */
export interface ColumnTypes {
  readonly [name: string]: "int32" | "float64" | "bool";
}

type ColumnOf<T> = T extends "int32" ? Int32Array : T extends "bool" ? Uint8Array : Float64Array;

const ARRAYS = { int32: Int32Array, float64: Float64Array, bool: Uint8Array } as const;

/**
 * Columns of a table as typed arrays, of all its files behind each other.
 *
 * @throws {Error} when a file is not there, or is no such table; names it
 */
export async function readColumns<T extends ColumnTypes>(
  urls: readonly string[],
  types: T,
  progress: RowProgress = () => undefined,
): Promise<{ readonly [K in keyof T]: ColumnOf<T[K]> }> {
  const files = await Promise.all(urls.map(opened));
  const total = files.reduce((sum, { metadata }) => sum + Number(metadata.num_rows), 0);
  if (!(total <= MOST_ROWS)) {
    throw new Error(`${urls[0]}: found ${total} rows, required at most ${MOST_ROWS}`);
  }
  const columns = Object.fromEntries(
    Object.entries(types).map(([name, type]) => [name, new ARRAYS[type](total)]),
  );
  let before = 0;
  for (const { file, metadata } of files) {
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
          for (let i = 0; i < columnData.length; i++) column[before + at + i] = Number(columnData[i] ?? NaN);
        },
      });
      rowStart = rowEnd;
      progress(before + rowStart, total);
    }
    before += rowStart;
  }
  return columns as { readonly [K in keyof T]: ColumnOf<T[K]> };
}

/** All rows of a small table, by column. @throws {Error} as `readColumns` */
export async function readRows(urls: readonly string[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const url of urls) {
    const { file, metadata } = await opened(url);
    await parquetRead({
      file,
      metadata,
      rowFormat: "object",
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

async function opened(url: string): Promise<{ readonly file: AsyncBuffer; readonly metadata: FileMetaData }> {
  const file = await fileAt(url);
  return { file, metadata: await parquetMetadataAsync(file, { initialFetchSize: FOOTER }) };
}
