/**
 * `_manifest.json` at a lake's root: every model in the lake, and every file of it with its rows, bytes and digest. It is replaced when a
 * model's files are there and before the older ones go: who reads a model's files by it never sees half a model.
 */

import { createHash } from "node:crypto";
import { messageOf, show } from "../../src/model/errors.ts";
import { naturalOrder } from "../../src/model/natural-order.ts";
import type { ModelHeader, RunHeader, WrittenFile } from "../../src/model/ports.ts";
import { type AnyTableName, COMPARISON_TABLE_NAMES } from "../../src/model/comparison-tables.ts";
import { SCHEMA_VERSION, TABLE_NAMES } from "../../src/model/tables.ts";
import { otherSource, samePlace } from "../places/identity.ts";
import { encodeModelId } from "../sinks/staging.ts";
import type { LakePlace } from "./place.ts";

/** Readers that take folders of files (Spark, Hive, DuckDB's globs) pass over names that begin with `_`. */
export const MANIFEST = "_manifest.json";

/** Of the manifest itself; the tables have their own. */
const MANIFEST_VERSION = 1;

/** A model in the lake. */
export interface LakeModel {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  /** Of the run that wrote it, its version and that of its tables. */
  readonly run_id: string;
  readonly version: string;
  readonly schema_version: number;
  /** Of its content and settings. */
  readonly key: string;
  /** `model=<encoded id>`: the folder within each table's. */
  readonly partition: string;
  /** In the order of their rows. */
  readonly files: readonly WrittenFile[];
}

/** A comparison in the lake: of a base with another model. Neither need be in the lake. */
export interface LakeComparison {
  readonly base: string;
  readonly other: string;
  readonly base_uri: string;
  readonly other_uri: string;
  /** Digests of what was compared. */
  readonly base_content: string;
  readonly other_content: string;
  /** Of both and of the comparison's settings. */
  readonly key: string;
  readonly run_id: string;
  readonly version: string;
  readonly schema_version: number;
  /** `model=<the other, encoded>/base=<the base, encoded>`: the folder within each table's. */
  readonly partition: string;
  readonly files: readonly WrittenFile[];
}

/** `_manifest.json`. */
export interface Manifest {
  readonly manifest_version: typeof MANIFEST_VERSION;
  readonly models: readonly LakeModel[];
  readonly comparisons: readonly LakeComparison[];
}

/**
 * Parses a manifest, which anybody may have written: no path in it leads out of its model's folders.
 *
 * @throws {SyntaxError} when it is none; names the place and what is required
 */
export function parseManifest(text: string, name: string): Manifest {
  const refuse = (where: string, found: unknown, required: string): never => {
    throw new SyntaxError(`${name}${where}: found ${show(found)}, required ${required}`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`${name}: ${messageOf(cause)}`, { cause });
  }
  if (!isRecord(value) || !Array.isArray(value["models"])) return refuse("", value, "an object with models");
  if (value["manifest_version"] !== MANIFEST_VERSION) {
    return refuse(", manifest_version", value["manifest_version"], String(MANIFEST_VERSION));
  }
  const seen = new Set<string>();
  /** What models and comparisons have alike. @param partitionOf of the texts that name it */
  const entry = (
    value: unknown,
    where: string,
    tables: readonly AnyTableName[],
    partitionOf: (text: (key: string) => string) => string,
  ) => {
    if (!isRecord(value)) return refuse(where, value, "an object");
    const text = (key: string) => {
      const found = value[key];
      return typeof found === "string" ? found : refuse(`${where}, ${key}`, found, "text");
    };
    const schema = value["schema_version"];
    if (typeof schema !== "number") return refuse(`${where}, schema_version`, schema, "a number");
    const partition = partitionOf(text);
    if (value["partition"] !== partition) refuse(`${where}, partition`, value["partition"], show(partition));
    if (seen.has(partition)) refuse(where, partition, "each model once, and each pair of models once");
    seen.add(partition);
    const files = value["files"];
    if (!Array.isArray(files)) return refuse(`${where}, files`, files, "a list");
    return {
      text,
      partition,
      key: text("key"),
      run_id: text("run_id"),
      version: text("version"),
      schema_version: schema,
      files: files.map((file: unknown, index) =>
        fileOf(file, partition, tables) ??
          refuse(`${where}, file ${index}`, file, `a Parquet file of ${partition}`)
      ),
    };
  };
  const models = value["models"].map((model: unknown, at): LakeModel => {
    const { text, ...found } = entry(
      model,
      `, model ${at}`,
      TABLE_NAMES,
      (text) => `model=${encodeModelId(text("id"))}`,
    );
    return { id: text("id"), uri: text("uri"), format: text("format"), ...found };
  });
  const compared = value["comparisons"] ?? [];
  if (!Array.isArray(compared)) return refuse(", comparisons", compared, "a list");
  const comparisons = compared.map((comparison: unknown, at): LakeComparison => {
    const { text, ...found } = entry(
      comparison,
      `, comparison ${at}`,
      COMPARISON_TABLE_NAMES,
      (text) => comparisonPartition(text("base"), text("other")),
    );
    return {
      base: text("base"),
      other: text("other"),
      base_uri: text("base_uri"),
      other_uri: text("other_uri"),
      base_content: text("base_content"),
      other_content: text("other_content"),
      ...found,
    };
  });
  return { manifest_version: MANIFEST_VERSION, models, comparisons };
}

