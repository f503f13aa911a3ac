/** What the embedded graph store says of itself before a load: its schema, its models, and whether their nodes are those of the run. */

import { existsSync } from "node:fs";
import { show } from "../../../src/model/errors.ts";
import { SCHEMA_VERSION } from "../../../src/model/tables.ts";
import { GRAPH_TABLES, type GraphTable } from "../graph-schema.ts";
import { type Ladybug, openStore, type Store } from "./ladybug-store.ts";

/** Begins the comment of `Model`, which says what schema the store has: its only rooms for free text are the comments of its tables. */
export const SCHEMA_COMMENT = "svrflow schema ";
/** Begins the comment of `Layer`: the digest of all nodes follows. */
export const NODES_COMMENT = "svrflow nodes ";

/** What a test has found; all other tables follow from the models alone. */
export const LINKS: ReadonlySet<GraphTable> = new Set(
  GRAPH_TABLES.filter(({ name }) => name === "FEEDS" || name === "CONNECTS"),
);

/** Bytes for the pages of a store that is only looked at, far more than that takes. All that there is takes 40 MB and 20 ms to lay out. */
const LOOKING = 2 ** 28;

/**
 * Opens a store and holds its lock; nothing is written to the file, also when it is closed. One that is opened to read has no lock, and does not
 * see that another process writes to it.
 *
 * @throws {Error} when another process has it open for writing, or it is no store
 */
export async function openLocked(lbug: Ladybug, path: string): Promise<Store> {
  const store = await openStore(lbug, path, "write", LOOKING);
  // Else closing writes the file anew.
  await store.run("CALL force_checkpoint_on_close=false");
  return store;
}

/** What a store holds. */
export interface StoreContents {
  /** The run that gave it each model, and where that was read from, by the model's id. */
  readonly models: ReadonlyMap<string, { readonly run: string; readonly uri: string }>;
  /** The keys of the comparisons in it, by `pairKey`. */
  readonly comparisons: ReadonlyMap<string, string>;
  /** Digest of the nodes of all models; null where it does not say. */
  readonly nodes: string | null;
}

/**
 * Refuses a store that cannot take this run's rows.
 *
 * @throws {Error} when another process has it open for writing, it is no graph store or one of another schema
 */
export async function probeStore(lbug: Ladybug, path: string): Promise<StoreContents> {
  if (!existsSync(path)) return { models: new Map(), comparisons: new Map(), nodes: null };
  const store = await openLocked(lbug, path);
  try {
    await checkSchema(store, path);
    const rows = await store.run("MATCH (m:Model) RETURN m.id AS id, m.run_id AS run, m.uri AS uri");
    return {
      models: new Map(rows.map(({ id, run, uri }) => [String(id), { run: String(run), uri: String(uri) }])),
      comparisons: await heldComparisons(store),
      nodes: await nodesOf(store),
    };
  } finally {
    await store.close();
  }
}

/** What a load is about. */
export interface LoadPlan {
  /** Final path of the store. */
  readonly path: string;
  /** An empty folder on the same file system. */
  readonly folder: string;
  readonly run: string;
  /** Ids of the models that the staged rows replace. */
  readonly models: readonly string[];
  /** Digest of all that their nodes are made of, the run apart, and how many rows that is. */
  readonly nodes: string;
  readonly rows: { readonly layers: number; readonly neurons: number };
}

/** What a load begins with: the nodes that it would make, other models that it leaves alone, or an empty and compact store. */
export type Base = "nodes" | "others" | "nothing";

/** Compares a store with what a load brings. @throws {Error} when it has another schema */
export async function baseOf(store: Store, load: LoadPlan): Promise<Base> {
  await checkSchema(store, load.path);
  if (await nodesStand(store, load)) return "nodes";
  const rows = await store.run("MATCH (m:Model) WHERE NOT m.id IN $models RETURN count(*) AS n", {
    models: [...load.models],
  });
  return Number(rows[0]?.["n"]) > 0 ? "others" : "nothing";
}

/** Whether the store has the nodes of these models and no others, as it says itself and as they count. */
async function nodesStand(
  store: Store,
  { nodes, models, rows: { layers, neurons } }: LoadPlan,
): Promise<boolean> {
  if (await nodesOf(store) !== nodes) return false;
  const required = new Map([
    ["Model", models.length],
    ["Layer", layers],
    ["HAS_LAYER", layers],
    ["SpectralNeuron", neurons],
    ["HAS_NEURON", neurons],
  ]);
  for (const table of GRAPH_TABLES) {
    if (!LINKS.has(table) && await countRows(store, table) !== required.get(table.name)) return false;
  }
  return true;
}

/** The keys of the comparisons that a store holds. */
async function heldComparisons(store: Store): Promise<ReadonlyMap<string, string>> {
  // Stores of older runs have no such table.
  if (await commentOf(store, "KIN") === undefined) return new Map();
  const rows = await store.run(
    "MATCH (a:Model)-[k:KIN]->(b:Model) RETURN a.id AS base, b.id AS other, k.key AS key",
  );
  return new Map(rows.map(({ base, other, key }) => [pairKey(String(base), String(other)), String(key)]));
}

/** Names a pair of models. */
export function pairKey(base: string, other: string): string {
  return JSON.stringify([base, other]);
}

async function nodesOf(store: Store): Promise<string | null> {
  const comment = await commentOf(store, "Layer");
  return comment?.startsWith(NODES_COMMENT) === true ? comment.slice(NODES_COMMENT.length) : null;
}

/** The comment of a table; undefined where there is no such table. */
export async function commentOf(store: Store, table: string): Promise<string | undefined> {
  const rows = await store.run(`CALL show_tables() WHERE name = '${table}' RETURN comment`);
  return rows[0]?.["comment"]?.toString();
}

async function checkSchema(store: Store, path: string): Promise<void> {
  const found = await commentOf(store, "Model") ?? "no table Model";
  const required = `${SCHEMA_COMMENT}${SCHEMA_VERSION}`;
  if (found !== required) {
    throw new Error(
      `opening graph store ${show(path)} to write: found ${show(found)}, required ${show(required)}; ` +
        `move the file away or choose another output folder`,
    );
  }
}

/** Rows of a table. */
export async function countRows(store: Store, { name, ends }: GraphTable): Promise<number> {
  const pattern = ends === undefined ? `(n:${name})` : `(:${ends[0]})-[e:${name}]->(:${ends[1]})`;
  const rows = await store.run(`MATCH ${pattern} RETURN count(*) AS n`);
  return Number(rows[0]?.["n"]);
}
