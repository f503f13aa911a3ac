/** The connections that a finding speaks of, in words, Cypher and SQL. */

import { type CypherWords, isOneOf, queries, type SqlWords } from "./query-words.ts";
import { type ConnectionFacts, type Measured, type ModelFacts, scopeOf, totalKnown } from "./facts.ts";
import type { Cell, FindingNumber, Query } from "./finding.ts";

/** A figure of one or many connections, made of sums of columns: its name, its value, and how both languages ask for it. */
export interface Figure {
  readonly name: string;
  value(connections: readonly ConnectionFacts[]): Cell;
  /** @param sum writes the sum of a column; of a single connection that is the column itself */
  text(sum: (column: string) => string): string;
}

/** The sum of a column. */
export function sumOf(
  name: string,
  column: string,
  figure: (connection: ConnectionFacts) => number | null,
): Figure {
  return { name, value: (connections) => totalKnown(connections, figure), text: (sum) => sum(column) };
}

/** Where clause of both languages for the connections in scope, those tested. */
function scopeCondition(facts: ModelFacts, language: Query["language"]): string {
  const [source, target, tests] = language === "cypher"
    ? ["a.layer", "b.layer", "f.tests"]
    : ["source_layer", "target_layer", "tests"];
  return [
    ...scopeOf(facts, facts).deep
      ? [isOneOf(source, facts.deep, language), isOneOf(target, facts.deep, language)]
      : [],
    `${tests} > 0`,
  ].join(" AND ");
}

/** The numbers of a finding over all connections in scope, and what answers them. */
export function overScope(
  facts: ModelFacts,
  figures: readonly Figure[],
): { readonly numbers: FindingNumber[]; readonly queries: Query[] } {
  const control = facts.control === null ? null : scopeOf(facts, facts.control).connections;
  const { connections } = scopeOf(facts, facts);
  return {
    numbers: figures.map((figure) => ({
      name: figure.name,
      value: figure.value(connections),
      control: control === null ? null : figure.value(control),
      derived: null,
    })),
    queries: queries(facts.asking, {
      cypher: (words) =>
        `${matchConnections(facts, words)}\nRETURN ${selected(figures, (column) => `sum(f.${column})`)}`,
      sql: (words) =>
        `SELECT ${selected(figures, (column) => `sum(${column})`)}\nFROM ${
          words.table("connections")
        }\nWHERE ${scopeCondition(facts, "sql")}`,
    }),
  };
}

/** One row per connection in scope: names of its ends, its part and the figures. */
export function perConnection(
  facts: ModelFacts,
  title: string,
  figures: readonly Figure[],
): { title: string; columns: string[]; rows: Cell[][]; control: Cell[][] | null; queries: Query[] } {
  const rows = (measured: Measured) =>
    [...scopeOf(facts, measured).connections]
      .sort((a, b) => a.source - b.source || a.target - b.target || a.part - b.part)
      .map((each): Cell[] => [
        facts.names[each.source] ?? null,
        facts.names[each.target] ?? null,
        each.part,
        ...figures.map((figure) => figure.value([each])),
      ]);
  return {
    title,
    columns: ["source", "target", "part", ...figures.map(({ name }) => name)],
    rows: rows(facts),
    control: facts.control === null ? null : rows(facts.control),
    queries: queries(facts.asking, {
      cypher: (words) =>
        `${matchConnections(facts, words)}
RETURN a.name AS source, b.name AS target, f.part AS part, ${selected(figures, (column) => `f.${column}`)}
ORDER BY a.layer, b.layer, part`,
      sql: (words) => perConnectionSql(facts, figures, words),
    }),
  };
}

function perConnectionSql(facts: ModelFacts, figures: readonly Figure[], words: SqlWords): string {
  return `SELECT a.name AS source, b.name AS target, part, ${selected(figures, (column) => column)}
FROM ${words.table("connections")} AS f
JOIN ${words.table("layers")} AS a ON a.layer_index = source_layer
JOIN ${words.table("layers")} AS b ON b.layer_index = target_layer
WHERE ${scopeCondition(facts, "sql")}
ORDER BY source_layer, target_layer, part`;
}

function matchConnections(facts: ModelFacts, words: CypherWords): string {
  return `MATCH (a:${words.layer})-[f:FEEDS]->(b:${words.layer})
WHERE ${words.of("a")} AND ${scopeCondition(facts, "cypher")}`;
}

function selected(figures: readonly Figure[], sum: (column: string) => string): string {
  return figures.map((figure) => `${figure.text(sum)} AS ${figure.name}`).join(",\n       ");
}
