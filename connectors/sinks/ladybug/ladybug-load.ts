/**
 * The bulk load: staged rows of all models of a run go into the graph store by one COPY per table.
 *
 * The load works on a copy of the store, which takes the original's place by an atomic rename. A transaction in the
 * original will not do: in Ladybug 0.19.1, rolling back a transaction that deleted nodes and copied relations (or closing
 * a store in the midst of one) loses relations that were committed long before. So nothing is ever rolled back; a
 * load that fails or dies leaves a copy that nobody reads, and readers that have the old store open keep it.
 */

import { constants, existsSync } from "node:fs";
import { copyFile, mkdtemp, open, rename, rm, stat, statfs, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { codeOf, messageOf } from "../../../src/model/errors.ts";
import { SCHEMA_VERSION } from "../../../src/model/tables.ts";
import { COMPARISON_RELATIONS } from "../comparison-graph.ts";
import { GRAPH_TABLES, type GraphTable } from "../graph-schema.ts";
import {
  type Base,
  baseOf,
  countRows,
  LINKS,
  type LoadPlan,
  NODES_COMMENT,
  openLocked,
  SCHEMA_COMMENT,
} from "./ladybug-contents.ts";
import {
  copyParameters,
  copyStatement,
  createStatement,
  stagedFor,
  type StagedTable,
} from "./ladybug-schema.ts";
import { type Ladybug, openStore, type Store } from "./ladybug-store.ts";

/** A staged Parquet file of one table. */
export interface StagedFile {
  readonly path: string;
  /** At least one. */
  readonly rows: number;
}

/**
 * Rows that one COPY takes, and after which a table goes on in another file: the store has all rows of a COPY in its pages at once.
 */
export const MOST_ROWS = 250_000;

/**
 * Bytes for the store's pages while it loads: first what took two million edges at no loss of time, then what a larger model or one that
 * is deleted whole may need, at last (0) what there is. Left to itself the store takes all that it can get.
 */
const PAGES = [2 ** 26, 2 ** 28, 2 ** 30, 0];

/** What the graph's tables are copied from. */
export interface StagedFiles {
  /** Of the models, by the numbers that their rows have. */
  readonly ids: readonly string[];
  readonly files: ReadonlyMap<StagedTable, readonly StagedFile[]>;
}

/** The rows that a table is copied from. */
const filesFor = (table: GraphTable, { files }: StagedFiles) => files.get(stagedFor(table)) ?? [];

/**
 * Completes the staged files.
 *
 * @param nodesStand whether only `LINKS` are needed
 */
export type CompleteFiles = (nodesStand: boolean) => Promise<StagedFiles>;

/** Where the new store is made. */
const newStoreOf = ({ folder }: LoadPlan) => join(folder, "graph.lbug");

/**
 * Makes the store that is to take the place of the one at `plan.path`: with the staged models, and others that it has as they are. A store that
 * has the same nodes keeps them: only its `LINKS` are replaced.
 *
 * @throws {Error} when another process has the store open for writing, it has another schema, a relation's end does not
 * exist, or the counts afterwards are not what they must be
 */
export async function makeStore(
  lbug: Ladybug,
  plan: LoadPlan,
  complete: CompleteFiles,
  signal?: AbortSignal,
): Promise<void> {
  const work = newStoreOf(plan);
  // Held open, and so locked, until the new store is ready to take its place.
  const current = existsSync(plan.path) ? await openLocked(lbug, plan.path) : null;
  try {
    const base = current === null ? "nothing" : await baseOf(current, plan);
    if (base !== "nothing") await current?.run("CHECKPOINT");
    const files = await complete(base === "nodes");
    const rows = GRAPH_TABLES.flatMap((table) => filesFor(table, files)).reduce(
      (sum, each) => sum + each.rows,
      0,
    );
    await requireRoom(plan.folder, rows, base === "nothing" ? 0 : (await stat(plan.path)).size);
    await fillWithPages(
      work,
      async () => {
        if (base !== "nothing") await copyFile(plan.path, work, constants.COPYFILE_FICLONE);
      },
      (pages) => fillStore(() => openStore(lbug, work, "write", pages), plan, files, base, signal),
    );
    await syncFile(work);
    signal?.throwIfAborted();
  } finally {
    await current?.close();
  }
}

/** Fills a store at `work`, anew with more memory for its pages as long as they do not suffice. @param begin makes what it begins with */
export async function fillWithPages(
  work: string,
  begin: () => Promise<void>,
  fill: (pages: number) => Promise<void>,
): Promise<void> {
  for (const [attempt, pages] of PAGES.entries()) {
    await removeStore(work);
    await begin();
    try {
      return await fill(pages);
    } catch (failure) {
      const full = /buffer pool is full/i.test(messageOf(failure));
      if (!full || attempt === PAGES.length - 1) throw failure;
    }
  }
}

/** Puts the store that was made in its place, at once. */
export async function placeStore(plan: LoadPlan): Promise<void> {
  await putStore(newStoreOf(plan), plan.path);
}

/** Puts a store in the place of another, at once. */
export async function putStore(work: string, path: string): Promise<void> {
  await rename(work, path);
  await syncFolder(dirname(path));
}

/** A row in the store: measured are 124 bytes for an edge; and what an empty store and its logs take. */
const ROW_BYTES = 140;
const EMPTY_BYTES = 4 * 2 ** 20;

/**
 * Refuses a load for which the disk has no room: Ladybug 0.19.1 ends the whole process when it finds the disk full in a transaction.
 *
 * @param kept bytes of the store that is copied first
 */
export async function requireRoom(folder: string, rows: number, kept: number): Promise<void> {
  const needed = kept + EMPTY_BYTES + ROW_BYTES * rows;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) {
    throw new Error(
      `loading the graph: found ${bavail * bsize} bytes free at ${folder}, required ${needed}; ` +
        "the tables are complete, and the same run with more room loads them",
    );
  }
}

