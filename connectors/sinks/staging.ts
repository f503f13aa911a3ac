/** Files that appear whole or not at all: written aside, moved into place by an atomic rename. */

import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, show } from "../../src/model/errors.ts";
import type { ModelHeader, ModelSink, RunHeader, Sink, WrittenFile } from "../../src/model/ports.ts";
import { SCHEMA_VERSION, TABLE_NAMES, type TableBatch, type TableName } from "../../src/model/tables.ts";

/** File systems allow 255 bytes in a name; `model=` and temporary suffixes need some. */
const LONGEST_NAME = 200;

/** Every neuron of the graph repeats its model's id: longer ones would be most of what a store holds. */
const LONGEST_ID = 16 * 1024;

/**
 * A model id as a folder name: percent-encoded wherever a file system, a shell or a Hive reader could stumble.
 *
 * A name that would be longer than 200 bytes is cut, and `~` and the id's SHA-256 follow; no other name holds a `~`, so
 * names differ where ids do. The whole id of a cut one stands in the metadata of each table file (`svrflow.model`), in
 * `run.json` and in the graph.
 *
 * @returns 1 to 200 ASCII characters, none of them a slash
 * @throws {RangeError} when the id is empty, longer than 16 KiB in UTF-8, or holds half a surrogate pair
 */
export function encodeModelId(id: string): string {
  const bytes = Buffer.byteLength(id);
  if (bytes === 0 || bytes > LONGEST_ID) {
    throw new RangeError(`model id ${show(id)}: found ${bytes} bytes, required 1 to ${LONGEST_ID}`);
  }
  if (!id.isWellFormed()) {
    throw new RangeError(`model id ${show(id)}: found half a surrogate pair, required whole characters`);
  }
  const percent = (text: string) =>
    [...text].map((c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).join("");
  const encoded = encodeURIComponent(id).replaceAll(/[!'()*~]/g, percent)
    .replaceAll(/^\.+/g, percent)
    // Hive readers take these partitions for null.
    .replaceAll(/^(?:null|__HIVE_DEFAULT_PARTITION__)$/gi, (word) => percent(word[0]!) + word.slice(1));
  if (encoded.length <= LONGEST_NAME) return encoded;
  const digest = createHash("sha256").update(id).digest("hex");
  return `${wholeCharacters(encoded, LONGEST_NAME - 1 - digest.length)}~${digest}`;
}

/** The beginning of a percent-encoded text, at most `length` characters long, that decodes: no character is cut in two. */
function wholeCharacters(encoded: string, length: number): string {
  let end = 0;
  for (const { 0: character, index } of encoded.matchAll(/%[0-7C-F][0-9A-F](?:%[89AB][0-9A-F])*|[^%]/g)) {
    if (index + character.length > length) break;
    end = index + character.length;
  }
  return encoded.slice(0, end);
}

/** A table file that is being written. */
export interface TableFile {
  readonly rows: number;
  write(batch: TableBatch): Promise<void>;
  /** Completes the file. @returns its bytes */
  close(): Promise<number>;
  abandon(): Promise<void>;
}

/** How a format writes table files. */
export interface TableFormat {
  readonly name: string;
  /** With the dot. */
  readonly extension: string;
  /** Folder of the tables within the output folder, `.` for the folder itself. */
  readonly root: string;
  create(path: string, table: TableName, metadata: Readonly<Record<string, string>>): Promise<TableFile>;
}

/** The key-value metadata of every table file. */
export function tableMetadata(run: RunHeader, model: ModelHeader, table: TableName): Record<string, string> {
  return {
    "svrflow.schema_version": String(SCHEMA_VERSION),
    "svrflow.version": run.version,
    "svrflow.run_id": run.runId,
    "svrflow.model": model.id,
    "svrflow.uri": model.uri,
    "svrflow.format": model.format,
    ...model.series === undefined ? {} : { "svrflow.series": model.series },
    ...model.step === undefined ? {} : { "svrflow.step": String(model.step) },
    "svrflow.table": table,
  };
}

/** Folder for a sink's unfinished files. In the output folder, so that a rename stays within one file system. */
export function stagingFolder(run: RunHeader, sink: string): string {
  return join(run.out, `.staging-${run.runId}`, sink);
}

/** Removes a staging folder, and its parent when that was the last one in it. */
export async function removeStaging(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  // Another sink may still stage beside; then the parent stays.
  await rmdir(dirname(folder)).catch(() => undefined);
}

/** Whether files stand where they were written, as long as they were: at least one of each table. */
export async function filesStand(out: string, files: readonly WrittenFile[]): Promise<boolean> {
  if (!TABLE_NAMES.every((name) => files.some(({ table }) => table === name))) return false;
  const sizes = await Promise.all(
    files.map(({ path }) => stat(join(out, path)).then(({ size }) => size, () => null)),
  );
  return files.every(({ bytes }, at) => sizes[at] === bytes);
}

/** A sink of Hive-partitioned table files: `<root>/<table>/model=<id>/part-<key><extension>`. */
export async function openTableSink(format: TableFormat, run: RunHeader): Promise<Sink> {
  const staging = stagingFolder(run, format.name);
  await mkdir(staging, { recursive: true });
  return {
    name: format.name,
    begin: (model) => beginModel(format, run, staging, model),
    holds: ({ files }) =>
      filesStand(
        run.out,
        files.filter(({ path }) =>
          path.endsWith(format.extension) && (format.root === "." || path.startsWith(`${format.root}/`))
        ),
      ),
    finish: () => removeStaging(staging),
    abort: () => removeStaging(staging),
  };
}

async function beginModel(
  format: TableFormat,
  run: RunHeader,
  staging: string,
  model: ModelHeader,
): Promise<ModelSink> {
  const partition = `model=${encodeModelId(model.id)}`;
  const name = `part-${model.key.slice(0, 16)}${format.extension}`;
  const folder = join(staging, partition);
  await mkdir(folder, { recursive: true });
  const files = new Map<TableName, TableFile>();
  const fileOf = async (table: TableName) => {
    const open = files.get(table) ??
      await format.create(
        join(folder, `${table}${format.extension}`),
        table,
        tableMetadata(run, model, table),
      );
    files.set(table, open);
    return open;
  };
  return {
    async write(table, batch) {
      await (await fileOf(table)).write(batch);
    },
    async commit() {
      const written: WrittenFile[] = [];
      // All files are complete before the first appears. A table without rows leaves a file too, so that globs find it.
      for (const table of TABLE_NAMES) {
        const file = await fileOf(table);
        const path = [...format.root === "." ? [] : [format.root], table, partition, name].join("/");
        written.push({ path, table, rows: file.rows, bytes: await file.close() });
      }
      for (const { path, table } of written) {
        await moveIntoPlace(join(folder, `${table}${format.extension}`), join(run.out, path));
      }
      await rm(folder, { recursive: true, force: true });
      return written;
    },
    async abort() {
      await Promise.allSettled([...files.values()].map((file) => file.abandon()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Renames, then removes what an earlier run with other settings left of the same model and table. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  const folder = dirname(to);
  try {
    await mkdir(folder, { recursive: true });
    await rename(from, to);
  } catch (cause) {
    throw new Error(`${to}: cannot be written: ${messageOf(cause)}`, { cause });
  }
  for (const name of await readdir(folder)) {
    if (name.startsWith("part-") && join(folder, name) !== to) await rm(join(folder, name), { force: true });
  }
}
