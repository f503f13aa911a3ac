/** The embedded property graph at `<out>/graph.lbug`. */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ModelHeader, ModelSink, OpenSink, WrittenFile } from "../../src/model/ports.ts";
import type { TableBatch, TableName } from "../../src/model/tables.ts";
import { GRAPH_TABLES, type GraphRows, graphRows, type GraphTable, modelRow } from "./graph-schema.ts";
import { loadGraph, MOST_ROWS, probeStore, type StagedFile } from "./ladybug-load.ts";
import { loadLadybug } from "./ladybug-store.ts";
import { createParquet, type ParquetFile } from "./parquet-writer.ts";
import { encodeModelId, removeStaging, stagingFolder } from "./staging.ts";

/** The store's file inside an output folder. */
export const GRAPH_FILE = "graph.lbug";

/**
 * Opens the graph sink. Rows are staged per model, and `finish` loads those of all committed models at once:
 *
 *     (:Model)-[:HAS_LAYER]->(:Layer)-[:HAS_NEURON]->(:SpectralNeuron)
 *     (:SpectralNeuron)-[:CONNECTS]->(:SpectralNeuron)     (:Layer)-[:FEEDS]->(:Layer)
 *
 * A model that the graph holds already is replaced, others stay. Until `finish` resolves the graph is what it was, so
 * `commit` answers with no files. Rows of `skipped` have no place in the graph and are dropped.
 *
 * @throws {Error} when the store's native code is missing, another process has the graph open for writing, or it has
 * another schema
 * @throws {RangeError} when the run id is not safe in a path
 */
export const openLadybugSink: OpenSink = async (run) => {
  const staging = stagingFolder(run, "ladybug");
  const path = join(run.out, GRAPH_FILE);
  const lbug = loadLadybug();
  const held = await probeStore(lbug, path);
  const committed = new Map<string, StagedModel>();
  let folders = 0;
  const newFolder = async () => {
    const folder = join(staging, String(folders++));
    await mkdir(folder, { recursive: true });
    return folder;
  };
  return {
    name: "ladybug",
    async begin(model) {
      encodeModelId(model.id);
      const staged = new StagedModel(model, run.runId, await newFolder());
      return {
        write: (table, batch) => staged.write(table, batch),
        async commit() {
          await staged.commit();
          await committed.get(model.id)?.abort();
          committed.set(model.id, staged);
          return [];
        },
        abort: () => staged.abort(),
      };
    },
    holds: ({ id, runIds }) => Promise.resolve(runIds.includes(held.get(id) ?? "")),
    async finish(signal) {
      try {
        if (committed.size === 0) return;
        const tables = mergeTables([...committed.values()]);
        await loadGraph(
          lbug,
          { path, folder: await newFolder(), models: [...committed.keys()], tables },
          signal,
        );
      } finally {
        await removeStaging(staging);
      }
    },
    abort: () => removeStaging(staging),
  };
};

function mergeTables(models: readonly StagedModel[]): ReadonlyMap<string, readonly StagedFile[]> {
  return new Map(
    GRAPH_TABLES.map(({ name }) => [name, models.flatMap((model) => model.files.get(name) ?? [])]),
  );
}

/** A file that rows are being written to. */
interface OpenFile {
  readonly path: string;
  readonly writer: ParquetFile;
}

/** Rows per row group of staged files, which are read once and whole. */
const ROW_GROUP = 16 * 1024;

/** The nodes and relations of one model, as Parquet files in a folder of its own. */
class StagedModel implements ModelSink {
  /** By name of the graph's table; complete once committed. */
  readonly files = new Map<string, readonly StagedFile[]>();
  readonly #model: ModelHeader;
  readonly #runId: string;
  readonly #folder: string;
  readonly #open = new Map<string, OpenFile>();

  constructor(model: ModelHeader, runId: string, folder: string) {
    this.#model = model;
    this.#runId = runId;
    this.#folder = folder;
  }

  async write(table: TableName, batch: TableBatch): Promise<void> {
    for (const rows of graphRows(this.#model, table, batch)) await this.#add(rows);
  }

  async commit(): Promise<readonly WrittenFile[]> {
    await this.#add(modelRow(this.#model, this.#runId));
    for (const [name, open] of this.#open) await this.#close(name, open);
    return [];
  }

  async abort(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map(({ writer }) => writer.abandon()));
    this.#open.clear();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #add({ table, batch }: GraphRows): Promise<void> {
    const open = this.#open.get(table.name) ?? await this.#next(table);
    await open.writer.write(batch);
    if (open.writer.rows >= MOST_ROWS) await this.#close(table.name, open);
  }

  async #next({ name, columns }: GraphTable): Promise<OpenFile> {
    const path = join(this.#folder, `${name}-${this.files.get(name)?.length ?? 0}.parquet`);
    const open = { path, writer: await createParquet(path, columns, {}, ROW_GROUP) };
    this.#open.set(name, open);
    return open;
  }

  async #close(table: string, { path, writer }: OpenFile): Promise<void> {
    await writer.close();
    this.#open.delete(table);
    this.files.set(table, [...this.files.get(table) ?? [], { path, rows: writer.rows }]);
  }
}