/** Removes a store with the log beside it, where there is one. */
async function removeStore(path: string): Promise<void> {
  for (const end of ["", ".wal", ".shadow"]) await rm(path + end, { force: true });
}

async function fillStore(
  open: () => Promise<Store>,
  plan: LoadPlan,
  files: StagedFiles,
  base: Base,
  signal?: AbortSignal,
): Promise<void> {
  const stores = new Stores(open);
  const parameters = copyParameters(files.ids);
  try {
    await prepareStore(await stores.take(0), plan, base);
    for (const table of base === "nodes" ? LINKS : GRAPH_TABLES) {
      signal?.throwIfAborted();
      await copyTable(stores, table, filesFor(table, files), parameters, plan.folder);
    }
    await (await stores.take(0)).run("CHECKPOINT");
  } finally {
    await stores.close();
  }
}

/** The same store, opened anew after so many rows: Ladybug 0.19.1 keeps the memory of a COPY until it is closed. */
export class Stores {
  readonly #open: () => Promise<Store>;
  #store: Store | null = null;
  #rows = 0;

  constructor(open: () => Promise<Store>) {
    this.#open = open;
  }

  /** @param rows that will be copied */
  async take(rows: number): Promise<Store> {
    if (this.#rows > 0 && this.#rows + rows > MOST_ROWS) await this.close();
    this.#rows += rows;
    return this.#store ??= await this.#open();
  }

  async close(): Promise<void> {
    const store = this.#store;
    this.#store = null;
    this.#rows = 0;
    await store?.close();
  }
}

/** An empty store gets its tables; in one that was copied the models, or their links alone, make room for their newer selves. */
async function prepareStore(store: Store, plan: LoadPlan, base: Base): Promise<void> {
  const models = [...plan.models];
  if (base === "nodes") {
    for (const { name } of LINKS) await store.run(`DROP TABLE ${name}`);
    for (const table of LINKS) await store.run(createStatement(table));
    await store.run("MATCH (m:Model) SET m.run_id = $run", { run: plan.run });
  } else if (base === "others") {
    // Of the others it is not known.
    await store.run("COMMENT ON TABLE Layer IS ''");
    await store.run("MATCH (n:SpectralNeuron) WHERE n.model IN $models DETACH DELETE n", { models });
    await store.run("MATCH (l:Layer) WHERE l.model IN $models DETACH DELETE l", { models });
    await store.run("MATCH (m:Model) WHERE m.id IN $models DETACH DELETE m", { models });
  } else {
    for (const table of GRAPH_TABLES) await store.run(createStatement(table));
    await store.run(`COMMENT ON TABLE Model IS '${SCHEMA_COMMENT}${SCHEMA_VERSION}'`);
    await store.run(`COMMENT ON TABLE Layer IS '${NODES_COMMENT}${plan.nodes}'`);
  }
  // Stores of older runs lack them.
  for (const table of COMPARISON_RELATIONS) await store.run(createStatement(table));
}

/** Copies one table's rows and counts them, because a graph that lacks rows must not take a whole one's place. */
export async function copyTable(
  stores: Stores,
  table: GraphTable,
  staged: readonly StagedFile[],
  parameters: ReturnType<typeof copyParameters>,
  folder: string,
): Promise<void> {
  if (staged.length === 0) return;
  const rows = staged.reduce((sum, file) => sum + file.rows, 0);
  const before = await countRows(await stores.take(0), table);
  await withPlainPath(folder, async (plain) => {
    for (const group of groups(staged)) {
      const store = await stores.take(group.reduce((sum, file) => sum + file.rows, 0));
      await store.run(copyStatement(table, group.map(({ path }) => plain(path))), parameters);
    }
  });
  const after = await countRows(await stores.take(0), table);
  if (after !== before + rows) {
    throw new Error(
      `loading ${table.name} into the graph: found ${after} rows, required ${before} + ${rows}`,
    );
  }
}

/** Files in their order, together up to about as many rows as one COPY takes. */
function groups(files: readonly StagedFile[]): StagedFile[][] {
  const found: StagedFile[][] = [];
  let room = 0;
  for (const file of files) {
    if (room < file.rows) {
      found.push([]);
      room = MOST_ROWS;
    }
    found.at(-1)?.push(file);
    room -= file.rows;
  }
  return found;
}

/**
 * COPY takes its paths for patterns and knows no escape. Where the folder's own path would be one, the files are reached
 * through a link from the folder for temporary files.
 */
async function withPlainPath(
  folder: string,
  work: (plain: (file: string) => string) => Promise<void>,
): Promise<void> {
  if (!/[*?[\]{}]/.test(folder)) return await work((file) => file);
  const links = await mkdtemp(join(tmpdir(), "svrflow-"));
  try {
    const link = join(links, "rows");
    // Junctions are what an ordinary user may make on Windows; other systems ignore the word.
    await symlink(dirname(folder), link, "junction");
    await work((file) => join(link, file.slice(dirname(folder).length)));
  } finally {
    await rm(links, { recursive: true, force: true });
  }
}

/** Makes what was written to a file last. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What folders answer to `fsync` where the platform knows no such thing. */
const NO_FOLDER_SYNC = new Set(["EISDIR", "EPERM", "EACCES", "EINVAL", "EBADF", "ENOTSUP"]);

/** Makes a rename inside the folder last through a power cut, where the platform can (Windows cannot). */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (!NO_FOLDER_SYNC.has(codeOf(cause) ?? "")) throw cause;
  }
}
