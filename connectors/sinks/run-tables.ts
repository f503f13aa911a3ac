/** The Parquet tables of a run, read back a row group at a time. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { codeOf, messageOf, show } from "../../src/model/errors.ts";
import type { ModelHeader, WrittenFile } from "../../src/model/ports.ts";
import {
  batchOfRows,
  type Row,
  SCHEMA_VERSION,
  type TableBatch,
  type TableName,
  TABLES,
} from "../../src/model/tables.ts";
import { folderLake } from "../lake/folder.ts";
import { readManifest } from "../lake/manifest.ts";
import { encodeModelId } from "./staging.ts";

/** A model as its tables name it. */
export interface StoredModel {
  readonly header: ModelHeader;
  readonly runId: string;
  /** The folder that holds its files, below each table's. */
  readonly partition: string;
  /** As the manifest names them; where they are not given, the only file that each table has. */
  readonly files?: readonly WrittenFile[] | undefined;
}

/** Ours hold 128 Ki rows; a group is decoded whole, so a larger one from elsewhere might not fit memory. */
const LARGEST_GROUP = 2 ** 20;

/** Rows of one batch. */
const BATCH = 16 * 1024;

/**
 * The models whose tables lie in an output folder, by name of their folders.
 *
 * @throws {Error} when there is no table, or a model has no file in one, or several of which no manifest tells which count
 * @throws {SyntaxError} when a file is no table of this version; names it
 */
export async function storedModels(out: string): Promise<readonly StoredModel[]> {
  const folders = await namesIn(join(out, "layers"));
  const partitions = folders.filter((name) => name.startsWith("model=")).sort();
  if (partitions.length === 0) {
    throw new Error(
      `${out}: found no Parquet tables, required the output folder of a run with the sink parquet`,
    );
  }
  const manifest = await readManifest(folderLake(out));
  return await Promise.all(partitions.map(async (partition) => {
    const named = manifest?.models.find((model) => model.partition === partition);
    const files = named?.files;
    const [path = ""] = await pathsOf(out, "layers", partition, files);
    const metadata = await openMetadata(path, "layers");
    const said = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value ?? ""]));
    const [id = "", wroteLayers = "", uri = "", format = ""] = ["model", "run_id", "uri", "format"].map((
      name,
    ) => said.get(`svrflow.${name}`));
    // A file that would have been the same again stands since an earlier run.
    const runId = named?.run_id ?? wroteLayers;
    if (partition !== `model=${encodeModelId(id)}`) {
      throw new SyntaxError(`${path}: found model ${show(id)}, required that of its folder ${partition}`);
    }
    const series = said.get("svrflow.series");
    const step = said.get("svrflow.step");
    const place = {
      ...series === undefined ? {} : { series },
      ...step === undefined ? {} : { step: Number(step) },
    };
    const header = { id, uri, format, key: "", ...place };
    return { header, runId, partition, files };
  }));
}

/**
 * The rows of one table of a model, in order.
 *
 * @throws {SyntaxError} when the file is no such table; names the file
 */
export async function* readTable(
  out: string,
  { partition, files }: StoredModel,
  table: TableName,
): AsyncGenerator<TableBatch, void> {
  for (const path of await pathsOf(out, table, partition, files)) yield* readFileOf(path, table);
}

async function* readFileOf(path: string, table: TableName): AsyncGenerator<TableBatch, void> {
  const metadata = await openMetadata(path, table);
  const file = await asyncBufferFromFile(path);
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
      () => parquetReadObjects({ file, metadata, rowStart, rowEnd }),
    ) as Row[];
    if (objects.length !== rows) {
      throw new SyntaxError(`${path}, row group ${at}: found ${objects.length} rows, required ${rows}`);
    }
    for (let from = 0; from < rows; from += BATCH) {
      yield await inFile(path, () => batchOfRows(TABLES[table], objects.slice(from, from + BATCH)));
    }
    rowStart = rowEnd;
  }
}

/** In the order of their rows. */
async function pathsOf(
  out: string,
  table: TableName,
  partition: string,
  files: StoredModel["files"],
): Promise<readonly string[]> {
  const named = files ??
    (await readManifest(folderLake(out)))?.models.find((model) => model.partition === partition)?.files;
  if (named === undefined) return [await onlyFileOf(out, table, partition)];
  return named.flatMap((file) => file.table === table ? [join(out, file.path)] : []);
}

async function onlyFileOf(out: string, table: TableName, partition: string): Promise<string> {
  const folder = join(out, table, partition);
  const files = (await namesIn(folder)).filter((name) => /^part-.*\.parquet$/.test(name));
  const [only] = files;
  if (only === undefined || files.length > 1) {
    throw new Error(
      `${folder}: found ${files.length} Parquet files, required one, or a _manifest.json that names them`,
    );
  }
  return join(folder, only);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return [];
    throw cause;
  }
}

async function openMetadata(path: string, table: TableName): Promise<FileMetaData> {
  const metadata = await inFile(
    path,
    async () => await parquetMetadataAsync(await asyncBufferFromFile(path)),
  );
  const version = metadata.key_value_metadata?.find(({ key }) => key === "svrflow.schema_version")?.value;
  if (version !== String(SCHEMA_VERSION)) {
    throw new SyntaxError(
      `${path}: found svrflow.schema_version ${
        show(version)
      }, required "${SCHEMA_VERSION}"; run the model again`,
    );
  }
  const found = metadata.schema.slice(1).map(({ name }) => name);
  const required = TABLES[table].map(({ name }) => name);
  if (found.join() !== required.join()) {
    throw new SyntaxError(`${path}: found columns ${show(found)}, required ${required.join(", ")}`);
  }
  return metadata;
}

async function inFile<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new SyntaxError(`${path}: ${messageOf(cause)}`, { cause });
  }
}
