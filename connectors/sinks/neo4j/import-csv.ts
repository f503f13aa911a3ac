/**
 * The property graph as CSV files for Neo4j's offline import (`neo4j-admin database import full`): one file per label and type,
 * with the labels and properties that the Neo4j sink writes.
 */

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { ColumnData, ColumnSchema, ColumnType } from "../../../src/model/tables.ts";
import { COMPARISON_RELATIONS } from "../comparison-graph.ts";
import { ENDS, GRAPH_TABLES, type GraphRows, type GraphTable, modelRow } from "../graph-schema.ts";
import type { StoredModel } from "../../readers/run-tables.ts";
import { encodeModelId } from "../staging.ts";

/** The import's words for types. The sink sends every integer as one of 64 bits. */
const TYPES: Readonly<Record<ColumnType, string>> = {
  utf8: "string",
  int32: "long",
  int64: "long",
  float64: "double",
  bool: "boolean",
};

/** The node of a model has a property more in Neo4j: a short name under which it is unique. */
const MODEL_KEY: ColumnSchema = { name: "key", type: "utf8", nullable: false };

/** CSV files that are being written. */
export class ImportCsv {
  /** Rows of each file, by name of its label or type. */
  readonly rows = new Map<string, number>();
  /** Whether a text holds a line break, which the import must be told. */
  multiline = false;
  readonly #files = new Map<string, FileHandle>();
  readonly #prefix: string;

  private constructor(labelPrefix: string) {
    this.#prefix = labelPrefix;
  }

  /**
   * Makes one file per table of the graph, with its header.
   *
   * @param folder exists and is empty
   * @param labelPrefix stands before every label
   * @param comparisons whether there are relations of comparisons
   */
  static async create(folder: string, labelPrefix = "", comparisons = false): Promise<ImportCsv> {
    const csv = new ImportCsv(labelPrefix);
    for (const table of tablesOf(comparisons)) {
      const handle = await open(join(folder, fileOf(table)), "wx");
      csv.#files.set(table.name, handle);
      csv.rows.set(table.name, 0);
      await handle.writeFile(`${headerOf(table).join(",")}\n`);
    }
    return csv;
  }

  /** The node of a model. */
  async writeModel({ header, runId }: StoredModel): Promise<void> {
    const { table, batch } = modelRow(header, runId);
    const key: ColumnData = { type: "utf8", values: [encodeModelId(header.id)] };
    await this.write({ table, batch: { ...batch, columns: [...batch.columns, key] } });
  }

  /** Nodes or relations. */
  async write({ table, batch }: GraphRows): Promise<void> {
    const handle = this.#files.get(table.name);
    if (handle === undefined) throw new TypeError(`exporting ${table.name}: there is no such file`);
    const kind = table.ends === undefined ? `${this.#prefix}${table.name}` : table.name;
    let text = "";
    for (let row = 0; row < batch.rows; row++) {
      for (const column of batch.columns) text += `${this.#cell(column, row)},`;
      text += `${kind}\n`;
    }
    // Unlike write, it does not come back before all is written.
    await handle.writeFile(text);
    this.rows.set(table.name, (this.rows.get(table.name) ?? 0) + batch.rows);
  }

  /** Flushes the files to the disk and closes them. */
  async close(): Promise<void> {
    for (const handle of this.#files.values()) await handle.sync();
    await this.abandon();
  }

  /** Closes the files as they are. */
  async abandon(): Promise<void> {
    await Promise.allSettled([...this.#files.values()].map((handle) => handle.close()));
  }

  /** Null is nothing at all; an empty text stands in quotes. */
  #cell(column: ColumnData, row: number): string {
    if (column.valid?.[row] === 0) return "";
    switch (column.type) {
      case "utf8": {
        const value = column.values[row] ?? "";
        if (/[\n\r]/.test(value)) this.multiline = true;
        return `"${value.replaceAll('"', '""')}"`;
      }
      case "float64": {
        const value = column.values[row] ?? 0;
        return Object.is(value, -0) ? "-0.0" : String(value);
      }
      case "bool":
        return column.values[row] === 1 ? "true" : "false";
      case "int32":
      case "int64":
        return String(column.values[row]);
    }
  }
}

function tablesOf(comparisons: boolean): readonly GraphTable[] {
  return comparisons ? [...GRAPH_TABLES, ...COMPARISON_RELATIONS] : GRAPH_TABLES;
}

function fileOf({ name }: GraphTable): string {
  return `${name}.csv`;
}

/** `id:ID(Layer),model:string,…,:LABEL` of nodes; `:START_ID(Layer),:END_ID(Layer),…,:TYPE` of relations. */
function headerOf({ name, ends, columns }: GraphTable): string[] {
  const typed = (column: ColumnSchema) => `${column.name}:${TYPES[column.type]}`;
  if (ends === undefined) {
    const [id, ...rest] = name === "Model" ? [...columns, MODEL_KEY] : columns;
    return [`${id?.name ?? "id"}:ID(${name})`, ...rest.map(typed), ":LABEL"];
  }
  const [source, target] = ends;
  const own = columns.slice(ENDS.length);
  return [`:START_ID(${source})`, `:END_ID(${target})`, ...own.map(typed), ":TYPE"];
}

/**
 * The arguments of `neo4j-admin` that import the files, for the folder that holds them.
 *
 * @param multiline whether a text holds a line break
 * @param comparisons whether there are relations of comparisons
 */
export function importArguments(
  database: string,
  multiline: boolean,
  comparisons = false,
): readonly string[] {
  const files = (nodes: boolean) =>
    tablesOf(comparisons).filter(({ ends }) => (ends === undefined) === nodes).map(fileOf);
  return [
    ...["database", "import", "full", database, "--id-type=string", "--bad-tolerance=0"],
    ...multiline ? ["--multiline-fields=true"] : [],
    ...files(true).map((file) => `--nodes=${file}`),
    ...files(false).map((file) => `--relationships=${file}`),
  ];
}
