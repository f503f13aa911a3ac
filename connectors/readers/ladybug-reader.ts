/** The embedded property graph, opened to be asked. */

import type { LbugValue, PreparedStatement, QueryResult } from "@ladybugdb/core";
import { messageOf, show } from "../../src/model/errors.ts";
import type { AnswerType, GraphReader, QueryAnswer } from "../../src/model/graph-reader.ts";
import { requireReading } from "./cypher-guard.ts";
import { loadLadybug, openStore, prepare, type Store } from "../sinks/ladybug/ladybug-store.ts";

/**
 * Opens a graph for reading, beside any process that writes it. What it answers is the graph of the moment it was opened.
 *
 * Answers hold numbers (of INT128 beyond 2^53: bigint), strings, booleans, null, Date, arrays and plain objects. A node or
 * relation is an object of its properties and `_label`; a path is `{nodes, relations}`. Parameters: integral numbers become
 * INT64, other numbers DOUBLE, bigints INT128.
 *
 * @param path the store's file, `<out>/graph.lbug`
 * @throws {Error} when there is no such file or it is no graph store
 * @example
 * import { openLadybugReader } from "svrflow";
 *
 * const graph = await openLadybugReader("my-run/graph.lbug");
 * const { rows } = await graph.query("MATCH (n:SpectralNeuron) WHERE n.neuron < $most RETURN count(*)", { most: 3 });
 * console.log(rows);
 * await graph.close();
 */
export async function openLadybugReader(path: string): Promise<GraphReader> {
  const store = await openStore(loadLadybug(), path, "read");
  return {
    dialect: "embedded",
    async query(cypher, parameters = {}) {
      requireReading(cypher);
      const statement = await prepareReading(store, cypher);
      const bound = Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [name, toStore(name, value)]),
      );
      return await answer(await store.connection.execute(statement, bound));
    },
    close: () => store.close(),
  };
}

/** A store opened for reading refuses to prepare what writes; what it prepares all the same must say that it only reads. */
async function prepareReading(store: Store, cypher: string): Promise<PreparedStatement> {
  const writes = (cause?: unknown) =>
    new SyntaxError(
      `reading the graph with ${
        show(cypher)
      }: found a clause that writes, required one statement that only reads`,
      { cause },
    );
  try {
    const statement = await prepare(store.connection, cypher);
    if (statement.isReadOnly()) return statement;
  } catch (failure) {
    throw /read-only database/i.test(messageOf(failure)) ? writes(failure) : failure;
  }
  throw writes();
}

async function answer(results: QueryResult | QueryResult[]): Promise<QueryAnswer> {
  const all = Array.isArray(results) ? results : [results];
  try {
    const [only] = all;
    if (only === undefined || all.length > 1) {
      throw new SyntaxError(`reading the graph: found ${all.length} answers, required one statement`);
    }
    const columns = await only.getColumnNames();
    const types = await only.getColumnDataTypes();
    requireDistinct(columns);
    const rows = (await only.getAll()).map((row) =>
      columns.map((column, at) => exact(column, types[at] ?? "", plain(row[column] ?? null)))
    );
    return { columns, rows, types: types.map(answerType) };
  } finally {
    for (const result of all) result.close();
  }
}

function answerType(type: string): AnswerType | null {
  if (/^U?INT(8|16|32|64|128)$/.test(type)) return "integer";
  return ({ DOUBLE: "number", FLOAT: "number", BOOL: "boolean", STRING: "text" } as const)[type] ?? null;
}

/** The store keys rows by column name, so equal names would hide a column. `__proto__` cannot be such a key. */
function requireDistinct(columns: readonly string[]): void {
  const twice = columns.find((column, at) => columns.indexOf(column) !== at || column === "__proto__");
  if (twice !== undefined) {
    throw new SyntaxError(
      `reading the graph: found column ${show(twice)}, required distinct names; rename it with AS`,
    );
  }
}

/** The store's driver rounds INT64 to a number. Where that shows, an answer would be wrong, so there is none. */
function exact(column: string, type: string, value: unknown): unknown {
  if (/^U?INT64$/.test(type) && typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(
      `reading the graph: column ${
        show(column)
      } holds an integer near ${value}, beyond what a number holds exactly; ` +
        `ask for CAST(… AS INT128) instead`,
    );
  }
  return value;
}

/** Values without the store's internal ids. */
function plain(value: LbugValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [plain(key), plain(entry)]));
  if (isPath(value)) return { nodes: value._nodes.map(plain), relations: value._rels.map(plain) };
  const entries: readonly [string, LbugValue][] = Object.entries(value);
  const graphElement = "_label" in value && "_id" in value;
  const kept = graphElement ? entries.filter(([key]) => !INTERNAL.has(key)) : entries;
  return Object.fromEntries(kept.map(([key, entry]) => [key, plain(entry)]));
}

const INTERNAL = new Set(["_id", "_src", "_dst"]);

function isPath(value: object): value is { _nodes: LbugValue[]; _rels: LbugValue[] } {
  return "_nodes" in value && "_rels" in value && Array.isArray(value._nodes) && Array.isArray(value._rels);
}

function toStore(name: string, value: unknown): LbugValue {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "bigint":
      return value;
    case "object":
      if (value === null || value instanceof Date) return value;
      if (Array.isArray(value)) return value.map((entry) => toStore(name, entry));
      break;
    default:
  }
  throw new TypeError(
    `reading the graph: parameter ${show(name)} is ${
      show(value)
    }, required text, a number, a truth value, null or a list`,
  );
}
