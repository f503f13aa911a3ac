/** The embedded property graph at `<out>/graph.lbug`. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ModelHeader, OpenSink, RunHeader } from "../../src/model/ports.ts";
import { type TableName, TABLES } from "../../src/model/tables.ts";
import { piecesOf } from "./batch-pieces.ts";
import { BatchSpool, type Spooled } from "./batch-spool.ts";
import { GRAPH_TABLES, type GraphRows, graphRows, type GraphTable, modelRow } from "./graph-schema.ts";
import { loadGraph, MOST_ROWS, probeStore, type StagedFile } from "./ladybug-load.ts";
import { loadLadybug } from "./ladybug-store.ts";
import { encodeModelId, removeStaging, stagingFolder } from "./staging.ts";
import { endTableFiles, newTableFile, type TableFile } from "./table-file.ts";

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
  /** Of the models that have been committed; null where it has to be made anew. */
  let tables: GraphFiles | null = new GraphFiles(join(staging, "tables"), spool, run);
  const forget = async () => {
    const unfinished = tables;
    // First, so that no other model goes on with them.
    tables = null;
    await unfinished?.abandon();
  };
  const end = async () => {
    await forget();
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
          if (table === "models" || table === "skipped") return;
          for (const { rows, columns } of piecesOf(batch)) {
            staged.push({ table, rows, ...await spool.write(columns) });
          }
        },
        async commit() {
          // Encoded while other models are computed. Of a model that comes again its older rows must not be there.
          if (committed.has(model.id)) await forget();
          try {
            await tables?.addModel(model, staged);
          } catch (failure) {
            await forget();
            throw failure;
          }
          committed.set(model.id, { model, staged });
          return [];
        },
        abort: () => Promise.resolve(),
      };
    },
    holds: ({ id, runIds }) => Promise.resolve(runIds.includes(held.get(id) ?? "")),
    async finish(signal) {
      try {
        if (committed.size === 0) return;
        if (tables === null) {
          tables = new GraphFiles(join(staging, "tables-again"), spool, run);
          for (const { model, staged } of committed.values()) {
            signal?.throwIfAborted();
            await tables.addModel(model, staged);
          }
        }
        const load = {
          path,
          folder: join(staging, "store"),
          models: [...committed.keys()],
          tables: await tables.close(),
        };
        await mkdir(load.folder);
        await endTableFiles();
        await loadGraph(lbug, load, signal);
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
  readonly writer: TableFile;
}

/** Rows per row group of staged files: the thread that writes them holds one of every table as texts, and V8 gives back little of it. */
const ROW_GROUP = 2048;

/** The nodes and relations of all models, as Parquet files that the store copies its tables from. */
class GraphFiles {
  readonly #folder: string;
  /** By name of the graph's table. */
  readonly #files = new Map<string, StagedFile[]>(GRAPH_TABLES.map(({ name }) => [name, []]));
  readonly #open = new Map<string, OpenFile>();
  readonly #spool: BatchSpool;
  readonly #run: RunHeader;
  /** One model at a time. */
  #last: Promise<void> = Promise.resolve();

  constructor(folder: string, spool: BatchSpool, run: RunHeader) {
    this.#folder = folder;
    this.#spool = spool;
    this.#run = run;
  }

  /** @throws {Error} when they cannot be written: then nothing of all that is here can be used, but no other model has failed */
  addModel(model: ModelHeader, staged: readonly StagedBatch[]): Promise<void> {
    return this.#last = this.#last.catch(() => undefined).then(async () => {
      await this.#add(modelRow(model, this.#run.runId));
      for (const { table, rows, ...place } of staged) {
        const batch = { schema: TABLES[table], rows, columns: await this.#spool.read(place) };
        for (const each of graphRows(model, table, batch)) await this.#add(each);
      }
    });
  }

  async #add({ table, batch }: GraphRows): Promise<void> {
    const open = this.#open.get(table.name) ?? await this.#next(table);
    await open.writer.write(batch);
    if (open.writer.rows >= MOST_ROWS) await this.#close(table.name, open);
  }

  /** Closes what is open. */
  async abandon(): Promise<void> {
    await this.#last.catch(() => undefined);
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(open.map(({ writer }) => writer.abandon()));
  }

  async close(): Promise<ReadonlyMap<string, readonly StagedFile[]>> {
    await this.#last;
    for (const [name, open] of this.#open) await this.#close(name, open);
    return this.#files;
  }

  async #next({ name, columns }: GraphTable): Promise<OpenFile> {
    await mkdir(this.#folder, { recursive: true });
    const path = join(this.#folder, `${name}-${this.#files.get(name)?.length ?? 0}.parquet`);
    const choices = { rowGroup: ROW_GROUP, kept: false };
    const open = { path, writer: newTableFile({ format: "parquet", path, columns, metadata: {}, choices }) };
    this.#open.set(name, open);
    return open;
  }

  async #close(table: string, { path, writer }: OpenFile): Promise<void> {
    await writer.close();
    this.#open.delete(table);
    this.#files.get(table)?.push({ path, rows: writer.rows });
  }
}
