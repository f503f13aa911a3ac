/** Comparisons in the embedded graph: relations between models that it holds, loaded into a copy that takes its place. */

import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ComparisonBatches, ComparisonHeader } from "../../../src/model/comparison.ts";
import { COMPARISON_RELATIONS, relationRows } from "../comparison-graph.ts";
import { endTableFiles, newTableFile } from "../tables/table-file.ts";
import { openLocked } from "./ladybug-contents.ts";
import {
  copyTable,
  fillWithPages,
  putStore,
  requireRoom,
  type StagedFile,
  Stores,
  syncFile,
} from "./ladybug-load.ts";
import { createStatement } from "./ladybug-schema.ts";
import { type Ladybug, openStore } from "./ladybug-store.ts";

/** A comparison whose rows wait as Parquet files, by the names of relations; no file where there is no row. */
export interface StagedComparison {
  readonly header: ComparisonHeader;
  readonly files: ReadonlyMap<string, StagedFile>;
}

/** Writes a comparison's rows as the files that the store copies its relations from. @param stem what their paths begin with */
export async function stageComparison(
  header: ComparisonHeader,
  tables: ComparisonBatches,
  stem: string,
): Promise<StagedComparison> {
  const files = new Map<string, StagedFile>();
  for (const { table, name, columns } of COMPARISON_RELATIONS) {
    const { rows } = tables[table];
    if (rows === 0) continue;
    const path = `${stem}${table}.parquet`;
    const file = newTableFile({ format: "parquet", path, columns, metadata: {}, choices: { kept: false } });
    await file.write(relationRows(header, table, tables[table]));
    await file.close();
    files.set(name, { path, rows });
  }
  return { header, files };
}

/**
 * Puts comparisons into the store at `path`, each in place of the one that it has of the two models.
 *
 * @param folder an empty folder on the same file system; made
 * @returns those that were left out, with the ids of the models that the store does not hold
 * @throws {Error} when another process has the store open for writing, or a relation's end does not exist; the store is then what it was
 */
export async function relateModels(
  lbug: Ladybug,
  { path, folder }: { readonly path: string; readonly folder: string },
  staged: readonly StagedComparison[],
  signal?: AbortSignal,
): Promise<readonly (readonly [ComparisonHeader, readonly string[]])[]> {
  const missingOf = (held: ReadonlySet<string>) => ({ base, other }: ComparisonHeader) =>
    [base.id, other.id].filter((id) => !held.has(id));
  if (!existsSync(path)) return staged.map(({ header }) => [header, missingOf(new Set())(header)] as const);
  await mkdir(folder, { recursive: true });
  const work = join(folder, "graph.lbug");
  // Held open, and so locked, until the new store is ready to take its place.
  const current = await openLocked(lbug, path);
  let left: readonly (readonly [ComparisonHeader, readonly string[]])[];
  try {
    const models = await current.run("MATCH (m:Model) RETURN m.id AS id");
    const missing = missingOf(new Set(models.map(({ id }) => String(id))));
    left = staged.map(({ header }) => [header, missing(header)] as const);
    const placed = staged.filter(({ header }) => missing(header).length === 0);
    if (placed.length === 0) return left;
    await current.run("CHECKPOINT");
    await endTableFiles();
    const rows = placed.flatMap(({ files }) => [...files.values()]).reduce((sum, file) => sum + file.rows, 0);
    await requireRoom(folder, rows, (await stat(path)).size);
    await fillWithPages(
      work,
      () => copyFile(path, work, constants.COPYFILE_FICLONE),
      async (pages) => {
        const stores = new Stores(() => openStore(lbug, work, "write", pages));
        try {
          await replaceRelations(stores, placed, folder, signal);
        } finally {
          await stores.close();
        }
      },
    );
    await syncFile(work);
    signal?.throwIfAborted();
  } finally {
    await current.close();
  }
  await putStore(work, path);
  return left.filter(([, ids]) => ids.length > 0);
}

async function replaceRelations(
  stores: Stores,
  staged: readonly StagedComparison[],
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const first = await stores.take(0);
  for (const relation of COMPARISON_RELATIONS) {
    await first.run(createStatement(relation));
    for (const { header: { base, other } } of staged) {
      await first.run(deleteStatement(relation), { base: base.id, other: other.id });
    }
  }
  for (const relation of COMPARISON_RELATIONS) {
    signal?.throwIfAborted();
    const files = staged.flatMap((comparison) => comparison.files.get(relation.name) ?? []);
    await copyTable(stores, relation, files, {}, folder);
  }
  await (await stores.take(0)).run("CHECKPOINT");
}

function deleteStatement({ name, ends: [from, to] }: (typeof COMPARISON_RELATIONS)[number]): string {
  const own = from === "Model" ? "id" : "model";
  return `MATCH (a:${from})-[r:${name}]->(b:${to}) WHERE a.${own} = $base AND b.${own} = $other DELETE r`;
}
