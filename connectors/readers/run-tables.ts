/** Parquet tables in a lake, which is a run's own folder where it has no other: read back a row group at a time. */

import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { messageOf, show } from "../../src/model/errors.ts";
import { naturalOrder } from "../../src/model/natural-order.ts";
import {
  ALL_TABLES,
  type AnyTableName,
  COMPARISON_TABLE_NAMES,
  COMPARISON_TABLES,
} from "../../src/model/comparison-tables.ts";
import type { ComparisonBatches } from "../../src/model/comparison.ts";
import type { ModelHeader, WrittenFile } from "../../src/model/ports.ts";
import {
  batchOfRows,
  joinedBatches,
  type Row,
  SCHEMA_VERSION,
  type TableBatch,
  type TableName,
} from "../../src/model/tables.ts";
import { storedColumns } from "../../src/model/tables/stored-columns.ts";
import { type LakeComparison, readManifest } from "../lake/manifest.ts";
import type { LakePlace } from "../lake/place.ts";
import { encodeModelId } from "../sinks/staging.ts";

/** A model as its tables name it. */
export interface StoredModel {
  readonly header: ModelHeader;
  readonly runId: string;
  /** The folder that holds its files, below each table's. */
  readonly partition: string;
  /** As the manifest names them, none of a table without rows; where they are not given, the only file that each table has. */
  readonly files?: readonly WrittenFile[] | undefined;
}

/** Ours hold 128 Ki rows; a group is decoded whole, so a larger one from elsewhere might not fit memory. */
const LARGEST_GROUP = 2 ** 20;

/** Rows of one batch. */
const BATCH = 16 * 1024;

/**
 * The models whose tables lie in a lake, naturally sorted by their ids.
 *
 * @param only the id of the one that is wanted: no file of the others is opened, and there may be none of it
 * @throws {Error} when there is no table, or a model has no file in one, or several of which no manifest tells which count
 * @throws {SyntaxError} when a file is no table of this version; names it
 * @example
 * import { openLake, storedModels } from "svrflow";
 *
 * for (const { header } of await storedModels(await openLake("my-run"))) console.log(header.id, header.uri);
 */
export async function storedModels(place: LakePlace, only?: string): Promise<readonly StoredModel[]> {
  const folders = (await place.list("models/")).flatMap((path) =>
    /^models\/(model=[^/]+)\//.exec(path)?.[1] ?? []
  );
  const partitions = [...new Set(folders)];
  if (partitions.length === 0) {
    throw new Error(
      `${place.name}: found no Parquet tables, required the output folder of a run with the sink parquet (of one with a lake: --lake)`,
    );
  }
  const wanted = only === undefined ? null : `model=${encodeModelId(only)}`;
  const manifest = await readManifest(place);
  const models = await Promise.all(
    partitions.filter((each) => wanted === null || each === wanted).map(async (partition) => {
      const named = manifest?.models.find((model) => model.partition === partition);
      const files = named?.files;
      const [path = ""] = await pathsOf(place, "models", partition, files);
      const metadata = await withFile(
        place,
        path,
        (file) => openMetadata(file, `${place.name}/${path}`, "models"),
      );
      const said = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value ?? ""]));
      const [id = "", wrote = "", uri = "", format = ""] = ["model", "run_id", "uri", "format"].map((
        name,
      ) => said.get(`svrflow.${name}`));
      // A file that would have been the same again stands since an earlier run.
      const runId = named?.run_id ?? wrote;
      if (partition !== `model=${encodeModelId(id)}`) {
        throw new SyntaxError(
          `${place.name}/${path}: found model ${show(id)}, required that of its folder ${partition}`,
        );
      }
      const series = said.get("svrflow.series");
      const step = said.get("svrflow.step");
      const member = {
        ...series === undefined ? {} : { series },
        ...step === undefined ? {} : { step: Number(step) },
      };
      const header = { id, uri, format, key: "", ...member };
      return { header, runId, partition, files };
    }),
  );
  return models.sort((a, b) => naturalOrder(a.header.id, b.header.id));
}

/**
 * The rows of one table of a model, in order.
 *
 * @throws {SyntaxError} when the file is no such table; names the file
 * @example
 * import { openLake, readTable, storedModels } from "svrflow";
 *
 * const lake = await openLake("my-run");
 * for (const model of await storedModels(lake)) {
 *   let rows = 0;
 *   for await (const batch of readTable(lake, model, "edges")) rows += batch.rows;
 *   console.log(model.header.id, rows);
 * }
 */
export async function* readTable(
  place: LakePlace,
  { partition, files }: StoredModel,
  table: TableName,
): AsyncGenerator<TableBatch, void> {
  for (const path of await pathsOf(place, table, partition, files)) {
    const file = await opened(place, path);
    try {
      yield* rowsOf(file.buffer, `${place.name}/${path}`, table);
    } finally {
      await file.close();
    }
  }
}

/**
 * The rows of a comparison.
 *
 * @throws {SyntaxError} when a file is no such table; names the file
 */
