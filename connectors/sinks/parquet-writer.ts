/**
 * Parquet files, a column batch at a time: the one place that knows parquetjs-lite.
 *
 * Its `appendRow` is slow and refuses NaN, so a `ParquetWriter` is handed whole columns in its (undocumented) `rowBuffer` and
 * told to close: it then encodes one page per column and gives the row group to the envelope writer, which is ours.
 */

// @ts-types="./parquetjs-lite.d.ts"
import parquet from "parquetjs-lite";
import {
  type ColumnData,
  type ColumnSchema,
  type ColumnType,
  filled,
  type TableBatch,
} from "../../src/model/tables.ts";
import { copiedRows } from "./batch-pieces.ts";
import { NewFile } from "./new-file.ts";
import type { ParquetEnvelopeWriter, ParquetField, RowBuffer } from "./parquetjs-lite.d.ts";
import type { TableFile } from "./table-file.ts";

/** Rows per row group unless said otherwise: large enough to compress and to scan fast, small enough to prune. */
const ROW_GROUP = 128 * 1024;

const TYPES: Readonly<Record<ColumnType, ParquetField>> = {
  // Strings and flags carry no statistics: nobody prunes by them.
  utf8: { type: "UTF8", statistics: false },
  bool: { type: "BOOLEAN", statistics: false },
  int32: { type: "INT32" },
  int64: { type: "INT64" },
  float64: { type: "DOUBLE" },
};

/** What may be chosen of a Parquet file. */
export interface ParquetChoices {
  /** Rows per row group, which are held in memory several times over. */
  readonly rowGroup?: number;
  /** Whether it shall outlive the process (see `NewFile.create`). What shall not is read once, and not compressed for that. */
  readonly kept?: boolean;
}

/**
 * Creates a Parquet file (snappy where it is kept, data pages v1, exact int64, min and max of numbers per row group).
 *
 * @param metadata key-value metadata of the file
 * @throws when the file exists, or its folder cannot be written to
 */
export async function createParquet(
  path: string,
  schema: readonly ColumnSchema[],
  metadata: Readonly<Record<string, string>>,
  { rowGroup = ROW_GROUP, kept = true }: ParquetChoices = {},
): Promise<TableFile> {
  const out = await NewFile.create(path, kept);
  const fields = Object.fromEntries(
    schema.map((
      { name, type, nullable },
    ) => [name, {
      ...TYPES[type],
      optional: nullable,
      compression: kept ? "SNAPPY" as const : "UNCOMPRESSED" as const,
    }]),
  );
  const layout = new parquet.ParquetSchema(fields);
  const write = (piece: Uint8Array) => out.write(piece);
  const envelope = new parquet.ParquetEnvelopeWriter(layout, write, () => Promise.resolve(), 0, {
    pageSize: rowGroup,
    useDataPageV2: false,
    pageIndex: false,
  });
  await envelope.writeHeader();
  let pending: TableBatch[] = [];
  let waiting = 0;
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
        waiting += to - from;
        from = to;
        if (waiting === rowGroup) await flush();
      }
    },
    async close() {
      if (waiting > 0) await flush();
      await envelope.writeFooter({ ...metadata });
      return await out.close();
    },
    abandon: () => out.abandon(),
  };
  const flush = async () => {
    const rows = rowBuffer(schema, pending, waiting);
    pending = [];
    waiting = 0;
    await writeRowGroup(layout, envelope, rows);
  };
  return file;
}

/** Lets a `ParquetWriter` encode one prepared row group into our envelope. */
async function writeRowGroup(
  schema: InstanceType<typeof parquet.ParquetSchema>,
  envelope: ParquetEnvelopeWriter,
  rows: RowBuffer,
): Promise<void> {
  const writer = new parquet.ParquetWriter(schema, {
    pageSize: envelope.pageSize,
    useDataPageV2: envelope.useDataPageV2,
    writeHeader: () => undefined,
    writeRowGroup: (group) => envelope.writeRowGroup(group),
    writeIndex: () => Promise.resolve(),
    writeFooter: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }, { rowGroupSize: envelope.pageSize });
  writer.rowBuffer = rows;
  await writer.close();
  // The number of distinct values is not counted, so it must not be claimed.
  for (const { meta_data } of envelope.rowGroups.at(-1)?.columns ?? []) {
    if (meta_data.statistics !== null && meta_data.statistics !== undefined) {
      meta_data.statistics.distinct_count = null;
    }
  }
}

function rowBuffer(schema: readonly ColumnSchema[], batches: readonly TableBatch[], rows: number): RowBuffer {
  const columns = schema.map(({ name, nullable, type }, at) => {
    const parts = batches.map((batch) => batch.columns[at]!);
    const present = parts.flatMap((part) => [presentValues(part)]);
    const values = type === "utf8"
      ? present.flat().map((text) => Buffer.from(String(text), "utf8"))
      : joined(present);
    const levels = nullable
      ? batches.flatMap((batch, i) => levelsOf(parts[i]!, batch.rows))
      : { length: rows };
    return [name, {
      values,
      dlevels: nullable ? levels : { length: rows },
      rlevels: { length: rows },
      distinct_values: new Extent(
        type === "utf8" || type === "bool" ? [] : present as ArrayLike<number | bigint>[],
      ),
      count: rows,
    }] as const;
  });
  return {
    rowCount: rows,
    pageRowCount: rows,
    columnData: Object.fromEntries(columns),
    pages: Object.fromEntries(schema.map(({ name }) => [name, []])),
  };
}

/** One array of all, typed where all are: boxed numbers would take four times the memory. */
function joined(parts: readonly Values[]): Values {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first ?? [];
  const rows = parts.reduce((sum, part) => sum + part.length, 0);
  if (first instanceof Float64Array) return filled(new Float64Array(rows), parts as Float64Array[]);
  if (first instanceof Int32Array) return filled(new Int32Array(rows), parts as Int32Array[]);
  return parts.flatMap((part) => Array.from(part));
}

type Values = ArrayLike<number | bigint | string> & Iterable<number | bigint | string>;

function presentValues(
  column: ColumnData,
): Values {
  const { valid, values } = column;
  if (valid === undefined) return values;
  // Of the same type, so that parts with and without nulls can be joined.
  if (values instanceof Float64Array || values instanceof Int32Array) {
    return values.filter((_, i) => valid[i] === 1);
  }
  return Array.from<number | bigint | string>(values).filter((_, i) => valid[i] === 1);
}

function levelsOf(column: ColumnData, rows: number): number[] {
  return column.valid === undefined ? new Array<number>(rows).fill(1) : Array.from(column.valid);
}

/**
 * Stands where the writer expects the set of distinct values, of which it only takes the extremes: holds just those. NaN is
 * no extreme, as the format demands.
 */
class Extent {
  readonly size = undefined;
  readonly #values: (number | bigint)[] = [];

  constructor(parts: readonly ArrayLike<number | bigint>[]) {
    let low: number | bigint | undefined;
    let high: number | bigint | undefined;
    for (const part of parts) {
      for (let i = 0; i < part.length; i++) {
        const value = part[i]!;
        if (value !== value) continue;
        if (low === undefined || value < low) low = value;
        if (high === undefined || value > high) high = value;
      }
    }
    if (low !== undefined && high !== undefined) this.#values = [low, high];
  }

  [Symbol.iterator](): Iterator<number | bigint> {
    return this.#values[Symbol.iterator]();
  }

  /** The writer gathers distinct values over pages here; there is nothing to gather. */
  forEach(): void {}
}
