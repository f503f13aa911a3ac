/** The embedded property graph at `<out>/graph.lbug`. */

import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { OpenSink } from "../../../src/model/ports.ts";
import { TABLE_NAMES, type TableName } from "../../../src/model/tables.ts";
import { piecesOf } from "../batch-pieces.ts";
import { BatchSpool } from "../batch-spool.ts";
import { GraphFiles, StagedModel } from "./ladybug-files.ts";
import { makeStoreInSubprocess } from "./ladybug-subprocess.ts";
import { pairKey, probeStore } from "./ladybug-contents.ts";
import { relateModels, stageComparison, type StagedComparison } from "./ladybug-relations.ts";
import { makeStore, MOST_ROWS, placeStore } from "./ladybug-load.ts";
import { loadLadybug } from "./ladybug-store.ts";
import { encodeModelId, removeStaging, stagingFolder } from "../staging.ts";
import { endTableFiles } from "../tables/table-file.ts";

/** The store's file inside an output folder. */
export const GRAPH_FILE = "graph.lbug";

/**
 * Opens the graph sink. Rows are staged per model, and `finish` loads those of all committed models at once:
 *
 *     (:Model)-[:HAS_LAYER]->(:Layer)-[:HAS_NEURON]->(:SpectralNeuron)
 *     (:SpectralNeuron)-[:CONNECTS]->(:SpectralNeuron)     (:Layer)-[:FEEDS]->(:Layer)
 *
 * Comparisons are relations from the base to the other model (`COMPARISON_RELATIONS`), loaded where the graph holds both.
 *
 * A model that the graph holds already is replaced, others stay. Where it holds the same models with the same nodes, as it
 * does for a run with another `sigma`, only `CONNECTS` and `FEEDS` are loaded anew. Until `finish` resolves the graph is what it was, so
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
  const comparisons = new Map<string, StagedComparison>();
  /** Ids of models whose commit has begun. */
  const begun = new Set<string>();
  /** Comparisons so far. */
  let taken = 0;
  /** Committed models whose nodes are not in `tables`: the graph may have them as they are. */
  const waiting = new Set<StagedModel>();
  /** Of the models that have been committed; null where it has to be made anew. */
  let tables: GraphFiles | null = new GraphFiles(join(staging, "tables"), run);
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
  const load = async (signal?: AbortSignal) => {
    const models = [...committed.values()];
    const plan = {
      path,
      folder: join(staging, "store"),
      run: run.runId,
      models: [...committed.keys()],
      nodes: digestOf(models),
      rows: { layers: sum(models, "layers"), neurons: sum(models, "neurons") },
    };
    const complete = async (nodesStand: boolean) => {
      if (tables === null) {
        tables = new GraphFiles(join(staging, "tables-again"), run);
        waiting.clear();
        models.forEach((staged) => waiting.add(staged));
        for (const staged of models) {
          signal?.throwIfAborted();
          await tables.add(staged, "links");
        }
      }
      for (const staged of nodesStand ? [] : waiting) {
        signal?.throwIfAborted();
        await tables.add(staged, "nodes");
      }
      const files = await tables.close();
      await endTableFiles();
      return files;
    };
    await mkdir(plan.folder);
    const rows = TABLE_NAMES.reduce((all, table) => all + sum(models, table), 0);
    // A process of its own takes a tenth of a second.
    if (rows > MOST_ROWS) await makeStoreInSubprocess(plan, complete, signal);
    else await makeStore(lbug, plan, complete, signal);
    await placeStore(plan);
  };
  return {
    name: "ladybug",
    async begin(model) {
      encodeModelId(model.id);
      await mkdir(staging, { recursive: true });
      const staged = new StagedModel(model, spool, run.version);
      return {
        async write(table, batch) {
          for (const piece of piecesOf(batch)) await staged.write(table, piece);
        },
        async commit() {
          // Encoded while other models are computed. Of a model that comes again its older rows must not be there.
          if (begun.has(model.id)) await forget();
          begun.add(model.id);
          try {
            await tables?.add(staged, "links");
            if (held.nodes !== null && held.models.has(model.id)) waiting.add(staged);
            else await tables?.add(staged, "nodes");
          } catch (failure) {
            await forget();
            throw failure;
          }
          committed.set(model.id, staged);
          return [];
        },
        abort: () => Promise.resolve(),
      };
    },
    async compare(comparison, rows) {
      await mkdir(staging, { recursive: true });
      const pair = pairKey(comparison.base.id, comparison.other.id);
      comparisons.set(pair, await stageComparison(comparison, rows, join(staging, `comparison-${taken++}-`)));
      return [];
    },
    holdsComparison: ({ base, other, key }) =>
      Promise.resolve(
        // A model that comes again may take its relations with it.
        !begun.has(base.id) && !begun.has(other.id) &&
          held.comparisons.get(pairKey(base.id, other.id)) === key,
      ),
    holds: ({ id, runIds }) => Promise.resolve(runIds.includes(held.models.get(id)?.run ?? "")),
    sources: (ids) =>
      Promise.resolve(
        new Map(ids.flatMap((id) => {
          const model = held.models.get(id);
          return model === undefined ? [] : [[id, model.uri] as const];
        })),
      ),
    async finish(signal) {
      try {
        if (committed.size > 0) await load(signal);
        if (comparisons.size === 0) return;
        const place = { path, folder: join(staging, "compared") };
        for (
          const [{ base, other }, missing] of await relateModels(
            lbug,
            place,
            [...comparisons.values()],
            signal,
          )
        ) {
          run.progress?.({ event: "not-related", base: base.id, other: other.id, missing });
        }
      } finally {
        await end();
      }
    },
    abort: end,
  };
};

const sum = (models: readonly StagedModel[], table: TableName) =>
  models.reduce((all, { rows }) => all + (rows.get(table) ?? 0), 0);

/** Digest of the nodes of all models together, in whatever order they come. */
function digestOf(models: readonly StagedModel[]): string {
  // Each is of its model's id as well.
  return createHash("sha256").update(models.map((staged) => staged.nodes()).sort().join(" ")).digest("hex");
}
