/** Sinks of Hive-partitioned table files: staged in the output folder, put in place once all of a model's are complete. */

import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ModelHeader, ModelSink, RunHeader, Sink, WrittenFile } from "../../../src/model/ports.ts";
import { TABLE_NAMES, type TableBatch, type TableName, TABLES } from "../../../src/model/tables.ts";
import { waitForAll } from "../../../src/base/wait-for-all.ts";
import { FILE_NAME, readManifest, recordModel, sourcesOf } from "../../lake/manifest.ts";
import type { LakePlace } from "../../lake/place.ts";
import { commitTables } from "../../lake/table-formats/commit.ts";
import { type EngineFormat, keptFormats } from "../../lake/table-formats/kept-formats.ts";
import { cannotWrite, type FileDigest } from "../new-file.ts";
import { holdsComparisonFiles, writeComparisonFiles } from "./comparison-files.ts";
import { SortedRows } from "./sorted-rows.ts";
import { tableFilePlan, type TableFormat } from "./table-format.ts";
import { newTableFile, prepareTableFiles, type TableFile } from "./table-file.ts";
import { encodeModelId, hasModel, removeStaging, stagingFolder, tableMetadata } from "../staging.ts";
import { contentKey, StandingFiles } from "./unchanged-tables.ts";

/** What names end with: a file that a manifest names is not replaced, so the next one has the other name. */
const ENDS = ["", "-b"] as const;

/** Edges ascend by source layer, source neuron, target layer, target neuron and part: their first columns. */
const EDGE_KEYS = 5;

/**
 * A sink of `<root>/<table>/model=<id>/part-<key><extension>` in a place. The key of edges is the model's; that of the other tables is of
 * their content, so that a file that would be the same again is left as it stands.
 */
export async function openTableSink(format: TableFormat, run: RunHeader, place: LakePlace): Promise<Sink> {
  const staging = stagingFolder(run, format.name);
  prepareTableFiles();
  await makeFolder(staging);
  try {
    await place.prepare();
  } catch (failure) {
    await removeStaging(staging);
    throw failure;
  }
  let models = 0;
  let comparisons = 0;
  return {
    name: format.name,
    begin: (model, before = []) =>
      new Promise((resolve) => {
        encodeModelId(model.id);
        // Names of its own: the same model may be begun again before the first is done.
        resolve(new TableModel(format, run, place, model, join(staging, `${models++}-`), before));
      }),
    compare: (comparison, tables) =>
      writeComparisonFiles(
        { format, run, place, stem: join(staging, `comparison-${comparisons++}-`) },
        comparison,
        tables,
      ),
    holdsComparison: (comparison, files) => holdsComparisonFiles({ format, place }, comparison, files),
    holds: ({ id, files }) => holds(format, place, id, files),
    // Files without a manifest do not tell.
    ...format.lake ? { sources: (ids) => sourcesOf(place, ids) } : {},
    async finish() {
      await removeStaging(staging);
      if (format.lake) await commitVersion(place, run, format.keep ?? []);
    },
    abort: () => removeStaging(staging),
  };
}

/** Adds a version to the tables that the lake keeps, and to those that it is to keep. */
async function commitVersion(place: LakePlace, run: RunHeader, keep: readonly EngineFormat[]): Promise<void> {
  const formats = [...new Set([...await keptFormats(place), ...keep])];
  if (formats.length === 0 || await readManifest(place) === null) return;
  await commitTables(place, formats, { runId: run.runId, version: run.version });
}

/** Whether all files of a model stand in the place as they were recorded, and the manifest says the same of them. */
async function holds(
  format: TableFormat,
  place: LakePlace,
  id: string,
  files: readonly WrittenFile[],
): Promise<boolean> {
  const ours = files.filter(({ path, sink }) => sink === undefined && path.endsWith(format.extension));
  if (!hasModel(ours)) return false;
  if (format.lake) {
    const named = (await readManifest(place))?.models.find((model) => model.id === id)?.files ?? [];
    const digests = new Map(named.map(({ path, sha256 }) => [path, sha256]));
    if (named.length !== ours.length || ours.some(({ path, sha256 }) => digests.get(path) !== sha256)) {
      return false;
    }
  }
  const sizes = await Promise.all(ours.map(({ path }) => place.sizeOf(path)));
  return ours.every(({ bytes }, at) => sizes[at] === bytes);
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw cannotWrite(folder, cause);
  }
}

