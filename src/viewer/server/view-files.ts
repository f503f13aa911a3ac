/** What a page may read of a run: the index of its models, its tables, its report. */

import type { LakePlace } from "../../../connectors/lake/place.ts";
import { readManifest } from "../../../connectors/lake/manifest.ts";
import { storedModels, tablePaths } from "../../../connectors/readers/run-tables.ts";
import { COMPARISON_TABLE_NAMES } from "../../model/comparison-tables.ts";
import type { WrittenFile } from "../../model/ports.ts";
import type { CountedTable, Index, IndexedComparison, IndexedModel } from "../app/protocol.ts";

/** The index of the page, and which files of the lake it names. */
export interface ViewIndex {
  readonly index: Index;
  /** Paths in the lake by their addresses in the page, which begin with `tables/`. */
  readonly paths: ReadonlyMap<string, string>;
}

/**
 * The models of a run or a lake, and where their tables are.
 *
 * @param has what there is beside the tables
 * @throws {Error} when there are no tables
 */
export async function viewIndex(
  lake: LakePlace,
  has: Pick<Index, "report" | "queries" | "graph" | "sql" | "weights">,
): Promise<ViewIndex> {
  const paths = new Map<string, string>();
  const models: IndexedModel[] = [];
  for (const model of await storedModels(lake)) {
    const { id, uri, format, series, step } = model.header;
    const filesOf = async (table: keyof IndexedModel["tables"]) => {
      const found = await tablePaths(lake, model, table);
      for (const path of found) paths.set(addressOf(path), path);
      return found.map((path) => encoded(addressOf(path)));
    };
    models.push({
      id,
      uri,
      format,
      series: series ?? null,
      step: step ?? null,
      rows: model.files === undefined ? null : rowsOf(model.files),
      patterns: null,
      tables: {
        layers: await filesOf("layers"),
        neurons: await filesOf("neurons"),
        connections: await filesOf("connections"),
        edges: await filesOf("edges"),
      },
    });
  }
  const comparisons = ((await readManifest(lake))?.comparisons ?? []).map(({ base, other, files }) => {
    const tables = Object.fromEntries(COMPARISON_TABLE_NAMES.map((name) => [name, [] as string[]]));
    for (const { table, path } of files) {
      paths.set(addressOf(path), path);
      tables[table]?.push(encoded(addressOf(path)));
    }
    return { base, other, tables: tables as unknown as IndexedComparison["tables"] };
  });
  return { index: { name: lake.name, models, comparisons, ...has }, paths };
}

/** Rows by table. */
function rowsOf(files: readonly WrittenFile[]): Readonly<Record<CountedTable, number>> {
  const of = (wanted: CountedTable) =>
    files.reduce((sum, { table, rows }) => table === wanted ? sum + rows : sum, 0);
  return {
    layers: of("layers"),
    neurons: of("neurons"),
    connections: of("connections"),
    edges: of("edges"),
    skipped: of("skipped"),
  };
}

/** The address of a lake's file in the page, before it is encoded. */
const addressOf = (path: string) => `tables/${path}`;

/** Names of folders hold `%2F` themselves: in an address the `%` is encoded once more. */
const encoded = (address: string) => address.split("/").map(encodeURIComponent).join("/");
