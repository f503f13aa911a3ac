/** Iceberg's schemas: that of a table, and those of manifests and manifest lists (format version 2). Ids are the specification's. */

import type { AnyTableName } from "../../../src/model/comparison-tables.ts";
import type { ColumnType } from "../../../src/model/tables.ts";
import { fieldId } from "../../../src/model/tables/field-ids.ts";
import { partitionKeys, storedColumns } from "../../../src/model/tables/stored-columns.ts";
import type { AvroField, AvroType } from "./avro.ts";

const TYPES: Readonly<Record<ColumnType, string>> = {
  utf8: "string",
  int32: "int",
  int64: "long",
  float64: "double",
  bool: "boolean",
};

/** The first id of partition fields. */
const FIRST_PARTITION_ID = 1000;

/** A table's schema. All columns are optional: one that is appended later is null in older files. */
export function icebergSchema(table: AnyTableName, id: number) {
  const fields = storedColumns(table).map(({ fieldId: field, name, type, meaning }) => ({
    id: field,
    name,
    required: false,
    type: TYPES[type],
    doc: meaning.description,
  }));
  return { type: "struct", "schema-id": id, fields };
}

/** A table is partitioned by the ids of the models that its rows are of. */
export function partitionFields(table: AnyTableName) {
  return partitionKeys(table).map((name, at) => ({
    "source-id": fieldId(table, name),
    "field-id": FIRST_PARTITION_ID + at,
    name,
    transform: "identity",
  }));
}

const field = (id: number, name: string, type: AvroType): AvroField => ({ name, type, "field-id": id });
const optional = (id: number, name: string, type: AvroType): AvroField => ({
  name,
  type: ["null", type],
  default: null,
  "field-id": id,
});

/** A map of integers to something: Avro's own maps know text keys only. */
function integerMap(id: number, name: string, key: number, value: number, type: AvroType): AvroField {
  const pair: AvroType = {
    type: "record",
    name: `k${key}_v${value}`,
    fields: [field(key, "key", "int"), field(value, "value", type)],
  };
  return optional(id, name, { type: "array", items: pair, logicalType: "map" });
}

/** An entry of a manifest: a file, and whether it stands. */
export function manifestEntry(table: AnyTableName): AvroType {
  const partition: AvroType = {
    type: "record",
    name: "r102",
    fields: partitionFields(table).map(({ name, "field-id": id }) => optional(id, name, "string")),
  };
  const file: AvroType = {
    type: "record",
    name: "r2",
    fields: [
      field(134, "content", "int"),
      field(100, "file_path", "string"),
      field(101, "file_format", "string"),
      field(102, "partition", partition),
      field(103, "record_count", "long"),
      field(104, "file_size_in_bytes", "long"),
      integerMap(109, "value_counts", 119, 120, "long"),
      integerMap(110, "null_value_counts", 121, 122, "long"),
      integerMap(137, "nan_value_counts", 138, 139, "long"),
      integerMap(125, "lower_bounds", 126, 127, "bytes"),
      integerMap(128, "upper_bounds", 129, 130, "bytes"),
    ],
  };
  return {
    type: "record",
    name: "manifest_entry",
    fields: [
      field(0, "status", "int"),
      optional(1, "snapshot_id", "long"),
      optional(3, "sequence_number", "long"),
      optional(4, "file_sequence_number", "long"),
      field(2, "data_file", file),
    ],
  };
}

/** An entry of a manifest list: a manifest. */
export const MANIFEST_FILE: AvroType = {
  type: "record",
  name: "manifest_file",
  fields: [
    field(500, "manifest_path", "string"),
    field(501, "manifest_length", "long"),
    field(502, "partition_spec_id", "int"),
    field(517, "content", "int"),
    field(515, "sequence_number", "long"),
    field(516, "min_sequence_number", "long"),
    field(503, "added_snapshot_id", "long"),
    field(504, "added_files_count", "int"),
    field(505, "existing_files_count", "int"),
    field(506, "deleted_files_count", "int"),
    field(512, "added_rows_count", "long"),
    field(513, "existing_rows_count", "long"),
    field(514, "deleted_rows_count", "long"),
    optional(507, "partitions", {
      type: "array",
      items: {
        type: "record",
        name: "r508",
        fields: [
          field(509, "contains_null", "boolean"),
          optional(518, "contains_nan", "boolean"),
          optional(510, "lower_bound", "bytes"),
          optional(511, "upper_bound", "bytes"),
        ],
      },
      "element-id": 508,
    }),
  ],
};