/** A file that is complete, still in the staging folder. */
interface Staged extends FileDigest {
  readonly path: string;
  readonly rows: number;
}

class TableModel implements ModelSink {
  readonly #format: TableFormat;
  readonly #run: RunHeader;
  readonly #place: LakePlace;
  readonly #model: ModelHeader;
  /** What the paths of its staged files begin with. */
  readonly #stem: string;
  readonly #open = new Map<TableName, { readonly path: string; readonly file: TableFile }>();
  readonly #staged = new Map<TableName, Staged[]>(TABLE_NAMES.map((table) => [table, []]));
  readonly #edges: SortedRows | null;
  readonly #before: readonly WrittenFile[];
  /** The only batch so far of a table: all of it, perhaps. */
  readonly #whole = new Map<TableName, TableBatch>();
  /** Of tables that have come whole: the digests that name their files, and those files that stand already. */
  readonly #keys = new Map<TableName, string>();
  readonly #kept = new Map<TableName, WrittenFile>();

  constructor(
    format: TableFormat,
    run: RunHeader,
    place: LakePlace,
    model: ModelHeader,
    stem: string,
    before: readonly WrittenFile[],
  ) {
    this.#before = before;
    this.#format = format;
    this.#run = run;
    this.#place = place;
    this.#model = model;
    this.#stem = stem;
    this.#edges = format.lake ? new SortedRows(TABLES.edges, EDGE_KEYS, `${stem}edges.spool`) : null;
  }

