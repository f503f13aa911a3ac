/** Rows of an answer, in the formats that people and programs ask for. */

import { Buffer } from "node:buffer";
import { decimal } from "../analysis/findings/words.ts";
import type { QueryAnswer } from "../model/graph-reader.ts";
import type { AnswerFormat } from "./answer-formats.ts";
import { cellText, jsonValue } from "./cell-text.ts";
import { plainTable } from "../report/plain-table.ts";

/**
 * Writes an answer.
 *
 * `table`: aligned text, numbers to four digits. `json`: an array of objects. `csv`: as RFC 4180 quotes, with LF after each row;
 * nulls are empty. `arrow`: an IPC stream.
 * `parquet`: a file. Nodes, relations and lists are JSON text in all but `json`.
 *
 * @param width columns of characters that a table has room in
 * @returns bytes for stdout or a file
 */
export async function formatAnswer(
  answer: QueryAnswer,
  format: AnswerFormat,
  width = Infinity,
): Promise<Uint8Array> {
  switch (format) {
    case "table":
      return utf8(`${
        plainTable({
          header: answer.columns,
          numeric: answer.columns.map((_, at) =>
            answer.rows.every((row) => isNumber(row[at]) || row[at] === null)
          ),
          rows: answer.rows.map((row) => row.map(tableCell)),
        }, { width })
      }\n`);
    case "json":
      return utf8(`${JSON.stringify(answer.rows.map((row) => keyed(answer.columns, row)), jsonValue, 2)}\n`);
    case "csv":
      return utf8(
        [answer.columns, ...answer.rows].map((row) =>
          `${row.map((cell) => csvCell(cellText(cell))).join(",")}\n`
        ).join(""),
      );
    case "arrow":
      return await arrowStream(answer);
    case "parquet": {
      const { parquetAnswer } = await import("./parquet-answer.ts");
      return Buffer.concat(await parquetAnswer(answer));
    }
  }
}

/** For people: numbers to four digits. The other formats have all digits. */
const tableCell = (value: unknown) => typeof value === "number" ? decimal(value) : cellText(value);

const utf8 = (text: string) => new TextEncoder().encode(text);
const isNumber = (value: unknown) => typeof value === "number" || typeof value === "bigint";

function keyed(columns: readonly string[], row: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((name, at) => [name, row[at] ?? null]));
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Arrow's library takes 45 ms to load, so only this format pays for it. */
async function arrowStream({ columns, rows }: QueryAnswer): Promise<Uint8Array> {
  const { Table, tableToIPC, Utf8, vectorFromArray } = await import("apache-arrow");
  const values = (at: number) => rows.map((row) => row[at] ?? null);
  /** Numbers, truth values, or else text. */
  const vector = (column: readonly unknown[]) => {
    const present = column.filter((value) => value !== null);
    const all = (type: string) => present.length > 0 && present.every((value) => typeof value === type);
    if (all("number")) return vectorFromArray(column as (number | null)[]);
    if (all("boolean")) return vectorFromArray(column as (boolean | null)[]);
    if (all("bigint")) return vectorFromArray(column as (bigint | null)[]);
    return vectorFromArray(column.map((value) => value === null ? null : cellText(value)), new Utf8());
  };
  return tableToIPC(
    new Table(Object.fromEntries(columns.map((name, at) => [name, vector(values(at))]))),
    "stream",
  );
}
