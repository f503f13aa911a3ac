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
import { columnMetadata } from "./column-metadata.ts";
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
}

/**
 * Creates a Parquet file (snappy, data pages v2, one per column and row group, exact int64, min and max of numbers).
 *
 * @param metadata key-value metadata of the file; what columns mean is added
 * @throws when the file exists, or its folder cannot be written to
 */
export async function createParquet(
  path: string,
  schema: readonly ColumnSchema[],
  metadata: Readonly<Record<string, string>>,
  { rowGroup = ROW_GROUP, kept = true }: ParquetChoices = {},
): Promise<TableFile> {
  const out = await NewFile.create(path, kept);
  const encoded = new Encoded(out);
  const writer = new ParquetWriter({
    writer: encoded,
    schema: [{ name: "root", num_children: schema.length }, ...schema.map(elementOf)],
    codec: "SNAPPY",
    kvMetadata: Object.entries({ ...metadata, ...columnMetadata(schema) }).map(([key, value]) => ({
      key,
      value,
    })),
    createdBy: "svrflow",
  });
  let pending: TableBatch[] = [];
  let waiting = 0;
  const flush = async () => {
    const { rows: rowGroupSize, columns } = joinedBatches(schema, pending);
    pending = [];
    waiting = 0;
    const columnData = schema.map((column, at) => sourceOf(column, columns[at]!));
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
      await writer.finish();
      await encoded.flush();
      return await out.close();
    },
    abandon: () => out.abandon(),
  };
  return file;
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

function elementOf({ name, type, nullable }: ColumnSchema): SchemaElement {
  return { name, ...TYPES[type], repetition_type: nullable ? "OPTIONAL" : "REQUIRED" };
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
