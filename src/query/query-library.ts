/** The query library: the files of `pipelines/queries`, and the values that its queries are asked with. */

import { readdir, readFile } from "node:fs/promises";
import { messageOf, show } from "../model/errors.ts";
import type { AnswerType, CypherDialect, GraphReader, QueryAnswer } from "../model/graph-reader.ts";
import {
  isOfType,
  type ParameterValue,
  parseHeader,
  type QueryHeader,
  type QueryParameter,
  typeInWords,
} from "./query-header.ts";

/** A query that says what it answers and takes. */
export interface LibraryQuery extends QueryHeader {
  /** Its file's name without `.cypher`. */
  readonly name: string;
  /** The statement for each store. */
  readonly statements: Readonly<Record<CypherDialect, string>>;
}

/** A statement and its parameters, ready for a `GraphReader`. */
export interface BoundQuery {
  readonly cypher: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
}

const FOLDER = new URL("../../pipelines/queries/", import.meta.url);
/** Those of comparisons have a folder of their own. */
const FOLDERS = [FOLDER, new URL("compared/", FOLDER)];
const NAME = /^[a-z0-9-]+$/;

/**
 * Every query of the library, by name.
 *
 * @example
 * import { listQueries } from "svrflow/run";
 *
 * for (const { name, parameters } of await listQueries()) console.log(name, parameters.map((each) => each.name));
 */
export async function listQueries(): Promise<readonly LibraryQuery[]> {
  const files = await Promise.all(FOLDERS.map((folder) => readdir(folder)));
  const names = files.flat().filter((file) => /^[a-z0-9-]+\.cypher$/.test(file))
    .map((file) => file.slice(0, -".cypher".length)).sort();
  return await Promise.all(names.map(loadQuery));
}

/**
 * One query of the library.
 *
 * `<name>.cypher` has the header and the statement; where Neo4j wants another statement, it stands in `<name>.neo4j.cypher`.
 *
 * @throws {RangeError} when there is none of that name; tells which there are
 * @example
 * import { loadQuery } from "svrflow/run";
 *
 * const { statements, parameters } = await loadQuery("hubs");
 * console.log(statements.neo4j, parameters);
 */
export async function loadQuery(name: string): Promise<LibraryQuery> {
  const text = NAME.test(name) ? await textIn(`${name}.cypher`) : null;
  if (text === null) {
    const names = (await listQueries()).map((query) => query.name);
    throw new RangeError(
      `query @${show(name).slice(1, -1)}: found none of that name, required one of ${names.join(", ")}`,
    );
  }
  return queryOf(name, text, await textIn(`${name}.neo4j.cypher`));
}

async function textIn(file: string): Promise<string | null> {
  for (const folder of FOLDERS) {
    const text = await readFile(new URL(file, folder), "utf8").catch(() => null);
    if (text !== null) return text;
  }
  return null;
}

/**
 * A query from its text, which begins with a header.
 *
 * @param neo4j the statement for Neo4j, where it differs; comments before it are dropped
 * @throws {SyntaxError} when the header is not one
 * @example
 * import { readFile } from "node:fs/promises";
 * import { queryOf } from "svrflow/run";
 *
 * const { statements, parameters } = queryOf("mine", await readFile("mine.cypher", "utf8"));
 * console.log(statements.embedded, parameters.map(({ name }) => name));
 */
export function queryOf(name: string, text: string, neo4j: string | null = null): LibraryQuery {
  const { header, statement } = parseHeader(text, name);
  const other = neo4j === null ? statement : neo4j.replace(/^(?:\/\/[^\n]*\n)+/, "").trim();
  return { name, ...header, statements: { embedded: statement, neo4j: other } };
}

/**
 * The statement for a store with the values it is asked with. Texts are read as the parameter's type says, so that values of
 * a command line can be given as they are.
 *
 * @param given by name; what is left out takes its default
 * @throws {RangeError} when a parameter is unknown, missing or out of its range
 * @throws {TypeError} when a value is of another type; all name the query, the parameter and what the query takes
 * @example
 * import { bindQuery, loadQuery } from "svrflow/run";
 *
 * const { cypher, parameters } = bindQuery(await loadQuery("hubs"), { model: "model", limit: 5 }, { dialect: "neo4j" });
 * console.log(cypher, parameters);
 */
export function bindQuery(
  query: LibraryQuery,
  given: Readonly<Record<string, unknown>>,
  { dialect, labelPrefix = "" }: Pick<GraphReader, "dialect" | "labelPrefix">,
): BoundQuery {
  const values = queryValues(query, given);
  let cypher = query.statements[dialect];
  const parameters: Record<string, ParameterValue> = {};
  for (const { name, literal } of query.parameters) {
    const value = values.get(name)!;
    if (literal) cypher = cypher.replaceAll(new RegExp(`\\$${name}\\b`, "g"), String(value));
    else parameters[name] = value;
  }
  return { cypher: prefixed(cypher, labelPrefix), parameters };
}

