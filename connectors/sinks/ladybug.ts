/** The embedded property graph at `<out>/graph.lbug`. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ModelHeader, OpenSink } from "../../src/model/ports.ts";
import { type TableName, TABLES } from "../../src/model/tables.ts";
import { BatchSpool, type Spooled } from "./batch-spool.ts";
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
  const spool = new BatchSpool(join(staging, "rows"));
  const committed = new Map<string, StagedModel>();
  const end = async () => {
    await spool.remove();
    await removeStaging(staging);
  };
  return {
    name: "ladybug",
    async begin(model) {
      encodeModelId(model.id);
      await mkdir(staging, { recursive: true });
      const staged: StagedBatch[] = [];
      return {
        async write(table, batch) {
          // The model's own row is made when it is loaded; what was skipped has no place in the graph.
          if (batch.rows === 0 || table === "models" || table === "skipped") return;
          staged.push({ table, rows: batch.rows, ...await spool.write(batch.columns) });
        },
        commit() {
          committed.set(model.id, { model, staged });
          return Promise.resolve([]);
        },
        abort: () => Promise.resolve(),
      };
    },
    holds: ({ id, runIds }) => Promise.resolve(runIds.includes(held.get(id) ?? "")),
    async finish(signal) {
      try {
        if (committed.size === 0) return;
        const tables = new GraphFiles(join(staging, "tables"));
        const folder = join(staging, "store");
        await mkdir(folder);
        for (const { model, staged } of committed.values()) {
          signal?.throwIfAborted();
          await tables.add(modelRow(model, run.runId));
          for (const { table, rows, ...place } of staged) {
            const batch = { schema: TABLES[table], rows, columns: await spool.read(place) };
            for (const each of graphRows(model, table, batch)) await tables.add(each);
          }
        }
        await loadGraph(
          lbug,
          { path, folder, models: [...committed.keys()], tables: await tables.close() },
          signal,
        );
      } finally {
        await end();
      }
    },
    abort: end,
  };
};

/** A model's rows in the spool. */
interface StagedModel {
  readonly model: ModelHeader;
  readonly staged: readonly StagedBatch[];
}

interface StagedBatch extends Spooled {
  readonly table: TableName;
  readonly rows: number;
}

/** A file that rows are being written to. */
interface OpenFile {
  readonly path: string;
  readonly writer: ParquetFile;
}

/** Rows per row group of staged files, which are read once and whole. */
const ROW_GROUP = 16 * 1024;

/** The nodes and relations of all models, as Parquet files that the store copies its tables from. */
class GraphFiles {
  readonly #folder: string;
  /** By name of the graph's table. */
  readonly #files = new Map<string, StagedFile[]>(GRAPH_TABLES.map(({ name }) => [name, []]));
  readonly #open = new Map<string, OpenFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add({ table, batch }: GraphRows): Promise<void> {
    const open = this.#open.get(table.name) ?? await this.#next(table);
    await open.writer.write(batch);
    if (open.writer.rows >= MOST_ROWS) await this.#close(table.name, open);
  }

  async close(): Promise<ReadonlyMap<string, readonly StagedFile[]>> {
    for (const [name, open] of this.#open) await this.#close(name, open);
    return this.#files;
  }

  async #next({ name, columns }: GraphTable): Promise<OpenFile> {
    await mkdir(this.#folder, { recursive: true });
    const path = join(this.#folder, `${name}-${this.#files.get(name)?.length ?? 0}.parquet`);
    const open = {
      path,
      writer: await createParquet(path, columns, {}, { rowGroup: ROW_GROUP, kept: false }),
    };
    this.#open.set(name, open);
    return open;
  }

  async #close(table: string, { path, writer }: OpenFile): Promise<void> {
    await writer.close();
    this.#open.delete(table);
    this.#files.get(table)?.push({ path, rows: writer.rows });
  }
}
