/**
 * The tables that a comparison of two models leaves: one schema each, shared by every sink. They are Hive-partitioned by the other
 * model and by the base, so a comparison that is made again replaces its own rows and no others.
 */

import { CORRESPONDENCE_COLUMNS } from "./tables/comparisons/correspondences.ts";
import { INTRUDER_COLUMNS } from "./tables/comparisons/intruders.ts";
import { KINSHIP_COLUMNS } from "./tables/comparisons/kinship.ts";
import { MATCH_COLUMNS } from "./tables/comparisons/matches.ts";
import { SUBSPACE_COLUMNS } from "./tables/comparisons/subspaces.ts";
import { TRACK_COLUMNS } from "./tables/comparisons/tracks.ts";
import type { TableColumn } from "./tables/column.ts";
import { TABLE_ROWS, type TableName, TABLES } from "./tables.ts";

/** The tables of a comparison. */
export type ComparisonTableName =
  | "kinship"
  | "correspondences"
  | "subspaces"
  | "intruders"
  | "matches"
  | "tracks";

/** Any table of a lake. */
export type AnyTableName = TableName | ComparisonTableName;

/**
 * The columns of every table of a comparison, in order.
 *
 * @example
 * import { COMPARISON_TABLES } from "svrflow";
 *
 * for (const { name, type } of COMPARISON_TABLES.matches) console.log(name, type);
 */
export const COMPARISON_TABLES: Readonly<Record<ComparisonTableName, readonly TableColumn[]>> = {
  kinship: KINSHIP_COLUMNS,
  correspondences: CORRESPONDENCE_COLUMNS,
  subspaces: SUBSPACE_COLUMNS,
  intruders: INTRUDER_COLUMNS,
  matches: MATCH_COLUMNS,
  tracks: TRACK_COLUMNS,
};

/** The columns of every table of a lake. */
export const ALL_TABLES: Readonly<Record<AnyTableName, readonly TableColumn[]>> = {
  ...TABLES,
  ...COMPARISON_TABLES,
};

/** What a row of each is. */
export const COMPARISON_TABLE_ROWS: Readonly<Record<ComparisonTableName, string>> = {
  kinship: "the comparison itself (there is one): whether two models are of one lineage",
  correspondences: "a pair of layers that correspond, and what changed between them",
  subspaces: "a pair of layers that correspond, and a number of leading neurons whose subspaces are compared",
  intruders: "a leading neuron of the other model that resembles none of the base's",
  matches: "a pair of neurons of corresponding layers that are each other's most similar",
  tracks:
    "a track of a series that is in either model, where the other is the base's next checkpoint; else none",
};

/** What a row of each table of a lake is. */
export const ALL_TABLE_ROWS: Readonly<Record<AnyTableName, string>> = {
  ...TABLE_ROWS,
  ...COMPARISON_TABLE_ROWS,
};

/** Their names, in the order in which they are written. */
export const COMPARISON_TABLE_NAMES = Object.keys(COMPARISON_TABLES) as readonly ComparisonTableName[];
