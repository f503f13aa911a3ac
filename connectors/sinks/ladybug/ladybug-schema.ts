/**
 * The property graph's tables in the words of the embedded store: how they are made, and how they are copied from staged rows. Those are
 * the rows of a run's tables, with a number for their model: ids are texts, of which every neuron has one and every edge two, and the
 * store puts them together itself.
 */

import { type ColumnSchema, type ColumnType, type TableName, TABLES } from "../../../src/model/tables.ts";
import { ENDS, type GraphTable } from "../graph-schema.ts";
import { encodeModelId } from "../staging.ts";

const STORE_TYPES: Readonly<Record<ColumnType, string>> = {
  utf8: "STRING",
  int32: "INT32",
  int64: "INT64",
  float64: "DOUBLE",
  bool: "BOOLEAN",
};

/** The statement that makes a table where it does not exist. Names are quoted: `group` is a word of the language. */
export function createStatement({ name, ends, columns }: GraphTable): string {
  const own = ends === undefined ? columns : columns.slice(ENDS.length);
  const types = own.map((column) => `${quoted(column.name)} ${STORE_TYPES[column.type]}`);
  if (ends === undefined) {
    return `CREATE NODE TABLE IF NOT EXISTS ${name}(${types.join(", ")}, PRIMARY KEY(${
      quoted(columns[0]!.name)
    }))`;
  }
  return `CREATE REL TABLE IF NOT EXISTS ${name}(${[`FROM ${ends[0]} TO ${ends[1]}`, ...types].join(", ")})`;
}

const quoted = (name: string) => `\`${name}\``;

/** What a staged file holds: rows of a run's table, or nodes of models as they are. */
export type StagedTable = TableName | "Model";

const NUMBER: ColumnSchema = { name: "model_number", type: "int32", nullable: false };

/** Columns of a run's table as it is staged: the number of the row's model first, which counts from 0. NaN has become null. */
export function stagedColumns(table: TableName): readonly ColumnSchema[] {
  const own = TABLES[table].map((column) =>
    column.type === "float64" ? { ...column, nullable: true } : column
  );
  return [NUMBER, ...own];
}

/** The id of a row's model, out of a list of all. */
const MODEL = `list_extract($ids, ${NUMBER.name} + 1)`;

/** The id of a node: its model's, encoded, and numbers. */
const idOf = (...numbers: readonly string[]) =>
  `concat(${
    [`list_extract($encoded, ${NUMBER.name} + 1)`, ...numbers.map((name) => `'/', CAST(${name} AS STRING)`)]
      .join(", ")
  })`;

/** What a table is copied from, and what its first columns are; the others have the names of the staged ones. */
interface Origin {
  readonly table: StagedTable;
  readonly first: readonly string[];
}

const ORIGINS: Readonly<Record<string, Origin>> = {
  Model: { table: "Model", first: [] },
  Layer: { table: "layers", first: [idOf("layer_index"), MODEL, "layer_index"] },
  SpectralNeuron: { table: "neurons", first: [idOf("layer_index", "neuron"), MODEL, "layer_index"] },
  HAS_LAYER: { table: "layers", first: [MODEL, idOf("layer_index")] },
  HAS_NEURON: { table: "neurons", first: [idOf("layer_index"), idOf("layer_index", "neuron")] },
  FEEDS: { table: "connections", first: [idOf("source_layer"), idOf("target_layer")] },
  CONNECTS: {
    table: "edges",
    first: [idOf("source_layer", "source_neuron"), idOf("target_layer", "target_neuron")],
  },
};

function originOf({ name }: GraphTable): Origin {
  const origin = ORIGINS[name];
  if (origin === undefined) throw new TypeError(`loading ${name} into the graph: found no rows for it`);
  return origin;
}

/** Which staged rows a table is copied from: each becomes one of its own. */
export function stagedFor(table: GraphTable): StagedTable {
  return originOf(table).table;
}

/**
 * The statement that copies a table from staged files; it takes `copyParameters`.
 *
 * @param paths without what COPY takes for a pattern
 */
export function copyStatement(table: GraphTable, paths: readonly string[]): string {
  // Relations of comparisons are staged as they are.
  const first = ORIGINS[table.name]?.first ?? [];
  const rest = table.columns.slice(first.length).map(({ name }) => quoted(name));
  return `COPY ${table.name} FROM (LOAD FROM [${paths.map(literal).join(", ")}] RETURN ${
    [...first, ...rest].join(", ")
  })`;
}

/** The ids of all models, by their numbers: as they are, and as they begin the ids of nodes. */
export function copyParameters(ids: readonly string[]): Readonly<Record<string, string[]>> {
  return { ids: [...ids], encoded: ids.map(encodeModelId) };
}

/** A Cypher string literal. */
function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