/** The values that a query is asked with, by name. @throws as `bindQuery` */
export function queryValues(
  query: LibraryQuery,
  given: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, ParameterValue> {
  const takes = query.parameters.map(described).join(", ") || "no parameter";
  for (const name of Object.keys(given)) {
    if (query.parameters.some((parameter) => parameter.name === name)) continue;
    throw new RangeError(`query ${query.name}: found parameter ${show(name)}; it takes ${takes}`);
  }
  const values = new Map<string, ParameterValue>();
  for (const parameter of query.parameters) {
    const what = `query ${query.name}, parameter ${parameter.name}`;
    const value = Object.hasOwn(given, parameter.name) ? given[parameter.name] : parameter.default;
    if (value === undefined) {
      throw new RangeError(`${what}: found none, required ${typeInWords(parameter)}; it takes ${takes}`);
    }
    values.set(parameter.name, typed(parameter, value, what, takes));
  }
  return values;
}

function described(parameter: QueryParameter): string {
  const value = parameter.default === undefined ? "" : `, by default ${JSON.stringify(parameter.default)}`;
  return `${parameter.name} (${typeInWords(parameter)}${value})`;
}

function typed(parameter: QueryParameter, value: unknown, what: string, takes: string): ParameterValue {
  const { type, least = -Infinity, greatest = Infinity } = parameter;
  const required = `required ${typeInWords(parameter)}; it takes ${takes}`;
  const read = typeof value === "string" ? readText(type, value) : value;
  if (!isOfType(read, type)) throw new TypeError(`${what}: found ${show(value)}, ${required}`);
  if (typeof read === "number" && !(read >= least && read <= greatest)) {
    throw new RangeError(`${what}: found ${read}, ${required}`);
  }
  return read;
}

function readText(type: QueryParameter["type"], text: string): unknown {
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (type === "model" || type === "text") return text;
  return /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}

/** Labels as the store spells them, where they have a prefix. */
function prefixed(cypher: string, prefix: string): string {
  return prefix === "" ? cypher : cypher.replaceAll(/:(?=(?:Model|Layer|SpectralNeuron)\b)/g, `:${prefix}`);
}

/**
 * Asks a graph one query of the library.
 *
 * A parameter of type `model` without a default may be left out where the graph holds one model only.
 *
 * @throws as `bindQuery`; `RangeError` too when the graph holds no such model
 * @example
 * import { openLadybugReader } from "svrflow";
 * import { askQuery, loadQuery } from "svrflow/run";
 *
 * const graph = await openLadybugReader("my-run/graph.lbug");
 * const { columns, rows } = await askQuery(graph, await loadQuery("hubs"), { limit: 5 });
 * console.log(columns, rows);
 * await graph.close();
 */
export async function askQuery(
  reader: GraphReader,
  query: LibraryQuery,
  given: Readonly<Record<string, unknown>> = {},
): Promise<QueryAnswer> {
  const models = query.parameters.filter(({ type }) => type === "model");
  const ids = models.length === 0 ? [] : await modelIds(reader);
  const [only] = ids;
  const whole = ids.length === 1 && models.length === 1 && models[0]?.default === undefined &&
      !Object.hasOwn(given, models[0]?.name ?? "")
    ? { ...given, [models[0]?.name ?? ""]: only }
    : given;
  for (const { name, default: all } of models) {
    const id = Object.hasOwn(whole, name) ? whole[name] : all;
    if (id !== undefined && (id === all || ids.includes(String(id)))) continue;
    const found = id === undefined ? "none" : show(id);
    throw new RangeError(
      `query ${query.name}, parameter ${name}: found ${found}, required a model of the graph: ${listed(ids)}`,
    );
  }
  const { cypher, parameters } = bindQuery(query, whole, reader);
  const answer = await reader.query(cypher, parameters);
  return {
    ...answer,
    types: answer.columns.map((name, at) => typeIn(query, name) ?? answer.types?.[at] ?? null),
  };
}

/** What a query's header says of a column, so that the answers of both stores have one schema. */
function typeIn({ columns }: QueryHeader, name: string): AnswerType | null {
  const type = columns.find((column) => column.name === name)?.type ?? "list";
  return type === "list" ? null : type;
}

/** So many ids are told; a graph may hold thousands. */
const MOST_TOLD = 10;

function listed(ids: readonly string[]): string {
  const told = ids.slice(0, MOST_TOLD).map(show).join(", ") || "it holds none";
  return ids.length > MOST_TOLD ? `${told} and ${ids.length - MOST_TOLD} more` : told;
}

async function modelIds(reader: GraphReader): Promise<readonly string[]> {
  const cypher = prefixed("MATCH (m:Model) RETURN m.id AS id ORDER BY id", reader.labelPrefix ?? "");
  try {
    return (await reader.query(cypher)).rows.map(([id]) => String(id));
  } catch (cause) {
    throw new Error(`asking the graph for its models: ${messageOf(cause)}`, { cause });
  }
}