/** The folder of a comparison within each table's. */
export function comparisonPartition(base: string, other: string): string {
  return `model=${encodeModelId(other)}/base=${encodeModelId(base)}`;
}

function fileOf(file: unknown, partition: string, tables: readonly AnyTableName[]): WrittenFile | null {
  if (!isRecord(file)) return null;
  const { path, rows, bytes, sha256 } = file;
  const table = tables.find((name) => name === file["table"]);
  const counts = [rows, bytes].every((count) => Number.isSafeInteger(count) && Number(count) >= 0);
  if (table === undefined || typeof path !== "string" || typeof sha256 !== "string" || !counts) return null;
  const prefix = `${table}/${partition}/`;
  const fits = path.startsWith(prefix) && FILE_NAME.test(path.slice(prefix.length));
  return fits && /^[0-9a-f]{64}$/.test(sha256)
    ? { path, table, rows: Number(rows), bytes: Number(bytes), sha256 }
    : null;
}

/** The names that table files have; nothing else is ever read or removed. */
export const FILE_NAME = /^part-[A-Za-z0-9-]{1,100}\.(?:parquet|arrow)$/;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What was parsed or written last: a run reads what it has just written, again for every model. */
let known: { readonly text: string; readonly name: string; readonly manifest: Manifest } | null = null;

function manifestOf(text: string, { name }: Pick<LakePlace, "name">): Manifest {
  if (known?.text !== text || known.name !== name) {
    known = { text, name, manifest: parseManifest(text, `${name}/${MANIFEST}`) };
  }
  return known.manifest;
}

/** The manifest of a lake; null where it has none yet. @throws {SyntaxError} when it is not valid */
export async function readManifest(place: Pick<LakePlace, "name" | "readText">): Promise<Manifest | null> {
  const text = await place.readText(MANIFEST);
  return text === null ? null : manifestOf(text, place);
}

/** Where the models of these ids were read from, of those ids that the manifest has: URIs by id. */
export async function sourcesOf(
  place: LakePlace,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set(ids);
  const models = (await readManifest(place))?.models ?? [];
  return new Map(models.flatMap(({ id, uri }) => wanted.has(id) ? [[id, uri] as const] : []));
}

/**
 * Puts a model's files into the manifest, in place of those that it had.
 *
 * @throws {Error} when a model from elsewhere has its id, and the run is not to replace it
 */
export async function recordModel(
  place: LakePlace,
  run: RunHeader,
  { id, uri, format, key }: ModelHeader,
  files: readonly WrittenFile[],
): Promise<void> {
  const entry: LakeModel = {
    id,
    uri,
    format,
    run_id: run.runId,
    version: run.version,
    key,
    schema_version: SCHEMA_VERSION,
    partition: `model=${encodeModelId(id)}`,
    files,
  };
  await replaceModels(place, (before) => {
    const standing = before.find((model) => model.id === id);
    // Another run may have put it there since this one began.
    if (standing !== undefined && run.replace !== true && !samePlace(standing.uri, uri)) {
      throw new Error(`${place.name}: ${otherSource(id, standing.uri, uri)}`);
    }
    return [...before.filter((model) => model.id !== id), entry];
  });
}

/** Replaces the models of a manifest, at once. */
export async function replaceModels(
  place: LakePlace,
  change: (before: readonly LakeModel[]) => readonly LakeModel[],
): Promise<void> {
  await replaceEntries(place, ({ models, comparisons }) => ({ models: change(models), comparisons }));
}

/** Replaces what a manifest names, at once; it is written in the natural order of ids. */
export async function replaceEntries(
  place: LakePlace,
  change: (before: Pick<Manifest, "models" | "comparisons">) => Pick<Manifest, "models" | "comparisons">,
): Promise<void> {
  await place.replaceText(MANIFEST, (before) => {
    const changed = change(before === null ? { models: [], comparisons: [] } : manifestOf(before, place));
    const manifest: Manifest = {
      manifest_version: MANIFEST_VERSION,
      models: [...changed.models].sort((a, b) => naturalOrder(a.id, b.id)),
      comparisons: [...changed.comparisons].sort((a, b) =>
        naturalOrder(a.other, b.other) || naturalOrder(a.base, b.base)
      ),
    };
    const text = manifestText(manifest);
    known = { text, name: place.name, manifest };
    return text;
  });
}

/** One line per model, and per comparison where there is one: a manifest of thousands is still read by people and compared by their tools. */
function manifestText({ models, comparisons }: Manifest): string {
  const lines = (entries: readonly object[]) => entries.map((each) => JSON.stringify(each)).join(",\n");
  const compared = comparisons.length === 0 ? "" : `,"comparisons":[\n${lines(comparisons)}\n]`;
  return `{"manifest_version":${MANIFEST_VERSION},"models":[\n${lines(models)}\n]${compared}}\n`;
}

/** Hex digest of a stream of bytes. */
export async function digestOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
