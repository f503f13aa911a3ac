/** Manifests and manifest lists of a table's snapshots, written and read. */

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { AnyTableName } from "../../../src/model/comparison-tables.ts";
import type { ColumnType } from "../../../src/model/tables.ts";
import { type PartitionKey, partitionKeys, storedColumns } from "../../../src/model/tables/stored-columns.ts";
import type { LakePlace } from "../place.ts";
import { avroFile, avroRecords, type AvroValue } from "./avro.ts";
import { icebergSchema, MANIFEST_FILE, manifestEntry, partitionFields } from "./iceberg-schemas.ts";
import { createBytes, readBytes } from "./new-files.ts";
import type { DataFile, FileStatistics } from "./table-files.ts";

/** Whether a file came, was there before, or has gone with a snapshot. */
export const STATUS = { existing: 0, added: 1, deleted: 2 } as const;

/** An entry of a manifest. */
export interface Entry {
  readonly status: number;
  readonly snapshot_id: bigint | null;
  readonly sequence_number: bigint | null;
  readonly file_sequence_number: bigint | null;
  readonly data_file: {
    readonly file_path: string;
    readonly record_count: bigint;
    readonly partition: Readonly<Record<string, string | null>>;
    readonly [name: string]: AvroValue;
  };
}

/** A manifest, as a manifest list names it. */
export interface ManifestFile {
  readonly manifest_path: string;
  readonly sequence_number: bigint;
  readonly added_snapshot_id: bigint;
  readonly [name: string]: AvroValue;
}

/** Where a table's snapshots lie. */
export interface MetadataPlace {
  readonly place: LakePlace;
  readonly table: AnyTableName;
  /** From the lake's root, with `/` at its end. */
  readonly folder: string;
  /** The lake's root as engines know it: an absolute path or an address, with `/` at its end. */
  readonly root: string;
}

/** The snapshot that a manifest is made for. */
export interface SnapshotIds {
  readonly id: number;
  readonly parent: number | null;
  readonly sequence: number;
}

/** An entry of a file that has come. */
export function addedEntry(
  root: string,
  table: AnyTableName,
  { path, rows, bytes, partition }: DataFile,
  statistics: FileStatistics,
  snapshot: number,
): Entry {
  const known = storedColumns(table).flatMap((column) => {
    const found = statistics.get(column.name);
    return found === undefined ? [] : [{ key: column.fieldId, type: column.type, ...found }];
  });
  const bounds = (side: "min" | "max") =>
    known.flatMap(({ key, type, nans, [side]: value }) =>
      // Some engines take NaN for greater than all numbers.
      value === null || side === "max" && nans !== 0 ? [] : [{ key, value: boundBytes(type, value) }]
    );
  const counts = (of: "nulls" | "nans") =>
    known.flatMap(({ key, [of]: value }) => value === null ? [] : [{ key, value: BigInt(value) }]);
  return {
    status: STATUS.added,
    snapshot_id: BigInt(snapshot),
    // Taken from the manifest by whoever reads it.
    sequence_number: null,
    file_sequence_number: null,
    data_file: {
      content: 0,
      file_path: root + path,
      file_format: "PARQUET",
      partition: Object.fromEntries(partitionKeys(table).map((key) => [key, partition[key] ?? null])),
      record_count: BigInt(rows),
      file_size_in_bytes: BigInt(bytes),
      value_counts: known.map(({ key }) => ({ key, value: BigInt(rows) })),
      null_value_counts: counts("nulls"),
      nan_value_counts: counts("nans"),
      lower_bounds: bounds("min"),
      upper_bounds: bounds("max"),
    },
  };
}

/** A bound as the specification has it: numbers with the lowest byte first. */
function boundBytes(type: ColumnType, value: number | bigint | string): Uint8Array {
  const bytes = Buffer.alloc(type === "int32" ? 4 : 8);
  switch (type) {
    case "utf8":
      return Buffer.from(String(value));
    case "int32":
      bytes.writeInt32LE(Number(value));
      return bytes;
    case "int64":
      bytes.writeBigInt64LE(BigInt(value));
      return bytes;
    case "float64":
      bytes.writeDoubleLE(Number(value));
      return bytes;
    case "bool":
      return Buffer.of(Number(value));
  }
}

