/** Arrow IPC files, a record batch at a time: the one place that writes with apache-arrow. */

import {
  AsyncByteQueue,
  Bool,
  type Data,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Struct,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import type { ColumnData, ColumnSchema, TableBatch } from "../../../src/model/tables.ts";
import { NewFile } from "../new-file.ts";
import { arrowSchema } from "./column-metadata.ts";
import type { TableFile } from "./table-file.ts";

/** Collects what the writer emits; the stream adapters of the library have no back-pressure, awaiting `drain` does. */
class Chunks extends AsyncByteQueue {
  chunks: Uint8Array[] = [];

  override write(value: Uint8Array): void {
    // A copy: small pieces may be views of a buffer that the writer uses again.
    if (value.byteLength > 0) {
      this.chunks.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice());
    }
  }

  async drain(file: NewFile): Promise<void> {
    for (const chunk of this.chunks.splice(0)) await file.write(chunk);
  }
}

/**
 * Creates an Arrow IPC file (uncompressed), a record batch per batch.
 *
 * @throws when the file exists, or its folder cannot be written to
 */
export async function createArrow(
  path: string,
  columns: readonly ColumnSchema[],
  metadata: Readonly<Record<string, string>>,
): Promise<TableFile> {
  const out = await NewFile.create(path);
  const schema = arrowSchema(columns, metadata);
  const sink = new Chunks();
  const writer = new RecordBatchFileWriter({ autoDestroy: false });
  writer.reset(sink, schema);
  const file = {
    rows: 0,
    get bytes() {
      return out.bytes;
    },
    async write(batch: TableBatch) {
      if (batch.rows === 0) return;
      file.rows += batch.rows;
      const children = batch.columns.map((column) => dataOf(column, batch.rows));
      writer.write(
        new RecordBatch(
          schema,
          makeData({ type: new Struct(schema.fields), length: batch.rows, nullCount: 0, children }),
        ),
      );
      await sink.drain(out);
    },
    async close() {
      writer.finish();
      await sink.drain(out);
      return await out.close();
    },
    abandon: () => out.abandon(),
  };
  return file;
}

function dataOf(column: ColumnData, length: number): Data {
  const nulls = column.valid === undefined
    ? { nullCount: 0 }
    : { nullBitmap: bits(column.valid), nullCount: column.valid.reduce((n, v) => n + 1 - v, 0) };
  switch (column.type) {
    case "utf8":
      return vectorFromArray(
        column.values.map((text, i) => column.valid?.[i] === 0 ? null : text),
        new Utf8(),
      ).data[0] ??
        makeData({ type: new Utf8(), length: 0 });
    case "int32":
      return makeData({ type: new Int32(), length, data: column.values, ...nulls });
    case "int64":
      return makeData({ type: new Int64(), length, data: column.values, ...nulls });
    case "float64":
      return makeData({ type: new Float64(), length, data: column.values, ...nulls });
    case "bool":
      return makeData({ type: new Bool(), length, data: bits(column.values), ...nulls });
  }
}

/** Flags as a little-endian bitmap, padded to 8 bytes as the format asks. */
function bits(flags: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(flags.length / 64) * 8);
  flags.forEach((flag, i) => {
    if (flag !== 0) out[i >> 3]! |= 1 << (i & 7);
  });
  return out;
}
