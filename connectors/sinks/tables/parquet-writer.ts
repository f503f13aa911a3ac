/** Parquet files, a row group at a time. */

import type { SchemaElement } from "hyparquet";
import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import {
  type ColumnData,
  type ColumnSchema,
  type ColumnType,
  joinedBatches,
  type TableBatch,
} from "../../../src/model/tables.ts";
import { copiedRows } from "../batch-pieces.ts";
import { NewFile } from "../new-file.ts";
import { columnMetadata, NAN_KEY } from "./column-metadata.ts";
import type { TableFile } from "./table-file.ts";

/** Rows per row group unless said otherwise: large enough to compress and to scan fast, small enough to prune. */
const ROW_GROUP = 128 * 1024;

/** Rows up to which batches that wait are put together: one of a few rows takes far more memory than those, and thousands may wait. */
const SMALL = 4096;

const TYPES: Readonly<Record<ColumnType, Omit<SchemaElement, "name">>> = {
  utf8: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  bool: { type: "BOOLEAN" },
  int32: { type: "INT32" },
  int64: { type: "INT64" },
  float64: { type: "DOUBLE" },
};

/** As they are: what is measured hardly repeats, and looking for what does costs more than it saves. */
const PLAIN = { encoding: "PLAIN", statistics: true } as const;

/** How columns are encoded. Texts and flags carry no statistics: nobody prunes by them. */
const ENCODINGS: Readonly<Record<ColumnType, Pick<ColumnSource, "encoding" | "statistics">>> = {
  utf8: { statistics: false },
  bool: { encoding: "PLAIN", statistics: false },
  int32: PLAIN,
  int64: PLAIN,
  float64: PLAIN,
};

/** What may be chosen of a Parquet file. */
export interface ParquetChoices {
  /** Rows per row group, which are held in memory until they are encoded. */
  readonly rowGroup?: number;
  /** Whether it shall outlive the process (see `NewFile.create`). */
  readonly kept?: boolean;
  /** Texts by the names of columns that hold one in all rows; batches lack these columns. */
  readonly constants?: Readonly<Record<string, string>>;
}

/**
 * Creates a Parquet file (snappy, data pages v2, one per column and row group, exact int64, min and max of numbers).
 *
 * @param columns all columns, in order
 * @param metadata key-value metadata of the file; what columns mean is added
 * @throws when the file exists, or its folder cannot be written to
 */
export async function createParquet(
  path: string,
  columns: readonly ColumnSchema[],
  metadata: Readonly<Record<string, string>>,
  { rowGroup = ROW_GROUP, kept = true, constants = {} }: ParquetChoices = {},
): Promise<TableFile> {
  const schema = columns.filter(({ name }) => constants[name] === undefined);
  const out = await NewFile.create(path, kept);
  const encoded = new Encoded(out);
  const kvMetadata = Object.entries({ ...metadata, ...columnMetadata(columns, Object.keys(constants)) }).map(
    ([key, value]) => ({ key, value }),
  );
  const notNumbers: Record<string, number> = {};
  const writer = new ParquetWriter({
    writer: encoded,
    schema: [{ name: "root", num_children: columns.length }, ...columns.map(elementOf)],
    codec: "SNAPPY",
    kvMetadata,
    createdBy: "svrflow",
  });
  let pending: TableBatch[] = [];
  let waiting = 0;
  const flush = async () => {
    const { rows: rowGroupSize, columns: gathered } = joinedBatches(schema, pending);
    pending = [];
    waiting = 0;
    countNotNumbers(schema, gathered, notNumbers);
    let at = 0;
    const columnData = columns.map((column) => {
      const constant = constants[column.name];
      return constant === undefined
        ? sourceOf(column, gathered[at++]!)
        : constantOf(column, constant, rowGroupSize);
    });
    // No limit to a page: a row group has one per column.
    await writer.write({ columnData, rowGroupSize, pageSize: 0 });
  };
  const file = {
    rows: 0,
    get bytes() {
      return out.bytes;
    },
    async write(batch: TableBatch) {
      if (
        batch.columns.length !== schema.length ||
        batch.columns.some((column, i) => column.type !== schema[i]!.type)
      ) {
        throw new TypeError(
          `${path}: found columns ${batch.columns.map(({ type }) => type).join(", ")}, required ${
            schema.map(({ type }) => type).join(", ")
          }`,
        );
      }
      file.rows += batch.rows;
      for (let from = 0; from < batch.rows;) {
        const to = Math.min(batch.rows, from + rowGroup - waiting);
        pending.push(from === 0 && to === batch.rows ? batch : copiedRows(batch, from, to));
        joinSmall(schema, pending);
        waiting += to - from;
        from = to;
        if (waiting === rowGroup) await flush();
      }
    },
    async close() {
      if (waiting > 0) await flush();
      // Parquet's least and greatest values pass over NaN: who prunes by them must know where there is one.
      if (Object.keys(constants).length > 0) {
        kvMetadata.push({ key: NAN_KEY, value: JSON.stringify(notNumbers) });
      }
      await writer.finish();
      await encoded.flush();
      return await out.close();
    },
    abandon: () => out.abandon(),
  };
  return file;
}

