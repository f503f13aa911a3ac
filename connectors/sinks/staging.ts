/** Names of what a sink leaves, and the folder in which it is made before it appears. */

import { createHash } from "node:crypto";
import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { show } from "../../src/model/errors.ts";
import type { ComparisonTableName } from "../../src/model/comparison-tables.ts";
import type { ComparisonHeader } from "../../src/model/comparison.ts";
import type { ModelHeader, RunHeader, WrittenFile } from "../../src/model/ports.ts";
import { SCHEMA_VERSION, type TableName } from "../../src/model/tables.ts";
import type { LakePlace } from "../lake/place.ts";

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
 * @example
 * import { encodeModelId } from "svrflow";
 *
 * console.log(`inflow/${encodeModelId("vgg/epoch-3")}.csv`); // inflow/vgg%2Fepoch-3.csv
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

/** The same of a comparison's files: `svrflow.model` is the other model. */
export function comparisonMetadata(
  run: RunHeader,
  { base, other, key }: ComparisonHeader,
  table: ComparisonTableName,
): Record<string, string> {
  return {
    "svrflow.schema_version": String(SCHEMA_VERSION),
    "svrflow.version": run.version,
    "svrflow.run_id": run.runId,
    "svrflow.base": base.id,
    "svrflow.model": other.id,
    "svrflow.key": key,
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

/** Whether files are a model's: a table without rows has none, and the table `models` always has a row. */
export function hasModel(files: readonly Pick<WrittenFile, "table">[]): boolean {
  return files.some(({ table }) => table === "models");
}

/** Whether a model's files stand where they were written, as long as they were. */
export async function filesStand(
  place: Pick<LakePlace, "sizeOf">,
  files: readonly WrittenFile[],
): Promise<boolean> {
  if (!hasModel(files)) return false;
  const sizes = await Promise.all(files.map(({ path }) => place.sizeOf(path)));
  return files.every(({ bytes }, at) => sizes[at] === bytes);
}
