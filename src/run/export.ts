/** The tables of a run in the form that another program loads. */

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type LakeComparison, readManifest } from "../../connectors/lake/manifest.ts";
import { openLake } from "../../connectors/lake/open.ts";
import { COMPARISON_RELATIONS, relationRows } from "../../connectors/sinks/comparison-graph.ts";
import { graphRows } from "../../connectors/sinks/graph-schema.ts";
import { importArguments, ImportCsv } from "../../connectors/sinks/neo4j/import-csv.ts";
import { readComparison, readTable, storedModels } from "../../connectors/readers/run-tables.ts";
import { show } from "../model/errors.ts";
import { TABLE_NAMES } from "../model/tables.ts";

/** What an export may be told. */
export interface ExportOptions {
  /** Folder to make; default `<run>/neo4j-admin`. */
  readonly to?: string;
  /** Default: `neo4j`. */
  readonly database?: string;
  /** Stands before every label; default: nothing. */
  readonly labelPrefix?: string;
  /** Where the tables lie, a folder or `s3://bucket/prefix`. Default: the run's folder. */
  readonly lake?: string;
  readonly signal?: AbortSignal;
}

/** What an export left. */
export interface Exported {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Arguments of `neo4j-admin`, for a process in that folder. */
  readonly arguments: readonly string[];
  /** Rows by label and type. */
  readonly rows: Readonly<Record<string, number>>;
  /** Comparisons that were left out: not both of their models have tables. */
  readonly left: readonly { readonly base: string; readonly other: string }[];
}

/** So that neither label nor database needs quoting anywhere. */
const PREFIX = /^(?:[A-Za-z_][A-Za-z0-9_]{0,63})?$/;
const DATABASE = /^[A-Za-z][A-Za-z0-9.-]{2,62}$/;

/**
 * Writes a run's Parquet tables as CSV files for Neo4j's offline import, all models of the output folder, or of the lake, and their comparisons.
 * The folder appears whole or not at all; memory follows the rows of one comparison, and not those of models.
 *
 * @throws {RangeError} when the folder exists, or the database or the prefix has a name that Neo4j does not take
 * @throws {Error} when the run's folder holds no tables; SyntaxError when a file in it is none
 * @example
 * import { exportForNeo4jAdmin } from "svrflow/run";
 *
 * const { folder, arguments: args } = await exportForNeo4jAdmin("my-run", { database: "networks" });
 * console.log(`in ${folder}: neo4j-admin ${args.join(" ")}`);
 */
export async function exportForNeo4jAdmin(run: string, options: ExportOptions = {}): Promise<Exported> {
  const { database = "neo4j", labelPrefix = "", signal } = options;
  const folder = resolve(options.to ?? join(run, "neo4j-admin"));
  if (!DATABASE.test(database)) {
    throw new RangeError(`database: found ${show(database)}, required a name such as neo4j`);
  }
  if (!PREFIX.test(labelPrefix)) {
    throw new RangeError(
      `label prefix: found ${show(labelPrefix)}, required letters, digits and underscores`,
    );
  }
  if (existsSync(folder)) {
    throw new RangeError(
      `exporting to ${folder}: found that it exists, required a folder that is yet to be made`,
    );
  }
  const lake = await openLake(options.lake ?? run);
  const models = await storedModels(lake);
  const stored = new Set(models.map(({ header }) => header.id));
  const all = (await readManifest(lake))?.comparisons ?? [];
  const isStored = ({ base, other }: LakeComparison) => stored.has(base) && stored.has(other);
  const comparisons = all.filter(isStored);
  const left = all.filter((each) => !isStored(each));
  const staging = join(dirname(folder), `.${basename(folder)}-${randomBytes(4).toString("hex")}`);
  await mkdir(staging, { recursive: true });
  try {
    const csv = await ImportCsv.create(staging, labelPrefix, comparisons.length > 0);
    try {
      for (const model of models) {
        await csv.writeModel(model);
        for (const table of TABLE_NAMES) {
          if (table === "skipped") continue;
          for await (const batch of readTable(lake, model, table)) {
            signal?.throwIfAborted();
            for (const rows of graphRows(model.header, table, batch)) await csv.write(rows);
          }
        }
      }
      for (const comparison of comparisons) {
        const rows = await readComparison(lake, comparison);
        const { base, other, base_uri, other_uri, base_content, other_content, key } = comparison;
        const header = {
          base: { id: base, uri: base_uri, content: base_content },
          other: { id: other, uri: other_uri, content: other_content },
          key,
        };
        for (const table of COMPARISON_RELATIONS) {
          signal?.throwIfAborted();
          await csv.write({ table, batch: relationRows(header, table.table, rows[table.table]) });
        }
      }
      await csv.close();
    } catch (failure) {
      await csv.abandon();
      throw failure;
    }
    await rename(staging, folder);
    return {
      folder,
      arguments: importArguments(database, csv.multiline, comparisons.length > 0),
      rows: Object.fromEntries(csv.rows),
      left: left.map(({ base, other }) => ({ base, other })),
    };
  } catch (failure) {
    await rm(staging, { recursive: true, force: true });
    throw failure;
  }
}
