/**
 * Rows on disk, in the batches in which they will go to the graph server: a run's edges come before the nodes that
 * they join, and a batch may have to be sent again.
 */

import type { ModelHeader } from "../../../src/model/ports.ts";
import type { ColumnData, ColumnSchema, TableBatch, TableName } from "../../../src/model/tables.ts";
import type { BatchSpool, Spooled } from "../batch-spool.ts";
import { columnOf, graphRows, NODES, RELATIONS, withoutNaN } from "../graph-schema.ts";

/** The tables that have a place in the graph. */
export type GraphTableName = keyof typeof NODES | keyof typeof RELATIONS;

/** Rows of one kind that touch the nodes of these layers only. */
export interface StagedBatch extends Spooled {
  readonly table: GraphTableName;
  /** The layer of neurons; both layers of edges, source first; none for what is loaded one batch after another. */
  readonly layers: readonly number[];
  readonly rows: number;
}

/**
 * Rows of one transaction: enough to hide the round trip. A server spends more on each row of a larger transaction (a quarter more
 * at 5000), and needs memory for it.
 */
const MOST_ROWS = 2500;

/** Bytes of one transaction, as they lie in our file. */
const MOST_BYTES = 2 ** 20;

/** The properties of a table's rows. Before those of relations stand two columns that name the ends: layers or neurons. */
export const PROPERTIES: Readonly<Record<GraphTableName, readonly ColumnSchema[]>> = {
  layers: NODES.layers.columns,
  neurons: NODES.neurons.columns,
  connections: RELATIONS.connections.properties,
  edges: RELATIONS.edges.properties,
};

/** The staged rows of one model. */
export class StagedRows {
  readonly batches: StagedBatch[] = [];
  readonly header: ModelHeader;
  readonly #spool: BatchSpool;

  constructor(header: ModelHeader, spool: BatchSpool) {
    this.header = header;
    this.#spool = spool;
  }

  async write(table: TableName, batch: TableBatch): Promise<void> {
    // The model's node is made with the load; what was skipped has none.
    if (table === "models" || table === "skipped") return;
    const { layers, columns } = placed(this.header, table, batch);
    const groups = new Map<string, number[]>();
    for (let row = 0; row < batch.rows; row++) {
      const key = layers.map((values) => values[row]).join(" ");
      const rows = groups.get(key);
      if (rows === undefined) groups.set(key, [row]);
      else rows.push(row);
    }
    for (const [key, rows] of groups) {
      const touched = key === "" ? [] : key.split(" ").map(Number);
      const perRow = rows.reduce((sum, row) => sum + rowBytes(columns, row), 0) / rows.length;
      const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_BYTES / perRow)));
      for (let at = 0; at < rows.length; at += most) {
        await this.#append(table, touched, columns, rows.slice(at, at + most));
      }
    }
  }

  /** The columns of one batch: keys, then properties. */
  async read(batch: StagedBatch): Promise<readonly ColumnData[]> {
    return await this.#spool.read(batch);
  }

  async #append(
    table: GraphTableName,
    layers: readonly number[],
    columns: readonly ColumnData[],
    rows: readonly number[],
  ): Promise<void> {
    const spooled = await this.#spool.write(columns.map((column) => picked(column, rows)));
    this.batches.push({ table, layers, rows: rows.length, ...spooled });
  }
}

function placed(model: ModelHeader, table: GraphTableName, batch: TableBatch): {
  readonly layers: readonly Int32Array[];
  readonly columns: readonly ColumnData[];
} {
  const column = (name: string) => columnOf(table, batch, name);
  const indices = (name: string) => {
    const found = column(name);
    if (found.type !== "int32") throw new TypeError(`staging ${table}: column ${name} holds ${found.type}`);
    return found.values;
  };
  if (table === "layers" || table === "neurons") {
    const [nodes] = graphRows(model, table, batch);
    return {
      layers: table === "layers" ? [] : [indices("layer_index")],
      columns: nodes?.batch.columns ?? [],
    };
  }
  const { source, target, properties } = RELATIONS[table];
  const [sourceLayer, sourceNeuron] = source;
  const [targetLayer, targetNeuron] = target;
  // Connections are few and small: they share batches, and each row says which layers it joins.
  const keys = sourceNeuron === undefined || targetNeuron === undefined
    ? [sourceLayer, targetLayer]
    : [sourceNeuron, targetNeuron];
  return {
    layers: table === "connections" ? [] : [sourceLayer, targetLayer].map(indices),
    columns: [...keys.map(column), ...properties.map(({ name }) => withoutNaN(column(name)))],
  };
}

function rowBytes(columns: readonly ColumnData[], row: number): number {
  return columns.reduce(
    (sum, column) => sum + (column.type === "utf8" ? 8 + 2 * (column.values[row]?.length ?? 0) : 9),
    0,
  );
}

function picked(column: ColumnData, rows: readonly number[]): ColumnData {
  const valid = column.valid === undefined
    ? {}
    : { valid: Uint8Array.from(rows, (row) => column.valid?.[row] ?? 1) };
  const at = (values: Int32Array | Float64Array | Uint8Array) => (row: number) => values[row] ?? 0;
  switch (column.type) {
    case "utf8":
      return { type: "utf8", values: rows.map((row) => column.values[row] ?? ""), ...valid };
    case "int32":
      return { type: "int32", values: Int32Array.from(rows, at(column.values)), ...valid };
    case "int64":
      return {
        type: "int64",
        values: BigInt64Array.from(rows, (row) => column.values[row] ?? 0n),
        ...valid,
      };
    case "float64":
      return { type: "float64", values: Float64Array.from(rows, at(column.values)), ...valid };
    case "bool":
      return { type: "bool", values: Uint8Array.from(rows, at(column.values)), ...valid };
  }
}
