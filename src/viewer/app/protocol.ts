/** What the page and its worker say to each other. */

import type { ComparisonTableName } from "../../model/comparison-tables.ts";
import type { EdgeColumns, EdgeFilter } from "./edges.ts";

/** Tables whose rows are counted for each model. */
export type CountedTable = "layers" | "neurons" | "connections" | "edges" | "skipped";

/** A model as the index of the page names it. */
export interface IndexedModel {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  readonly series: string | null;
  readonly step: number | null;
  /** Rows of its tables, as the manifest says; null where there is none. */
  readonly rows: Readonly<Record<CountedTable, number>> | null;
  /** Address of the patterns of some neurons, in a page without a server; null where there are none. */
  readonly patterns: string | null;
  /** Addresses of Parquet files by table, relative to the page. */
  readonly tables: Readonly<Record<"layers" | "neurons" | "connections" | "edges", readonly string[]>>;
}

/** Two models that were compared. */
export interface IndexedComparison {
  /** Ids; the tables of a model may not be there. */
  readonly base: string;
  readonly other: string;
  /** Addresses of Parquet files by table. */
  readonly tables: Readonly<Record<ComparisonTableName, readonly string[]>>;
}

/** `data/index.json`. */
export interface Index {
  /** The run's folder or the lake, as the user wrote it. */
  readonly name: string;
  readonly models: readonly IndexedModel[];
  readonly comparisons: readonly IndexedComparison[];
  /** Whether `data/report.json` and `data/report.html` are there. */
  readonly report: boolean;
  /** Whether a graph can be asked, at `api/query`. */
  readonly queries: readonly LibraryEntry[] | null;
  /** Which store answers Cypher there. */
  readonly graph: "embedded" | "neo4j";
  /** Whether the tables can be asked in SQL, at `api/sql`; null in a page without a server. */
  readonly sql: SqlConsole | null;
  /** Whether what neurons look like can be asked, at `api/patterns` and `api/filter`. */
  readonly weights: boolean;
}

/** A query of the library. */
export interface LibraryEntry {
  readonly name: string;
  readonly answers: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly type: string;
    readonly default: string | null;
  }[];
}

/** A query of the library with its form in SQL. */
export interface SqlEntry extends LibraryEntry {
  readonly text: string;
}

/** What can be asked in SQL. */
export interface SqlConsole {
  readonly queries: readonly SqlEntry[];
  /** Why nothing can be asked, and what to do; null where it can. */
  readonly lacks: string | null;
}

/** A row of a table by column; integers beyond 2^53 do not occur. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** A layer with its spectrum. */
export interface ViewedLayer {
  readonly row: Row;
  readonly name: string;
  readonly kind: string;
  /** Descending, as long as the layer has neurons. */
  readonly singularValues: Float64Array;
  readonly intensity: Float64Array;
  readonly nearKernel: Uint8Array;
  readonly nullNeuron: Uint8Array;
  /** How far each neuron is from a singular triplet; NaN where all neurons of the layer were computed. */
  readonly residual: Float64Array;
  /** 0 for neurons that are not tested, for they have not converged. */
  readonly converged: Uint8Array;
}

/** A model as the page draws it. */
export interface ViewedModel {
  readonly layers: readonly ViewedLayer[];
  readonly connections: readonly Row[];
}

/** Matched neurons; a row is an index into each column. */
export interface MatchColumns {
  readonly baseLayer: Int32Array;
  readonly baseNeuron: Int32Array;
  readonly otherLayer: Int32Array;
  readonly otherNeuron: Int32Array;
  /** In [-1, 1]. */
  readonly similarity: Float64Array;
  /** NaN where the pair cannot be tested. */
  readonly logP: Float64Array;
}

/** Singular values of a model's layers by index, descending; empty where its tables are not there. */
export type Spectra = readonly Float64Array[];

/** A comparison. */
export interface Comparison {
  /** The row of the table `kinship`. */
  readonly kinship: Row;
  readonly correspondences: readonly Row[];
  readonly subspaces: readonly Row[];
  readonly intruders: readonly Row[];
  readonly matches: MatchColumns;
  readonly base: Spectra;
  readonly other: Spectra;
}

/** Tracks of a layer in one comparison. */
export interface WantedTracks {
  readonly files: readonly string[];
  /** Index of the layer in the other model. */
  readonly layer: number;
}

/** What the page asks. */
export type Question =
  | { readonly ask: "model"; readonly tables: IndexedModel["tables"] }
  | { readonly ask: "strongest"; readonly filter: EdgeFilter; readonly most: number }
  | { readonly ask: "neuron"; readonly layer: number; readonly neuron: number }
  | { readonly ask: "connection"; readonly connection: readonly [number, number, number] }
  /** Models whose tables are not there have none. */
  | {
    readonly ask: "comparison";
    readonly tables: IndexedComparison["tables"];
    readonly base: IndexedModel["tables"] | null;
    readonly other: IndexedModel["tables"] | null;
  }
  /** The singular values of a model's layers. */
  | { readonly ask: "spectra"; readonly tables: IndexedModel["tables"] }
  /** All rows of small tables, one after another. */
  | { readonly ask: "rows"; readonly files: readonly (readonly string[])[] }
  /** Rows of tables `tracks`, one after another, each of one layer of the other model. */
  | { readonly ask: "tracks"; readonly of: readonly WantedTracks[] };

/** What the worker answers; each belongs to the question of the same number. */
export type Answer =
  | { readonly of: "model"; readonly model: ViewedModel; readonly edges: number }
  | { readonly of: "strongest"; readonly passed: number; readonly edges: EdgeColumns }
  | { readonly of: "edges"; readonly edges: EdgeColumns }
  | { readonly of: "comparison"; readonly comparison: Comparison }
  | { readonly of: "spectra"; readonly spectra: Spectra }
  | { readonly of: "rows"; readonly rows: readonly (readonly Row[])[] }
  | { readonly of: "progress"; readonly done: number; readonly total: number }
  | { readonly of: "failure"; readonly message: string };

/** A question or an answer on its way. */
export interface Envelope<T> {
  readonly number: number;
  readonly content: T;
}
