/** The connections that a finding speaks of, in words, Cypher and SQL. */

import { type CypherWords, isOneOf, queries, type SqlWords } from "./query-words.ts";
import { beside, overControls } from "./controls.ts";
import { type ConnectionFacts, type Measured, type ModelFacts, scopeOf, totalKnown } from "./facts.ts";
import type { Cell, FindingNumber, FindingTable, Query } from "./finding.ts";

/** A figure of one or many connections, made of sums of columns: its name, its value, and how both languages ask for it. */
export interface Figure {
  readonly name: string;
  value(connections: readonly ConnectionFacts[]): number | null;
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
  const { connections } = scopeOf(facts, facts);
  return {
    numbers: figures.map((figure) => ({
      name: figure.name,
      value: figure.value(connections),
      ...beside(facts, (control) => figure.value(scopeOf(facts, control).connections)),
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
): FindingTable {
  const inOrder = (measured: readonly Measured[]) =>
    measured.flatMap((each) => scopeOf(facts, each).connections)
      .sort((a, b) => a.source - b.source || a.target - b.target || a.part - b.part);
  const ends = ({ source, target, part }: ConnectionFacts): Cell[] => [
    facts.names[source] ?? null,
    facts.names[target] ?? null,
    part,
  ];
  const { controls } = facts;
  // Each connection once, with what it is in every control.
  const besides = [
    ...Map.groupBy(inOrder(controls), ({ source, target, part }) => `${source}/${target}/${part}`).values(),
  ].map((same) => ({
    ends: ends(same[0]!),
    figures: figures.map((figure) => overControls(same.map((each) => figure.value([each])))),
  }));
  return {
    title,
    columns: ["source", "target", "part", ...figures.map(({ name }) => name)],
    rows: inOrder([facts]).map((each) => [...ends(each), ...figures.map((figure) => figure.value([each]))]),
    control: controls.length === 0
      ? null
      : besides.map((row) => [...row.ends, ...row.figures.map(({ control }) => control)]),
    control_spread: controls.length < 2 ? null : besides.map((row) => [
      ...row.ends.map(() => null),
      ...row.figures.map(({ control_spread: spread }) => spread),
    ]),
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

/** Figures as the columns of a text, each under its name. */
export function selected(figures: readonly Figure[], sum: (column: string) => string): string {
  return figures.map((figure) => `${figure.text(sum)} AS ${figure.name}`).join(",\n       ");
}
