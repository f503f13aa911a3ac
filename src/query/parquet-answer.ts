/** Answers as Parquet files: the one place that knows parquetjs-lite, which has traps. */

// @ts-types="./parquetjs-lite.d.ts"
import parquetjs from "parquetjs-lite";
import { show } from "../model/errors.ts";
import type { AnswerType, QueryAnswer } from "../model/graph-reader.ts";
import { cellText } from "./cell-text.ts";

/** What a column becomes, and the conversion that its values pass. */
const COLUMNS = {
  // INT64 would pass parseInt, which rounds beyond 2^53, and DOUBLE refuses NaN. As bytes of decimal text both pass as they
  // are, and the encoders make numbers of them: BigInt(bytes) and Number(bytes) read the text.
  integer: { type: "INT64", conversion: "UTF8" },
  number: { type: "DOUBLE", conversion: "UTF8" },
  boolean: { type: "BOOLEAN", conversion: undefined },
  text: { type: "UTF8", conversion: "UTF8" },
} as const;

/** A row group is encoded in memory; a page is what a reader decodes at once. */
const ROWS = { rowGroupSize: 65_536, pageSize: 8_192, pageIndex: false } as const;

/**
 * An answer as a Parquet file of version 1, compressed by snappy; every column may hold nulls.
 *
 * A column is INT64, DOUBLE or BOOLEAN where the store says so, or else all its values are; INT64 holds every integer from
 * -2^63 to 2^63 - 1. All else is text, written as in CSV: lists and maps as JSON, times as ISO 8601, columns of several
 * types, and integers outside that range in full.
 *
 * @returns the file's bytes, in pieces
 * @throws {RangeError} when two columns have one name
 */
export async function parquetAnswer({ columns, rows, types = [] }: QueryAnswer): Promise<Uint8Array[]> {
  const twice = columns.find((name, at) => columns.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new RangeError(
      `an answer as Parquet: found two columns ${show(twice)}, required distinct names; rename one with AS`,
    );
  }
  const kinds = columns.map((_, at) => columnType(rows.map((row) => row[at] ?? null), types[at] ?? null));
  // Keys of our own: objects would put a column called 1 before all others.
  const schema = new parquetjs.ParquetSchema(
    Object.fromEntries(kinds.map((kind, at) => [
      `c${at}`,
      { type: COLUMNS[kind].type, optional: true, compression: "SNAPPY", statistics: false },
    ])),
  );
  const fields = columns.map((name, at) => {
    const field = schema.fields[`c${at}`]!;
    field.name = name;
    field.path = [name];
    return { field, written: field.originalType };
  });
  for (const [at, { field }] of fields.entries()) field.originalType = COLUMNS[kinds[at]!].conversion;

  const pieces: Uint8Array[] = [];
  const stream = {
    write: (bytes: Uint8Array, done: () => void) => {
      pieces.push(bytes);
      done();
    },
    end: (done: () => void) => done(),
  };
  const writer = await parquetjs.ParquetWriter.openStream(schema, stream, ROWS);
  for (const row of rows) {
    await writer.appendRow(
      Object.fromEntries(kinds.map((kind, at) => [`c${at}`, valueOf(row[at] ?? null, kind)])),
    );
  }
  // The footer says what the columns are, and not how their values came.
  for (const { field, written } of fields) field.originalType = written;
  await writer.close();
  return pieces;
}

function valueOf(value: unknown, kind: AnswerType): string | boolean | null {
  if (value === null || typeof value === "boolean" && kind === "boolean") return value;
  return kind === "number" && Object.is(value, -0) ? "-0" : cellText(value);
}

/** The declared type where all values are of it, else the narrowest that they are of. */
function columnType(values: readonly unknown[], declared: AnswerType | null): AnswerType {
  const present = values.filter((value) => value !== null);
  const fits = (type: AnswerType) => present.every((value) => isOf(value, type));
  if (declared !== null && fits(declared)) return declared;
  if (present.length === 0) return "text";
  return (["integer", "number", "boolean"] as const).find(fits) ?? "text";
}

function isOf(value: unknown, type: AnswerType): boolean {
  switch (type) {
    case "integer":
      return typeof value === "bigint"
        ? BigInt.asIntN(64, value) === value
        : Number.isSafeInteger(value) && !Object.is(value, -0);
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "text":
      return true;
  }
}
