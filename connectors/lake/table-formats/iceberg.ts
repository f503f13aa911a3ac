/**
 * A table of a lake as an Iceberg table (format version 2): its metadata in `_iceberg/<table>/metadata/`, which names the files where they
 * lie. Beside the files it would be in the way of engines that read whatever a folder holds.
 */

import { randomInt, randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { AnyTableName } from "../../../src/model/comparison-tables.ts";
import { show } from "../../../src/model/errors.ts";
import { isBucket } from "../open.ts";
import type { LakePlace } from "../place.ts";
import {
  addedEntry,
  type Entry,
  type ManifestFile,
  type MetadataPlace,
  readManifestEntries,
  readManifestList,
  STATUS,
  writeManifest,
  writeManifestList,
} from "./iceberg-manifests.ts";
import { icebergSchema, partitionFields } from "./iceberg-schemas.ts";
import { createText } from "./new-files.ts";
import type { Commit, Committed } from "./table-version.ts";

/** The folder of Iceberg's tables in a lake. */
export const ICEBERG_FOLDER = "_iceberg";

/** Ids fit JSON's numbers. */
const LARGEST_ID = 2 ** 47;

interface Snapshot {
  readonly "snapshot-id": number;
  readonly "sequence-number": number;
  readonly "timestamp-ms": number;
  readonly "manifest-list": string;
  readonly [name: string]: unknown;
}

interface Metadata {
  readonly location: string;
  readonly "table-uuid": string;
  readonly "last-sequence-number": number;
  readonly "last-updated-ms": number;
  readonly "current-schema-id": number;
  readonly "current-snapshot-id": number;
  readonly schemas: readonly ReturnType<typeof icebergSchema>[];
  readonly snapshots: readonly Snapshot[];
  readonly "snapshot-log": readonly unknown[];
  readonly "metadata-log": readonly unknown[];
  readonly [name: string]: unknown;
}

/** A manifest of the current snapshot, with its files. */
interface ReadManifest {
  readonly manifest: ManifestFile;
  readonly entries: readonly Entry[];
}

/**
 * Adds a snapshot to a table: files that have come and files that have gone since the last one. Where nothing has changed, nothing is
 * written.
 *
 * @throws {Error} when the version is there already (somebody was faster), or the lake has moved since the table was made
 */
export async function commitIceberg(commit: Commit): Promise<Committed> {
  const { place, table, footers, runId } = commit;
  const at = metadataPlace(place, table);
  const { version, metadata } = await readMetadata(at);
  const location = locationOf(at.root, table);
  if (metadata !== null && metadata.location !== location) {
    throw new Error(
      `${place.name}/${versionPath(at, version)}: found location ${show(metadata.location)}, required ${
        show(location)
      }: Iceberg's tables do not move with a lake; remove ${ICEBERG_FOLDER} and make them again`,
    );
  }
  const files = await commit.files();
  const current = metadata?.snapshots.find((each) => each["snapshot-id"] === metadata["current-snapshot-id"]);
  const manifests = current === undefined ? [] : await readSnapshot(at, current);
  const wanted = new Set(files.map(({ path }) => at.root + path));
  const live = new Set(manifests.flatMap(({ entries }) => entries.map((entry) => entry.data_file.file_path)));
  const added = files.filter(({ path }) => !live.has(at.root + path));
  const removed = [...live].filter((path) => !wanted.has(path)).length;
  const result = { version, added: added.length, removed };
  const schemas = schemasOf(metadata, table);
  const schemaId = schemas.at(-1)!["schema-id"];
  if (metadata !== null && added.length + removed === 0 && schemas.length === metadata.schemas.length) {
    return { ...result, changed: false };
  }
  const sequence = (metadata?.["last-sequence-number"] ?? 0) + 1;
  const now = Math.max(Date.now(), (metadata?.["last-updated-ms"] ?? 0) + 1);
  const ids = { id: randomInt(1, LARGEST_ID), parent: current?.["snapshot-id"] ?? null, sequence };
  const kept: ManifestFile[] = [];
  for (const { manifest, entries } of manifests) {
    if (entries.every((entry) => wanted.has(entry.data_file.file_path))) {
      if (entries.length > 0) kept.push(manifest);
      continue;
    }
    const changed = entries.map((entry): Entry =>
      wanted.has(entry.data_file.file_path)
        ? { ...entry, status: STATUS.existing }
        : { ...entry, status: STATUS.deleted, snapshot_id: BigInt(ids.id) }
    );
    kept.push(await writeManifest(at, ids, schemaId, changed));
  }
  if (added.length > 0) {
    const entries = await Promise.all(
      added.map(async (file) => addedEntry(at.root, table, file, await footers.of(table, file), ids.id)),
    );
    kept.push(await writeManifest(at, ids, schemaId, entries));
  }
  const operation = removed === 0 ? "append" : added.length === 0 ? "delete" : "overwrite";
  const snapshot: Snapshot = {
    "snapshot-id": ids.id,
    ...ids.parent === null ? {} : { "parent-snapshot-id": ids.parent },
    "sequence-number": sequence,
    "timestamp-ms": now,
    "manifest-list": await writeManifestList(at, ids, kept),
    summary: {
      operation,
      "added-data-files": String(added.length),
      "deleted-data-files": String(removed),
      "total-data-files": String(files.length),
      "total-records": String(files.reduce((sum, { rows }) => sum + rows, 0)),
      "total-files-size": String(files.reduce((sum, { bytes }) => sum + bytes, 0)),
      ...runId === null ? {} : { "svrflow.run-id": runId },
    },
    "schema-id": schemaId,
  };
  const next = nextMetadata(at, table, { version, metadata }, schemas, snapshot);
  await createText(place, versionPath(at, version + 1), `${JSON.stringify(next, null, 1)}\n`);
  // Some readers look for the version here, and for later ones from here on.
  await place.replaceText(
    `${at.folder}version-hint.text`,
    (before) => String(Math.max(version + 1, Number.parseInt(before ?? "0") || 0)),
  );
  return { ...result, version: version + 1, changed: true };
}

function nextMetadata(
  { root, folder }: MetadataPlace,
  table: AnyTableName,
  { version, metadata }: { readonly version: number; readonly metadata: Metadata | null },
  schemas: Metadata["schemas"],
  snapshot: Snapshot,
): Metadata {
  const ids = schemas.flatMap(({ fields }) => fields.map(({ id }) => id));
  const stamp = { "timestamp-ms": snapshot["timestamp-ms"] };
  return {
    "format-version": 2,
    "table-uuid": metadata?.["table-uuid"] ?? randomUUID(),
    location: locationOf(root, table),
    "last-sequence-number": snapshot["sequence-number"],
    "last-updated-ms": snapshot["timestamp-ms"],
    "last-column-id": Math.max(...ids),
    "current-schema-id": schemas.at(-1)!["schema-id"],
    schemas,
    "default-spec-id": 0,
    "partition-specs": [{ "spec-id": 0, fields: partitionFields(table) }],
    "last-partition-id": partitionFields(table).at(-1)!["field-id"],
    "default-sort-order-id": 0,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    // Files stand for as long as a snapshot names them: what engines clean up would be missing in the lake.
    properties: { "gc.enabled": "false", "write.parquet.compression-codec": "snappy" },
    "current-snapshot-id": snapshot["snapshot-id"],
    refs: { main: { "snapshot-id": snapshot["snapshot-id"], type: "branch" } },
    snapshots: [...metadata?.snapshots ?? [], snapshot],
    "snapshot-log": [...metadata?.["snapshot-log"] ?? [], {
      "snapshot-id": snapshot["snapshot-id"],
      ...stamp,
    }],
    "metadata-log": metadata === null ? [] : [
      ...metadata["metadata-log"],
      {
        "timestamp-ms": metadata["last-updated-ms"],
        "metadata-file": `${root}${folder}v${version}.metadata.json`,
      },
    ],
  };
}

/** All schemas that the table has had, the current one last. */
function schemasOf(metadata: Metadata | null, table: AnyTableName): Metadata["schemas"] {
  const before = metadata?.schemas ?? [];
  const last = before.find((each) => each["schema-id"] === metadata?.["current-schema-id"]);
  const says = (schema: Metadata["schemas"][number]) =>
    JSON.stringify(schema.fields.map(({ id, name, type }) => [id, name, type]));
  const next = icebergSchema(table, before.length);
  return last !== undefined && says(last) === says(next) ? before : [...before, next];
}

/** Paths, from the lake's root, of all files that any snapshot of a table names. Of a lake that has moved too: its files have moved with it. */
export async function namedByIceberg(place: LakePlace, table: AnyTableName): Promise<ReadonlySet<string>> {
  const here = metadataPlace(place, table);
  const { metadata } = await readMetadata(here);
  const suffix = locationOf("", table);
  const at = metadata?.location.endsWith(`/${suffix}`)
    ? { ...here, root: metadata.location.slice(0, -suffix.length) }
    : here;
  const read = new Set<string>();
  const named = new Set<string>();
  for (const { "manifest-list": list } of metadata?.snapshots ?? []) {
    for (const manifest of await readManifestList(at, list)) {
      if (read.has(manifest.manifest_path)) continue;
      read.add(manifest.manifest_path);
      for (const { data_file: { file_path: path } } of await readManifestEntries(at, manifest)) {
        named.add(path.slice(at.root.length));
      }
    }
  }
  return named;
}

async function readSnapshot(at: MetadataPlace, snapshot: Snapshot): Promise<readonly ReadManifest[]> {
  const manifests = await readManifestList(at, snapshot["manifest-list"]);
  return await Promise.all(
    manifests.map(async (manifest) => ({ manifest, entries: await readManifestEntries(at, manifest) })),
  );
}

function metadataPlace(place: LakePlace, table: AnyTableName): MetadataPlace {
  const root = isBucket(place.name) ? place.name : resolve(place.name);
  return {
    place,
    table,
    folder: `${ICEBERG_FOLDER}/${table}/metadata/`,
    root: `${root.replace(/\/+$/, "")}/`,
  };
}

const locationOf = (root: string, table: AnyTableName) => `${root}${ICEBERG_FOLDER}/${table}`;

const versionPath = ({ folder }: MetadataPlace, version: number) => `${folder}v${version}.metadata.json`;

/** The newest metadata of a table, and its number, from 1 on; null and 0 where there is no table. */
async function readMetadata(
  at: MetadataPlace,
): Promise<{ readonly version: number; readonly metadata: Metadata | null }> {
  const { place, folder } = at;
  const versions = (await place.list(folder)).map((path) =>
    Number(/^v(\d{1,9})\.metadata\.json$/.exec(path.slice(folder.length))?.[1] ?? 0)
  );
  const version = Math.max(0, ...versions);
  if (version === 0) return { version, metadata: null };
  const path = versionPath(at, version);
  let metadata: Metadata;
  try {
    metadata = JSON.parse(await place.readText(path) ?? "") as Metadata;
  } catch (cause) {
    throw new SyntaxError(`${place.name}/${path}: found no JSON, required the metadata of a table`, {
      cause,
    });
  }
  return { version, metadata };
}
