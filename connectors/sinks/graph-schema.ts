/**
 * The property graph: its tables, and how the rows of a run become its nodes and relations. The same for every store; what
 * is said here follows from `TABLES`.
 */

import type { ModelHeader } from "../../src/model/ports.ts";
import {
  type ColumnData,
  type ColumnSchema,
  type TableBatch,
  type TableName,
  TABLES,
} from "../../src/model/tables.ts";
import { encodeModelId } from "./staging.ts";

/** A node or relation table. Its rows have exactly `columns`, in order; a relation's begin with its two ends. */
export interface GraphTable {
  readonly name: string;
  /** Node tables joined, source first; absent for a node table, whose first column is its primary key. */
  readonly ends?: readonly [string, string];
  readonly columns: readonly ColumnSchema[];
}

const text = (name: string): ColumnSchema => ({ name, type: "utf8", nullable: false });
const index = (name: string): ColumnSchema => ({ name, type: "int32", nullable: false });
/** The two columns that a relation's rows begin with. */
export const ENDS: readonly ColumnSchema[] = [text("from"), text("to")];

/**
 * Columns of a table that become properties: all but those that become ids. NaN becomes null, because Ladybug 0.19.1
 * takes a column whose first value is NaN for constant and then answers NaN for all of it; in every store, so that one
 * query has one answer.
 */
function properties(table: TableName, ...identity: readonly string[]): readonly ColumnSchema[] {
  return TABLES[table].filter((column) => !identity.includes(column.name))
    .map((column) => column.type === "float64" ? { ...column, nullable: true } : column);
}

const LAYER_ID = ["layer_index"];
const NEURON_ID = ["layer_index", "neuron"];
const FEEDS_ENDS = ["source_layer", "target_layer"];
const CONNECTS_ENDS = ["source_layer", "source_neuron", "target_layer", "target_neuron"];

const MODEL: GraphTable = {
  name: "Model",
  columns: [
    ...["id", "uri", "format", "run_id"].map(text),
    { name: "series", type: "utf8", nullable: true },
    { name: "step", type: "float64", nullable: true },
  ],
};
const LAYER: GraphTable = {
  name: "Layer",
  columns: [text("id"), text("model"), index("layer"), ...properties("layers", ...LAYER_ID)],
};
const NEURON: GraphTable = {
  name: "SpectralNeuron",
  columns: [
    text("id"),
    text("model"),
    index("layer"),
    index("neuron"),
    ...properties("neurons", ...NEURON_ID),
  ],
};
const HAS_LAYER: GraphTable = { name: "HAS_LAYER", ends: ["Model", "Layer"], columns: ENDS };
const HAS_NEURON: GraphTable = { name: "HAS_NEURON", ends: ["Layer", "SpectralNeuron"], columns: ENDS };
const FEEDS: GraphTable = {
  name: "FEEDS",
  ends: ["Layer", "Layer"],
  columns: [...ENDS, ...properties("connections", ...FEEDS_ENDS)],
};
const CONNECTS: GraphTable = {
  name: "CONNECTS",
  ends: ["SpectralNeuron", "SpectralNeuron"],
  columns: [...ENDS, ...properties("edges", ...CONNECTS_ENDS)],
};

/** Relations between nodes of one kind: the columns that name the two ends, and those that become properties. */
export const RELATIONS = {
  connections: {
    type: FEEDS.name,
    source: ["source_layer"],
    target: ["target_layer"],
    properties: properties("connections", ...FEEDS_ENDS),
  },
  edges: {
    type: CONNECTS.name,
    source: ["source_layer", "source_neuron"],
    target: ["target_layer", "target_neuron"],
    properties: properties("edges", ...CONNECTS_ENDS),
  },
} as const;

/** Nodes by the table that their rows come from. */
export const NODES = { layers: LAYER, neurons: NEURON } as const;

/** All tables of the graph, nodes before the relations that need them: the order in which they are made and loaded. */
export const GRAPH_TABLES: readonly GraphTable[] = [
  MODEL,
  LAYER,
  NEURON,
  HAS_LAYER,
  HAS_NEURON,
  FEEDS,
  CONNECTS,
];

