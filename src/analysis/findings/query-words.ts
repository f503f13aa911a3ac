/** Writes the Cypher and SQL of a report, for whatever a run has left that can be asked. */

import type { ComparisonTableName } from "../../model/comparison-tables.ts";
import type { TableName } from "../../model/tables.ts";
import type { Finding, Query } from "./finding.ts";

/** How a model is called in what a run leaves. */
export interface QueriedModel {
  readonly model: string;
  /** The model's id as in the names of folders and in the ids of nodes: ASCII, without quotes, backslashes, slashes or white space. */
  readonly partition: string;
}

/** What a run leaves that can be asked. */
export interface QueryTargets {
  /** What stands before every label of its graph; null where it makes no graph. */
  readonly labelPrefix: string | null;
  /** Whether it writes Parquet tables. */
  readonly tables: boolean;
}

/** Words of a Cypher statement about one model. */
export interface CypherWords {
  readonly layer: string;
  readonly neuron: string;
  /** A condition: the node of this variable belongs to the model. */
  of(variable: string): string;
  /** The id of a neuron's node, as a literal. */
  neuronId(layer: number, neuron: number): string;
}

/** Words of an SQL statement about one model. */
export interface SqlWords {
  /** What stands behind FROM. */
  table(name: TableName): string;
}

/**
 * Ids that a statement may hold as they are: nothing in them means anything to Cypher, Markdown or a terminal, and none looks like a label.
 * Of other models, nodes are found by the beginning of their own ids, which is encoded.
 */
const PLAIN = /^[A-Za-z0-9 ._/@+=,#-]{1,200}$/;

/** Words of statements about a comparison. */
export interface ComparedWords {
  /** Both models, and the folder of their comparison within each table's; null where a statement says by itself what it is about. */
  readonly sides:
    | { readonly base: QueriedModel; readonly other: QueriedModel; readonly folder: string }
    | null;
  /** A condition: `a` is a node of the base, `b` one of the other model. */
  readonly between: string;
  /** What stands behind FROM: the rows of this comparison, and of all. */
  table(name: ComparisonTableName): string;
  every(name: ComparisonTableName): string;
}

const LAYER = "Layer";
const NEURON = "SpectralNeuron";

/** The texts that answer one thing, in both languages; `answerable` tells those that a run can answer. */
export function queries(
  { model, partition }: QueriedModel,
  texts: { readonly cypher: (words: CypherWords) => string; readonly sql: (words: SqlWords) => string },
): Query[] {
  const cypher = texts.cypher({
    layer: LAYER,
    neuron: NEURON,
    of: (variable) => isOf({ model, partition }, variable),
    neuronId: (layer, neuron) => `'${partition}/${layer}/${neuron}'`,
  });
  const sql = texts.sql({ table: (name) => `read_parquet('${name}/model=${partition}/*.parquet')` });
  return [{ language: "cypher", text: cypher }, { language: "sql", text: sql }];
}

function isOf({ model, partition }: QueriedModel, variable: string): string {
  return PLAIN.test(model) ? `${variable}.model = '${model}'` : `${variable}.id STARTS WITH '${partition}/'`;
}

/** The texts that answer one thing of a comparison, in both languages. */
export function comparedQueries(
  sides: ComparedWords["sides"],
  texts: Readonly<Record<Query["language"], (words: ComparedWords) => string>>,
): Query[] {
  const words: ComparedWords = {
    sides,
    between: sides === null ? "true" : `${isOf(sides.base, "a")} AND ${isOf(sides.other, "b")}`,
    table: (name) => `read_parquet('${name}/${sides?.folder ?? "*/*"}/*.parquet')`,
    every: (name) => `read_parquet('${name}/*/*/*.parquet', hive_partitioning = true)`,
  };
  return (["cypher", "sql"] as const).map((language) => ({ language, text: texts[language](words) }));
}

/** A finding with only the queries that a run can answer, under its labels. */
export function answerable(finding: Finding, answering: QueryTargets): Finding {
  const choose = (all: readonly Query[]) => all.flatMap((query) => answerableQuery(query, answering));
  const { table } = finding;
  return {
    ...finding,
    queries: choose(finding.queries),
    table: table === null ? null : { ...table, queries: choose(table.queries) },
  };
}

function answerableQuery(query: Query, { labelPrefix, tables }: QueryTargets): Query[] {
  if (query.language === "sql") return tables ? [query] : [];
  if (labelPrefix === null) return [];
  // No id and no literal in our texts holds a colon before a letter: these are labels.
  const text = query.text.replaceAll(/:(Model|Layer|SpectralNeuron)\b/g, `:${labelPrefix}$1`);
  return [{ ...query, text }];
}

/** A condition in both languages: a number is one of those. @param values integers, ascending, at least one */
export function isOneOf(name: string, values: readonly number[], language: Query["language"]): string {
  const [first = 0] = values;
  const last = values.at(-1) ?? first;
  if (values.length === 1) return `${name} = ${first}`;
  if (last - first === values.length - 1) return `${name} >= ${first} AND ${name} <= ${last}`;
  return language === "cypher" ? `${name} IN [${values.join(", ")}]` : `${name} IN (${values.join(", ")})`;
}

/** A number that both languages read as a float64; without an exponent DuckDB would take it for a decimal of few digits. */
export function float(value: number): string {
  return value.toExponential();
}
