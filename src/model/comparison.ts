/** A comparison of two models as sinks are given it. */

import type { ComparisonTableName } from "./comparison-tables.ts";
import type { TableBatch } from "./tables.ts";

/** A model as a comparison names it. */
export interface ComparedHeader {
  readonly id: string;
  readonly uri: string;
  /** Hex digest of its files and of every setting that shapes its layers. */
  readonly content: string;
}

/** What a sink is told of a comparison. */
export interface ComparisonHeader {
  /** The earlier model, and the one that was compared with it. */
  readonly base: ComparedHeader;
  readonly other: ComparedHeader;
  /** Hex digest of both models' content and of every setting that shapes the comparison. */
  readonly key: string;
}

/** The rows of a comparison, by table. */
export type ComparisonBatches = Readonly<Record<ComparisonTableName, TableBatch>>;
