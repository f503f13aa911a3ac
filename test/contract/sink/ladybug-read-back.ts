/** Reads a model's rows back from the embedded graph. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { openLadybugReader } from "../../../connectors/readers/ladybug-reader.ts";
import type { Row, TableName } from "../../../src/model/tables.ts";
import { TABLES } from "../../../src/model/tables.ts";
import {
  COMPARISON_TABLE_NAMES,
  COMPARISON_TABLES,
  type ComparisonTableName,
} from "../../../src/model/comparison-tables.ts";
import type { ReadComparison } from "./comparison-contract.ts";
import { comparisonPatterns } from "./comparison-patterns.ts";
import type { ReadBack } from "./contract.ts";

/** Where each table stands in the graph, and what its columns are called where not as in the table. */
const PATTERNS = {
  layers: ["MATCH (:Model {id: $model})-[:HAS_LAYER]->(x:Layer)", { layer_index: "x.layer" }],
  neurons: [
    "MATCH (:Model {id: $model})-[:HAS_LAYER]->(:Layer)-[:HAS_NEURON]->(x:SpectralNeuron)",
    { layer_index: "x.layer" },
  ],
  connections: [
    "MATCH (a:Layer {model: $model})-[x:FEEDS]->(b:Layer {model: $model})",
    { source_layer: "a.layer", target_layer: "b.layer" },
  ],
  edges: [
    "MATCH (a:SpectralNeuron {model: $model})-[x:CONNECTS]->(b:SpectralNeuron {model: $model})",
    {
      source_layer: "a.layer",
      source_neuron: "a.neuron",
      target_layer: "b.layer",
      target_neuron: "b.neuron",
    },
  ],
} as const satisfies Partial<Record<TableName, readonly [string, Readonly<Record<string, string>>]>>;

export const readBack: ReadBack = async (out, model) => {
  const path = join(out, "graph.lbug");
  if (!existsSync(path)) return {};
  const reader = await openLadybugReader(path);
  try {
    const found: Partial<Record<TableName, readonly Row[]>> = {};
    for (const table of ["layers", "neurons", "connections", "edges"] as const) {
      const [pattern, renamed] = PATTERNS[table] as readonly [string, Readonly<Record<string, string>>];
      const schema = TABLES[table];
      const items = schema.map(({ name, type }) => {
        const value = renamed[name] ?? `x.\`${name}\``;
        return `${type === "int64" ? `CAST(${value} AS INT128)` : value} AS \`${name}\``;
      });
      const { rows } = await reader.query(`${pattern} RETURN ${items.join(", ")}`, { model });
      found[table] = rows.map((row) =>
        Object.fromEntries(schema.map(({ name, type }, at) => {
          const value = row[at];
          return [name, type === "int64" ? BigInt(value as bigint) : value];
        })) as Row
      );
    }
    return found;
  } finally {
    await reader.close();
  }
};

/** Reads a comparison back from the embedded graph. */
export const readComparison: ReadComparison = async (out, base, other) => {
  const reader = await openLadybugReader(join(out, "graph.lbug"));
  try {
    const found: Partial<Record<ComparisonTableName, readonly Row[]>> = {};
    for (const table of COMPARISON_TABLE_NAMES) {
      const [pattern, renamed] = comparisonPatterns()[table];
      const names = COMPARISON_TABLES[table].map(({ name }) => name);
      const items = names.map((name) => `${renamed[name] ?? `x.\`${name}\``} AS \`${name}\``);
      const { rows } = await reader.query(`${pattern} RETURN ${items.join(", ")}`, { base, other });
      found[table] = rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]])) as Row);
    }
    return found;
  } finally {
    await reader.close();
  }
};
