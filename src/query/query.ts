/** `svr query`: asks the graph of a run, by a statement or by a query of the library. */

import { counted } from "../model/counted.ts";
import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../config/document.ts";
import { GRAPH_FILE } from "../../connectors/sinks/ladybug/ladybug.ts";
import { openLadybugReader } from "../../connectors/readers/ladybug-reader.ts";
import { writeWhole } from "../../connectors/whole-files.ts";
import { messageOf } from "../model/errors.ts";
import type { GraphReader, QueryAnswer } from "../model/graph-reader.ts";
import { formatAnswer } from "./answer.ts";
import type { AnswerFormat } from "./answer-formats.ts";
import { hasHeader, typeInWords } from "./query-header.ts";
import { askQuery, bindQuery, type LibraryQuery, listQueries, loadQuery, queryOf } from "./query-library.ts";
import { valuesOf } from "./query-values.ts";
import { serverChoices, type ServerOptions, withServer } from "./server-options.ts";

/** The options of `svr query`. */
export interface QueryOptions extends ServerOptions {
  readonly file?: string;
  readonly list?: true;
  readonly out: string;
  readonly graph: "embedded" | "neo4j";
  /** As on the command line, by name. */
  readonly param: Readonly<Record<string, string>>;
  readonly format: AnswerFormat;
  /** The file that takes the answer, whole or not at all; stdout where there is none. */
  readonly output?: string;
  /** Columns of characters that a table has room in on stdout. */
  readonly width?: number;
}

/** The answer to `svr query`, as it belongs on stdout: where it goes to a file, how many bytes that has. */
export async function answerOf(
  cypher: string | undefined,
  options: QueryOptions,
): Promise<string | Uint8Array> {
  const { format, output, width } = options;
  // Footers of Parquet stand behind the rows: nothing can be read from a pipe.
  if (format === "parquet" && output === undefined) {
    throw new ConfigError(
      "svr query --format parquet: found no file to write, required -o <file>, such as -o answer.parquet",
    );
  }
  const answer = options.list === true
    ? await listing(cypher, options)
    : await formatAnswer(await ask(cypher, options), format, output === undefined ? width : undefined);
  if (output === undefined) return answer;
  await writeWhole([output, answer]);
  return `${output}: ${counted(Buffer.byteLength(answer), "byte")}\n`;
}

async function ask(cypher: string | undefined, options: QueryOptions): Promise<QueryAnswer> {
  if ((cypher === undefined) === (options.file === undefined)) {
    throw new ConfigError("svr query: required a statement or @name, or --file with one, and not both");
  }
  const text = cypher ?? await statementIn(options.file ?? "");
  const query = await asUsage(async () => {
    if (cypher?.startsWith("@") === true) return await loadQuery(cypher.slice(1));
    return hasHeader(text) ? queryOf(options.file ?? "the statement", text) : null;
  });
  // What is wrong with the parameters shows before a store is opened; a model may still be the only one there.
  if (query !== null) checkNames(query, options.param);
  const reader = await openReader(options);
  try {
    if (query === null) return await reader.query(text, valuesOf(options.param));
    return await asUsage(() => askQuery(reader, query, options.param));
  } finally {
    await reader.close();
  }
}

/** Opens the graph that the options name. */
export async function openReader(options: QueryOptions): Promise<GraphReader> {
  if (options.graph === "embedded") return await openLadybugReader(join(options.out, GRAPH_FILE));
  const { openNeo4jReader } = await import("../../connectors/readers/neo4j-reader.ts");
  return await openNeo4jReader(serverChoices(withServer(options).neo4j));
}

function checkNames(query: LibraryQuery, given: QueryOptions["param"]): void {
  const models = query.parameters.filter(({ type }) => type === "model");
  const placeholders = Object.fromEntries(models.map(({ name }) => [name, ""]));
  asConfigError(() => bindQuery(query, { ...placeholders, ...given }, { dialect: "embedded" }));
}

/** A wrong value on the command line is bad usage. */
async function asUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    throw usage(failure);
  }
}

function asConfigError<T>(work: () => T): T {
  try {
    return work();
  } catch (failure) {
    throw usage(failure);
  }
}

function usage(failure: unknown): unknown {
  const usual = failure instanceof RangeError || failure instanceof TypeError;
  return usual ? new ConfigError(messageOf(failure), { cause: failure }) : failure;
}

async function listing(
  name: string | undefined,
  { format, file }: QueryOptions,
): Promise<string | Uint8Array> {
  if (file !== undefined || (name !== undefined && !name.startsWith("@"))) {
    throw new ConfigError("svr query --list: required nothing beside it but @name of a query of the library");
  }
  if (name !== undefined) {
    return await asUsage(async () => describeQuery(await loadQuery(name.slice(1)), true));
  }
  const queries = await listQueries();
  if (format === "table") return queries.map((query) => describeQuery(query, false)).join("\n");
  const columns = ["query", "answers", "parameters"];
  return await formatAnswer({
    columns,
    rows: queries.map((query) => [`@${query.name}`, query.summary, query.parameters.map(({ name }) => name)]),
  }, format);
}

/** A query's description as lines of text. */
function describeQuery(query: LibraryQuery, whole: boolean): string {
  const parameters = query.parameters.map((parameter) => {
    const value = parameter.default === undefined ? "" : `, by default ${JSON.stringify(parameter.default)}`;
    return `    --param ${parameter.name}=…  ${parameter.description} (${typeInWords(parameter)}${value})`;
  });
  const lines = [`@${query.name}`, `  ${query.summary}`, ...parameters];
  if (!whole) return `${lines.join("\n")}\n`;
  const columns = query.columns.map(({ name, type, nullable, description }) =>
    `    ${name}  ${description} (${type}${nullable ? " or null" : ""})`
  );
  const { embedded, neo4j } = query.statements;
  const texts = embedded === neo4j
    ? ["  Cypher", indented(embedded)]
    : ["  Cypher, embedded store", indented(embedded), "  Cypher, Neo4j", indented(neo4j)];
  return `${[...lines, "  columns", ...columns, ...texts].join("\n")}\n`;
}

const indented = (text: string) => text.split("\n").map((line) => `    ${line}`).join("\n");

async function statementIn(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(`${file}: found ${messageOf(cause)}, required a file with one statement`, {
      cause,
    });
  }
}