/** Writes a manifest. @returns how a manifest list names it */
export async function writeManifest(
  { place, table, folder, root }: MetadataPlace,
  { id, sequence }: SnapshotIds,
  schemaId: number,
  entries: readonly Entry[],
): Promise<ManifestFile> {
  const metadata = {
    schema: JSON.stringify(icebergSchema(table, schemaId)),
    "schema-id": String(schemaId),
    "partition-spec": JSON.stringify(partitionFields(table)),
    "partition-spec-id": "0",
    "format-version": "2",
    content: "data",
  };
  const bytes = avroFile(manifestEntry(table), metadata, entries as unknown as readonly AvroValue[]);
  const path = `${folder}${randomUUID()}-m0.avro`;
  await createBytes(place, path, bytes);
  const of = (status: number) => entries.filter((entry) => entry.status === status);
  const rows = (status: number) => of(status).reduce((sum, entry) => sum + entry.data_file.record_count, 0n);
  const older = of(STATUS.existing).flatMap(({ sequence_number: found }) => found ?? []);
  return {
    manifest_path: root + path,
    manifest_length: BigInt(bytes.length),
    partition_spec_id: 0,
    content: 0,
    sequence_number: BigInt(sequence),
    min_sequence_number: older.reduce((least, found) => found < least ? found : least, BigInt(sequence)),
    added_snapshot_id: BigInt(id),
    added_files_count: of(STATUS.added).length,
    existing_files_count: of(STATUS.existing).length,
    deleted_files_count: of(STATUS.deleted).length,
    added_rows_count: rows(STATUS.added),
    existing_rows_count: rows(STATUS.existing),
    deleted_rows_count: rows(STATUS.deleted),
    partitions: partitionKeys(table).map((key) => partitionBounds(key, entries)),
  };
}

function partitionBounds(key: PartitionKey, entries: readonly Entry[]): AvroValue {
  // Bytes of UTF-8 order as engines order texts.
  const values = entries.flatMap(({ data_file: { partition } }) => {
    const value = partition[key];
    return value == null ? [] : [Buffer.from(value)];
  }).sort(Buffer.compare);
  return {
    contains_null: values.length < entries.length,
    contains_nan: false,
    lower_bound: values[0] ?? null,
    upper_bound: values.at(-1) ?? null,
  };
}

/** Writes the list of a snapshot's manifests. @returns where it lies */
export async function writeManifestList(
  { place, folder, root }: MetadataPlace,
  { id, parent, sequence }: SnapshotIds,
  manifests: readonly ManifestFile[],
): Promise<string> {
  const metadata = {
    "snapshot-id": String(id),
    "parent-snapshot-id": String(parent),
    "sequence-number": String(sequence),
    "format-version": "2",
  };
  const path = `${folder}snap-${id}-1-${randomUUID()}.avro`;
  await createBytes(
    place,
    path,
    avroFile(MANIFEST_FILE, metadata, manifests),
  );
  return root + path;
}

/** The manifests of a list. @param path as a snapshot names it */
export async function readManifestList(at: MetadataPlace, path: string): Promise<readonly ManifestFile[]> {
  return await readRecords(at, path) as unknown as readonly ManifestFile[];
}

/** The entries of a manifest that name files which stand, with the numbers that they take from the manifest. */
export async function readManifestEntries(
  at: MetadataPlace,
  manifest: ManifestFile,
): Promise<readonly Entry[]> {
  const entries = await readRecords(at, manifest.manifest_path) as unknown as readonly Entry[];
  return entries.filter(({ status }) => status !== STATUS.deleted).map((entry) => ({
    ...entry,
    snapshot_id: entry.snapshot_id ?? manifest.added_snapshot_id,
    sequence_number: entry.sequence_number ?? manifest.sequence_number,
    file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
  }));
}

async function readRecords({ place, root }: MetadataPlace, path: string): Promise<readonly AvroValue[]> {
  if (!path.startsWith(root)) {
    throw new Error(`${place.name}: found ${path} in its tables, required a path in ${root}`);
  }
  return avroRecords(await readBytes(place, path.slice(root.length)), path);
}
