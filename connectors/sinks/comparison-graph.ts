/**
 * Comparisons in the property graph: relations from the base to the other model, between nodes that stand there. The same for every store;
 * what is said here follows from `COMPARISON_TABLES`.
 */

import {
  COMPARISON_TABLE_NAMES,
  COMPARISON_TABLES,
  type ComparisonTableName,
} from "../../src/model/comparison-tables.ts";
import type { ComparisonHeader } from "../../src/model/comparison.ts";
import type { ColumnData, ColumnSchema, TableBatch } from "../../src/model/tables.ts";
import { ENDS, type GraphTable, withoutNaN } from "./graph-schema.ts";
import { encodeModelId } from "./staging.ts";

/** How a table's rows become relations. */
interface Relation {
  readonly name: string;
  /** Labels of both nodes. */
  readonly ends: readonly [string, string];
  /** The columns that name the base's node and the other model's; none for the models themselves. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Columns that nodes say already. */
  readonly told: readonly string[];
  /** What tells relations between the same two nodes apart; absent where there is one. */
  readonly key?: string;
}

const LAYERS = { from: ["base_layer"], to: ["other_layer"] };

const RELATIONS: Readonly<Record<ComparisonTableName, Relation>> = {
  kinship: {
    name: "KIN",
    ends: ["Model", "Model"],
    from: [],
    to: [],
    told: ["base_id", "other_id", "base_uri", "other_uri"],
  },
  correspondences: {
    name: "CORRESPONDS",
    ends: ["Layer", "Layer"],
    ...LAYERS,
    told: ["base_name", "other_name"],
  },
  subspaces: {
    name: "SHARES_SUBSPACE",
    ends: ["Layer", "Layer"],
    ...LAYERS,
    told: [],
    key: "dimensions",
  },
  intruders: {
    name: "HAS_INTRUDER",
    ends: ["Layer", "SpectralNeuron"],
    from: ["base_layer"],
    to: ["other_layer", "other_neuron"],
    told: [],
  },
  matches: {
    name: "MATCHES",
    ends: ["SpectralNeuron", "SpectralNeuron"],
    from: ["base_layer", "base_neuron"],
    to: ["other_layer", "other_neuron"],
    told: [],
  },
  // A track that begins or ends here has a neuron on one side only: layers are on both.
  tracks: { name: "HAS_TRACK", ends: ["Layer", "Layer"], ...LAYERS, told: [], key: "track" },
};

/** A relation table that holds comparisons. */
export interface ComparisonRelation extends GraphTable {
  readonly table: ComparisonTableName;
  readonly ends: readonly [string, string];
  /** The property that tells relations between the same two nodes apart; null where there is one. */
  readonly key: string | null;
}

/**
 * The relation tables of comparisons. That between models is the last: where it says a comparison's key, all of the comparison is there.
 */
export const COMPARISON_RELATIONS: readonly ComparisonRelation[] = COMPARISON_TABLE_NAMES.map((table) => ({
  table,
  name: RELATIONS[table].name,
  ends: RELATIONS[table].ends,
  key: RELATIONS[table].key ?? null,
  columns: [...ENDS, ...propertiesOf(table)],
})).reverse();

/** Columns that become properties. As of models, NaN is null in every store. */
function propertiesOf(table: ComparisonTableName): readonly ColumnSchema[] {
  const { from, to, told } = RELATIONS[table];
  const others = new Set([...from, ...to, ...told]);
  return COMPARISON_TABLES[table].filter(({ name }) => !others.has(name)).map((column) =>
    column.type === "float64" ? { ...column, nullable: true } : column
  );
}

/** A comparison's rows as relations: the ids of both nodes, then the properties. */
export function relationRows(
  { base, other }: ComparisonHeader,
  table: ComparisonTableName,
  batch: TableBatch,
): TableBatch {
  const relation = RELATIONS[table];
  const column = (name: string): ColumnData => {
    const found = batch.columns[COMPARISON_TABLES[table].findIndex((each) => each.name === name)];
    if (found === undefined) throw new TypeError(`loading ${table} into the graph: found no column ${name}`);
    return found;
  };
  const ids = (model: string, parts: readonly string[]): ColumnData => {
    // A model's node has the id as it is, nodes below it have it encoded.
    const first = parts.length === 0 ? model : encodeModelId(model);
    const numbers = parts.map((part) => column(part).values);
    const values = Array.from(
      { length: batch.rows },
      (_, row) => [first, ...numbers.map((each) => each[row])].join("/"),
    );
    return { type: "utf8", values };
  };
  const properties = propertiesOf(table);
  return {
    schema: [...ENDS, ...properties],
    rows: batch.rows,
    columns: [
      ids(base.id, relation.from),
      ids(other.id, relation.to),
      ...properties.map(({ name }) => withoutNaN(column(name))),
    ],
  };
}