  async write(table: TableName, batch: TableBatch): Promise<void> {
    if (table === "edges") return await (this.#edges?.write(batch) ?? this.#append(table, batch));
    if (!this.#whole.has(table) && !this.#begun(table)) {
      this.#whole.set(table, batch);
      return;
    }
    for (const each of [this.#whole.get(table), batch]) {
      if (each !== undefined) await this.#append(table, each);
    }
    this.#whole.delete(table);
  }

  #begun(table: TableName): boolean {
    return this.#open.has(table) || (this.#staged.get(table)?.length ?? 0) > 0;
  }

  async commit(): Promise<readonly WrittenFile[]> {
    for await (const batch of this.#edges?.read() ?? []) await this.#append("edges", batch);
    await this.#edges?.remove();
    const standing = new StandingFiles(
      await this.#standingFiles(),
      (path) => this.#place.sizeOf(path),
    );
    await waitForAll(TABLE_NAMES.map((table) => this.#keepOrAppend(table, standing)));
    // All files are complete before the first appears. Side by side: each waits for the disk. A table without rows leaves none: engines
    // that know tables stumble over files without row groups.
    await waitForAll([...this.#open.keys()].map((table) => this.#close(table)));
    return await this.#publish(standing);
  }

  async abort(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map(({ file }) => file.abandon()));
    const made = [...this.#open.values(), ...[...this.#staged.values()].flat()];
    this.#open.clear();
    await this.#edges?.remove();
    for (const { path } of made) await rm(path, { force: true });
  }

  /** A table that has come whole: its file stands already, or is to be written. */
  async #keepOrAppend(table: TableName, standing: StandingFiles): Promise<void> {
    if (table === "edges" || this.#begun(table)) return;
    const whole = this.#whole.get(table);
    if (whole === undefined || whole.rows === 0) return;
    const key = contentKey(this.#run, this.#model, table, whole);
    this.#keys.set(table, key);
    const kept = await standing.find(this.#finalStem(table), whole.rows);
    if (kept !== null) this.#kept.set(table, kept);
    else await this.#append(table, whole);
  }

  async #append(table: TableName, batch: TableBatch): Promise<void> {
    const { file } = this.#fileOf(table);
    await file.write(batch);
    if (file.bytes >= this.#format.mostBytes) await this.#close(table);
  }

  #fileOf(table: TableName) {
    const open = this.#open.get(table);
    if (open !== undefined) return open;
    const number = this.#staged.get(table)?.length ?? 0;
    const path = `${this.#stem}${table}-${number}${this.#format.extension}`;
    const metadata = tableMetadata(this.#run, this.#model, table);
    const file = newTableFile(
      tableFilePlan(this.#format, path, table, metadata, { model: this.#model.id }),
    );
    const made = { path, file };
    this.#open.set(table, made);
    return made;
  }

  async #close(table: TableName): Promise<void> {
    const { path, file } = this.#fileOf(table);
    const digest = await file.close();
    this.#open.delete(table);
    this.#staged.get(table)?.push({ path, rows: file.rows, ...digest });
  }

  /** Puts new files in place, then names all in the manifest, then removes the model's older ones. */
  async #publish(standing: StandingFiles): Promise<readonly WrittenFile[]> {
    const appeared: string[] = [];
    try {
      const keepsVersions = this.#format.lake && (await keptFormats(this.#place)).length > 0;
      const written: WrittenFile[] = [];
      for (const table of TABLE_NAMES) {
        const kept = this.#kept.get(table);
        if (kept !== undefined) written.push(kept);
        for (const { from, ...file } of await this.#named(table, standing, keepsVersions)) {
          appeared.push(file.path);
          await this.#place.publish(from, file.path, file.bytes);
          written.push(file);
        }
      }
      if (this.#format.lake) await recordModel(this.#place, this.#run, this.#model, written);
      // The model is committed. What cannot be removed now goes with its next commit, and `svr lake check` names it.
      await this.#removeOlder(new Set(written.map(({ path }) => path))).catch(() => undefined);
      return written;
    } catch (failure) {
      await this.#takeBack(appeared);
      throw failure;
    }
  }

  /** Removes what has appeared, as far as it is certain that no manifest names it. */
  async #takeBack(appeared: readonly string[]): Promise<void> {
    const current = this.#format.lake ? await this.#standingFiles().catch(() => null) : [];
    const named = new Set(current?.map(({ path }) => path));
    const orphans = current === null ? [] : appeared.filter((path) => !named.has(path));
    await Promise.allSettled(orphans.map((path) => this.#place.remove(path)));
  }

  #partition(table: TableName): string {
    const { root } = this.#format;
    return `${root === "." ? "" : `${root}/`}${table}/model=${encodeModelId(this.#model.id)}/`;
  }

  #finalStem(table: TableName): string {
    return `${this.#partition(table)}part-${this.#keys.get(table) ?? this.#model.key.slice(0, 16)}`;
  }

  /**
   * Final names of a table's new files. A file that the manifest names is never replaced in place: they take the other name then. In a lake
   * that keeps versions of its tables no name is ever used twice.
   */
  async #named(
    table: TableName,
    standing: StandingFiles,
    keepsVersions: boolean,
  ): Promise<(WrittenFile & { readonly from: string })[]> {
    const staged = this.#staged.get(table) ?? [];
    const names = (end: string) =>
      staged.map(({ path: from, ...file }, at) => {
        const number = staged.length === 1 ? "" : `-${String(at + 1).padStart(4, "0")}`;
        const path = `${this.#finalStem(table)}${end}${number}${this.#format.extension}`;
        return { from, path, table, ...file };
      });
    const [plain, other] = ENDS;
    const first = names(plain);
    if (!keepsVersions) {
      return this.#format.lake && first.some(({ path }) => standing.has(path)) ? names(other) : first;
    }
    const sizes = await Promise.all(first.map(({ path }) => this.#place.sizeOf(path)));
    return sizes.every((size) => size === null) ? first : names(`-${randomBytes(6).toString("hex")}`);
  }

  /** What stands of the model: in a lake what its manifest says, else what the run was told. */
  async #standingFiles(): Promise<readonly WrittenFile[]> {
    if (!this.#format.lake) return this.#before;
    const models = (await readManifest(this.#place))?.models ?? [];
    return models.find(({ id }) => id === this.#model.id)?.files ?? [];
  }

  /** Removes the model's other files, unless the lake keeps versions, which may name them. To be called after the model is recorded. */
  async #removeOlder(kept: ReadonlySet<string>): Promise<void> {
    // The mark is looked for after the manifest has been written: see `keepFormats`.
    if (this.#format.lake && (await keptFormats(this.#place)).length > 0) return;
    for (const table of TABLE_NAMES) {
      const folder = this.#partition(table);
      for (const path of await this.#place.list(folder)) {
        // Hidden ones are copies that a process died over.
        const name = path.slice(folder.length).replace(/^\.(.*)\.partial$/, "$1");
        if (FILE_NAME.test(name) && !kept.has(path)) await this.#place.remove(path);
      }
    }
  }
}