/** Rows for one table of the graph. */
export interface GraphRows {
  readonly table: GraphTable;
  readonly batch: TableBatch;
}

/** The node of the model itself, which also records the run that wrote it. */
export function modelRow(model: ModelHeader, runId: string): GraphRows {
  const { id, uri, format, series, step } = model;
  const absent = { valid: Uint8Array.of(0) };
  return rows(MODEL, 1, [
    ...[id, uri, format, runId].map((value) => strings([value])),
    { type: "utf8", values: [series ?? ""], ...series === undefined ? absent : {} },
    { type: "float64", values: Float64Array.of(step ?? 0), ...step === undefined ? absent : {} },
  ]);
}

/**
 * Nodes and relations of a batch. Ids are `<encoded model>/<layer>` and `<encoded model>/<layer>/<neuron>`; an encoded
 * model id holds no slash, so ids are unique over all models.
 *
 * @param batch fits `TABLES[table]`
 * @returns nodes first; nothing for `models`, whose node is `modelRow`, and `skipped`, which has no place in the graph
 */
export function graphRows(model: ModelHeader, table: TableName, batch: TableBatch): readonly GraphRows[] {
  const prefix = encodeModelId(model.id);
  const column = (name: string) => columnOf(table, batch, name);
  const ids = (...parts: readonly string[]) => {
    const numbers = parts.map((part) => column(part).values);
    return strings(fill(batch.rows, (row) => [prefix, ...numbers.map((values) => values[row])].join("/")));
  };
  const models = () => strings(fill(batch.rows, () => model.id));
  const rest = (...identity: readonly string[]) =>
    properties(table, ...identity).map(({ name }) => withoutNaN(column(name)));
  switch (table) {
    case "layers": {
      const id = ids("layer_index");
      const from = strings(fill(batch.rows, () => model.id));
      return [
        rows(LAYER, batch.rows, [id, models(), column("layer_index"), ...rest(...LAYER_ID)]),
        rows(HAS_LAYER, batch.rows, [from, id]),
      ];
    }
    case "neurons": {
      const id = ids(...NEURON_ID);
      return [
        rows(NEURON, batch.rows, [id, models(), ...NEURON_ID.map(column), ...rest(...NEURON_ID)]),
        rows(HAS_NEURON, batch.rows, [ids("layer_index"), id]),
      ];
    }
    case "connections":
      return [rows(FEEDS, batch.rows, [...FEEDS_ENDS.map((end) => ids(end)), ...rest(...FEEDS_ENDS)])];
    case "edges": {
      const ends = [ids("source_layer", "source_neuron"), ids("target_layer", "target_neuron")];
      return [rows(CONNECTS, batch.rows, [...ends, ...rest(...CONNECTS_ENDS)])];
    }
    case "models":
    case "skipped":
      return [];
  }
}

/** A column with null in place of NaN. */
export function withoutNaN(column: ColumnData): ColumnData {
  if (column.type !== "float64") return column;
  const { values, valid } = column;
  let nulls: Uint8Array | null = null;
  for (let i = 0; i < values.length; i++) {
    if (values[i]! === values[i]!) continue;
    nulls ??= valid?.slice() ?? new Uint8Array(values.length).fill(1);
    nulls[i] = 0;
  }
  return nulls === null ? column : { ...column, valid: nulls };
}

function rows(table: GraphTable, count: number, columns: readonly ColumnData[]): GraphRows {
  return { table, batch: { schema: table.columns, rows: count, columns } };
}

function strings(values: readonly string[]): ColumnData {
  return { type: "utf8", values };
}

function fill(count: number, value: (row: number) => string): string[] {
  return Array.from({ length: count }, (_, row) => value(row));
}

/** A column of a batch, by name. @throws {TypeError} when the batch has none such */
export function columnOf(table: TableName, batch: TableBatch, name: string): ColumnData {
  const column = batch.columns[TABLES[table].findIndex((candidate) => candidate.name === name)];
  if (column === undefined) throw new TypeError(`loading ${table} into the graph: found no column ${name}`);
  return column;
}
