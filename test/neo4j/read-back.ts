/** Reads a model's tables back from a graph server by a driver of the test's own, which shares no code with the sink. */

import type { Driver } from "neo4j-driver";
import { type Row, type TableName, TABLES } from "../../src/model/tables.ts";
import {
  COMPARISON_TABLE_NAMES,
  COMPARISON_TABLES,
  type ComparisonTableName,
} from "../../src/model/comparison-tables.ts";
import { comparisonPatterns } from "../contract/sink/comparison-patterns.ts";
import { asked } from "./suite.ts";

/** Rows of the four tables that the graph holds. */
export async function readGraph(
  driver: Driver,
  prefix: string,
  model: string,
): Promise<Partial<Record<TableName, readonly Row[]>>> {
  const layer = `\`${prefix}Layer\``;
  const neuron = `\`${prefix}SpectralNeuron\``;
  const patterns: readonly (readonly [TableName, string, Readonly<Record<string, string>>])[] = [
    ["layers", `MATCH (:\`${prefix}Model\` {id: $model})-[:HAS_LAYER]->(x:${layer})`, {
      layer_index: "x.layer",
    }],
    [
      "neurons",
      `MATCH (:\`${prefix}Model\` {id: $model})-[:HAS_LAYER]->(l:${layer})-[:HAS_NEURON]->(x:${neuron}) ` +
      "WHERE x.layer = l.layer",
      { layer_index: "x.layer" },
    ],
    ["connections", `MATCH (a:${layer} {model: $model})-[x:FEEDS]->(b:${layer} {model: $model})`, {
      source_layer: "a.layer",
      target_layer: "b.layer",
    }],
    ["edges", `MATCH (a:${neuron} {model: $model})-[x:CONNECTS]->(b:${neuron} {model: $model})`, {
      source_layer: "a.layer",
      source_neuron: "a.neuron",
      target_layer: "b.layer",
      target_neuron: "b.neuron",
    }],
  ];
  const found: Partial<Record<TableName, readonly Row[]>> = {};
  for (const [table, pattern, renamed] of patterns) {
    const items = TABLES[table].map(({ name }) => `${renamed[name] ?? `x.\`${name}\``} AS \`${name}\``);
    const rows = await asked(driver, `${pattern} RETURN ${items.join(", ")}`, { model });
    found[table] = rows.map((row) =>
      Object.fromEntries(TABLES[table].map(({ name, type }) => [name, cell(row[name], type)])) as Row
    );
  }
  return found;
}

/** Rows of a comparison's tables. */
export async function readGraphComparison(
  driver: Driver,
  prefix: string,
  base: string,
  other: string,
): Promise<Partial<Record<ComparisonTableName, readonly Row[]>>> {
  const found: Partial<Record<ComparisonTableName, readonly Row[]>> = {};
  for (const table of COMPARISON_TABLE_NAMES) {
    const [pattern, renamed] = comparisonPatterns(prefix)[table];
    const columns = COMPARISON_TABLES[table];
    const items = columns.map(({ name }) => `${renamed[name] ?? `x.\`${name}\``} AS \`${name}\``);
    const rows = await asked(driver, `${pattern} RETURN ${items.join(", ")}`, { base, other });
    found[table] = rows.map((row) =>
      Object.fromEntries(columns.map(({ name, type }) => [name, cell(row[name], type)])) as Row
    );
  }
  return found;
}

/** Integers must have arrived as integers, which come back as bigint, and floats as floats. */
function cell(value: unknown, type: string): unknown {
  if (type === "int32") {
    return typeof value === "bigint" ? Number(value) : value === null ? null : "no integer";
  }
  if (type === "int64") return typeof value === "bigint" || value === null ? value : "no integer";
  return value;
}