export async function readComparison(
  place: LakePlace,
  { files }: LakeComparison,
): Promise<ComparisonBatches> {
  const read = async (table: (typeof COMPARISON_TABLE_NAMES)[number]) => {
    const batches: TableBatch[] = [];
    for (const { path } of files.filter((file) => file.table === table)) {
      const { buffer, close } = await opened(place, path);
      try {
        for await (const batch of rowsOf(buffer, `${place.name}/${path}`, table)) batches.push(batch);
      } finally {
        await close();
      }
    }
    return joinedBatches(COMPARISON_TABLES[table], batches);
  };
  const tables: Partial<Record<AnyTableName, TableBatch>> = {};
  for (const table of COMPARISON_TABLE_NAMES) tables[table] = await read(table);
  return tables as ComparisonBatches;
}

async function* rowsOf(
  file: AsyncBuffer,
  path: string,
  table: AnyTableName,
): AsyncGenerator<TableBatch, void> {
  const metadata = await openMetadata(file, path, table);
  const columns = ALL_TABLES[table].map(({ name }) => name);
  let rowStart = 0;
  for (const [at, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    if (!(rows >= 0 && rows <= LARGEST_GROUP)) {
      throw new SyntaxError(
        `${path}, row group ${at}: found ${rows} rows, required at most ${LARGEST_GROUP}`,
      );
    }
    const rowEnd = rowStart + rows;
    const objects = await inFile(
      path,
      () => parquetReadObjects({ file, metadata, columns, rowStart, rowEnd }),
    ) as Row[];
    if (objects.length !== rows) {
      throw new SyntaxError(`${path}, row group ${at}: found ${objects.length} rows, required ${rows}`);
    }
    for (let from = 0; from < rows; from += BATCH) {
      yield await inFile(path, () => batchOfRows(ALL_TABLES[table], objects.slice(from, from + BATCH)));
    }
    rowStart = rowEnd;
  }
}

/**
 * Paths in the lake of the files of one table of a model, in the order of their rows; none where it has no rows.
 *
 * @throws {Error} when no manifest names them, and there is none or several
 * @example
 * import { openLake, storedModels, tablePaths } from "svrflow";
 *
 * const lake = await openLake("my-run");
 * for (const model of await storedModels(lake)) console.log(await tablePaths(lake, model, "edges"));
 */
export function tablePaths(
  place: LakePlace,
  { partition, files }: StoredModel,
  table: TableName,
): Promise<readonly string[]> {
  return pathsOf(place, table, partition, files);
}

/** In the order of their rows. */
async function pathsOf(
  place: LakePlace,
  table: TableName,
  partition: string,
  files: StoredModel["files"],
): Promise<readonly string[]> {
  const named = files ??
    (await readManifest(place))?.models.find((model) => model.partition === partition)?.files;
  if (named === undefined) return [await onlyFileOf(place, table, partition)];
  return named.flatMap((file) => file.table === table ? [file.path] : []);
}

async function onlyFileOf(place: LakePlace, table: TableName, partition: string): Promise<string> {
  const folder = `${table}/${partition}/`;
  const files = (await place.list(folder)).filter((path) =>
    /^part-[^/]*\.parquet$/.test(path.slice(folder.length))
  );
  const [only] = files;
  if (only === undefined || files.length > 1) {
    throw new Error(
      `${place.name}/${folder}: found ${files.length} Parquet files, required one, or a _manifest.json that names them`,
    );
  }
  return only;
}

/** Failures to read, which say nothing of what is in the file. */
const unread = new WeakSet<Error>();

/** A file of a lake as hyparquet reads it. */
async function opened(
  place: LakePlace,
  path: string,
): Promise<{ readonly buffer: AsyncBuffer; readonly close: () => Promise<void> }> {
  const file = await place.open(path);
  if (file === null) {
    throw new Error(`${place.name}/${path}: found no such file, required the one that is recorded`);
  }
  const { bytes } = file;
  const buffer: AsyncBuffer = {
    byteLength: bytes,
    slice: async (start, end = bytes) => {
      try {
        return (await file.slice(start, end)).buffer;
      } catch (cause) {
        if (cause instanceof Error) unread.add(cause);
        throw cause;
      }
    },
  };
  return { buffer, close: () => file.close() };
}

async function withFile<T>(
  place: LakePlace,
  path: string,
  work: (file: AsyncBuffer) => Promise<T>,
): Promise<T> {
  const { buffer, close } = await opened(place, path);
  return await work(buffer).finally(close);
}

async function openMetadata(file: AsyncBuffer, path: string, table: AnyTableName): Promise<FileMetaData> {
  const metadata = await inFile(path, () => parquetMetadataAsync(file));
  const version = metadata.key_value_metadata?.find(({ key }) => key === "svrflow.schema_version")?.value;
  if (version !== String(SCHEMA_VERSION)) {
    throw new SyntaxError(
      `${path}: found svrflow.schema_version ${
        show(version)
      }, required "${SCHEMA_VERSION}"; run the model again`,
    );
  }
  const found = metadata.schema.slice(1).map(({ name }) => name);
  const required = storedColumns(table).map(({ name }) => name);
  if (found.join() !== required.join()) {
    throw new SyntaxError(`${path}: found columns ${show(found)}, required ${required.join(", ")}`);
  }
  return metadata;
}

async function inFile<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && unread.has(cause)) throw cause;
    throw new SyntaxError(`${path}: ${messageOf(cause)}`, { cause });
  }
}
