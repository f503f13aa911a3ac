/** The property graph on a graph server, opened to be asked. */

import neo4j, { type Record as DriverRecord } from "neo4j-driver";
import { messageOf, show } from "../../src/model/errors.ts";
import type { AnswerType, GraphReader, QueryAnswer } from "../../src/model/graph-reader.ts";
import { requireReading } from "./cypher-guard.ts";
import { codeOf, connectServer, inWords } from "../sinks/neo4j/neo4j-server.ts";
import { type Neo4jChoices, neo4jSettings } from "../sinks/neo4j/neo4j-settings.ts";

/**
 * Opens the graph on a server for reading. Every statement runs in a transaction that may only read, after the guard has seen
 * that it neither calls procedures nor fetches files.
 *
 * Answers hold what those of the embedded store hold: numbers (beyond 2^53: bigint), strings, booleans, null, Date, arrays and
 * plain objects. A node or relation is an object of its properties and `_label`; a path is `{nodes, relations}`. Other
 * values (durations, points) are text. Parameters: integral numbers and bigints become INTEGER, other numbers FLOAT.
 *
 * @throws {RangeError} when a setting is out of range, or there are no credentials
 * @throws {Error} when the server cannot be reached or refuses
 * @example
 * import { openNeo4jReader } from "svrflow";
 *
 * // User and password from NEO4J_USERNAME and NEO4J_PASSWORD.
 * const graph = await openNeo4jReader({ uri: "neo4j://localhost:7687" });
 * const { columns, rows } = await graph.query("MATCH (m:Model) RETURN m.id ORDER BY m.id");
 * console.log(columns, rows);
 * await graph.close();
 */
export async function openNeo4jReader(choices: Neo4jChoices = {}): Promise<GraphReader> {
  const settings = neo4jSettings(choices);
  const server = await connectServer(settings, "bigint");
  return {
    dialect: "neo4j",
    labelPrefix: settings.labelPrefix,
    async query(cypher, parameters = {}) {
      requireReading(cypher, "neo4j");
      const bound = Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [name, toServer(name, value)]),
      );
      const session = server.reading();
      try {
        return await session.executeRead(async (tx) => {
          const result = tx.run(cypher, bound);
          const columns = await result.keys();
          return answerOf(columns, (await result).records);
        });
      } catch (failure) {
        throw refused(cypher, failure) ?? inWords(settings, failure);
      } finally {
        // The answer, or what went wrong, is known by then.
        await session.close().catch(() => undefined);
      }
    },
    close: () => server.close(),
  };
}

/** Statements that the server does not understand, or that write. */
function refused(cypher: string, failure: unknown): SyntaxError | undefined {
  const code = codeOf(failure);
  const doing = `reading the graph with ${show(cypher)}`;
  if (code === "Neo.ClientError.Statement.AccessMode") {
    return new SyntaxError(
      `${doing}: found a clause that writes, required one statement that only reads`,
      { cause: failure },
    );
  }
  return code.startsWith("Neo.ClientError.Statement.")
    ? new SyntaxError(`${doing}: ${messageOf(failure)}`, { cause: failure })
    : undefined;
}

function answerOf(columns: readonly PropertyKey[], records: readonly DriverRecord[]): QueryAnswer {
  return {
    columns: columns.map(String),
    rows: records.map((record) => columns.map((_, at) => plain(record.get(at)))),
    types: columns.map((_, at) => answerType(records.map((record): unknown => record.get(at)))),
  };
}

/** The server tells no types; the driver gives INTEGER as bigint, FLOAT as number. */
function answerType(values: readonly unknown[]): AnswerType | null {
  const kinds = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  const [only] = kinds;
  if (kinds.size !== 1 || only === undefined) return null;
  return ({ bigint: "integer", number: "number", boolean: "boolean", string: "text" } as const)[
    only as string
  ] ?? null;
}

/** Values as the embedded store gives them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value === null || typeof value !== "object") return value ?? null;
  if (Array.isArray(value)) return value.map(plain);
  if (neo4j.isNode(value)) return element(value.properties, value.labels[0] ?? "");
  if (neo4j.isRelationship(value)) return element(value.properties, value.type);
  if (neo4j.isPath(value)) {
    const { start, segments } = value;
    return {
      nodes: [start, ...segments.map(({ end }) => end)].map(plain),
      relations: segments.map(({ relationship }) => plain(relationship)),
    };
  }
  if (neo4j.isDateTime(value) || neo4j.isDate(value) || neo4j.isLocalDateTime(value)) {
    return value.toStandardDate();
  }
  return Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]))
    : String(value);
}

function element(properties: object, label: string): object {
  const own = Object.entries(properties).map(([key, entry]) => [key, plain(entry)] as const);
  return { ...Object.fromEntries(own), _label: label };
}

function toServer(name: string, value: unknown): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? neo4j.int(value) : value;
    case "object":
      if (value === null) return value;
      if (value instanceof Date) return neo4j.types.DateTime.fromStandardDate(value);
      if (Array.isArray(value)) return value.map((entry) => toServer(name, entry));
      break;
    default:
  }
  throw new TypeError(
    `reading the graph: parameter ${show(name)} is ${
      show(value)
    }, required text, a number, a truth value, null or a list`,
  );
}