/** Adds how many values of each column are NaN, where there are some. */
function countNotNumbers(
  schema: readonly ColumnSchema[],
  columns: readonly ColumnData[],
  counts: Record<string, number>,
): void {
  for (const [at, { name }] of schema.entries()) {
    const { type, values, valid } = columns[at]!;
    if (type !== "float64") continue;
    let found = 0;
    for (let row = 0; row < values.length; row++) {
      if (Number.isNaN(values[row]) && valid?.[row] !== 0) found++;
    }
    if (found > 0) counts[name] = (counts[name] ?? 0) + found;
  }
}

/** Puts the last of the batches together as far as they are small, each with one of about its size: a row is copied a dozen times at most. */
function joinSmall(schema: readonly ColumnSchema[], batches: TableBatch[]): void {
  for (;;) {
    const [before, last] = batches.slice(-2);
    if (before === undefined || last === undefined) return;
    if (before.rows > last.rows || before.rows + last.rows > SMALL) return;
    batches.splice(-2, 2, joinedBatches(schema, [before, last]));
  }
}

function elementOf({ name, type, nullable, fieldId }: ColumnSchema): SchemaElement {
  const id = fieldId === undefined ? {} : { field_id: fieldId };
  return { name, ...TYPES[type], ...id, repetition_type: nullable ? "OPTIONAL" : "REQUIRED" };
}

/** With statistics: engines pass over row groups and files of other models. */
function constantOf({ name }: ColumnSchema, value: string, rows: number): ColumnSource {
  return { name, data: new Array<string>(rows).fill(value), offsetIndex: false, statistics: true };
}

/** What has been encoded, on its way to the file: a row group at a time, in memory that is used again for the next. */
class Encoded extends ByteWriter {
  readonly #out: NewFile;

  constructor(out: NewFile) {
    super();
    this.#out = out;
  }

  /** The writer calls it after each row group, and waits. */
  async flush(): Promise<void> {
    const bytes = this.getBytes();
    this.index = 0;
    await this.#out.write(bytes);
  }
}

/** A column of a row group. Typed where it can be: boxed numbers take four times the memory. */
function sourceOf({ name }: ColumnSchema, { type, values, valid }: ColumnData): ColumnSource {
  const data = type === "bool" || valid !== undefined
    ? Array.from(
      values as ArrayLike<unknown>,
      (value, at) => valid?.[at] === 0 ? null : type === "bool" ? value === 1 : value,
    )
    : values as ColumnSource["data"];
  return { name, data, offsetIndex: false, ...ENCODINGS[type] };
}
