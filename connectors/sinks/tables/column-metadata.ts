/** What columns mean, as files say it: metadata of Arrow's fields, and of a Parquet file. */

import { Buffer } from "node:buffer";
import {
  Bool,
  type DataType,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  Schema,
  Table,
  tableToIPC,
  Utf8,
} from "apache-arrow";
import type { ColumnMeaning, ColumnSchema, ColumnType } from "../../../src/model/tables.ts";

/** The key of a Parquet file's metadata that counts NaN by column: a JSON object of the columns that have some. */
export const NAN_KEY = "svrflow.nan";

const TYPES: Readonly<Record<ColumnType, () => DataType>> = {
  utf8: () => new Utf8(),
  int32: () => new Int32(),
  int64: () => new Int64(),
  float64: () => new Float64(),
  bool: () => new Bool(),
};

/** The columns as an Arrow schema; the fields' metadata say what their columns mean. @param keys names of columns that are dictionaries */
export function arrowSchema(
  columns: readonly ColumnSchema[],
  metadata: Readonly<Record<string, string>> = {},
  keys: readonly string[] = [],
): Schema {
  const fields = columns.map(({ name, type, nullable, meaning }) => {
    const said = meaning === undefined ? [] : Object.entries(saidOf(meaning));
    const key = keys.indexOf(name);
    const dataType = key < 0 ? TYPES[type]() : new Dictionary(TYPES[type](), new Int32(), key);
    return new Field(name, dataType, nullable, new Map(said));
  });
  return new Schema(fields, new Map(Object.entries(metadata)));
}

/**
 * The metadata of a Parquet file that say what its columns mean. `ARROW:schema`: base64 of Arrow's schema message, from which
 * Arrow's readers take the metadata of fields. `svrflow.columns`: JSON by column name, for whoever reads plain metadata.
 *
 * @param keys columns that name the file's folder too. To Arrow they are dictionaries: pyarrow takes folders' names for such, and refuses
 * a column of another type
 * @returns none where a column has no meaning of its own
 */
export function columnMetadata(
  columns: readonly ColumnSchema[],
  keys: readonly string[] = [],
): Record<string, string> {
  const said = columns.flatMap(({ name, meaning }) =>
    meaning === undefined ? [] : [[name, saidOf(meaning)] as const]
  );
  if (said.length < columns.length) return {};
  return {
    "svrflow.columns": JSON.stringify(Object.fromEntries(said)),
    "ARROW:schema": Buffer.from(schemaMessage(arrowSchema(columns, {}, keys))).toString("base64"),
  };
}

const saidOf = ({ description, unit, range, formula, whenNull }: ColumnMeaning) => ({
  description,
  unit,
  range,
  formula,
  null: whenNull,
});

/** The first message of a stream: a mark of 4 bytes, the length in 4, the schema. */
function schemaMessage(schema: Schema): Uint8Array {
  const stream = tableToIPC(new Table(schema), "stream");
  return stream.subarray(0, 8 + new DataView(stream.buffer, stream.byteOffset).getUint32(4, true));
}
