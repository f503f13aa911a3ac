/**
 * The graph in the words of the graph server. Nodes of a model that is being loaded, or that has been replaced and waits
 * for its deletion, carry the label `SvrflowStaged` in place of their own, so that no query by label sees them. Who loads
 * stands in nodes `SvrflowLoad`, which point to the model they own: the new one until the labels are swapped, the
 * replaced one from then on.
 */

import { NODES, RELATIONS } from "../graph-schema.ts";
import { type GraphTableName, PROPERTIES } from "./neo4j-staging.ts";

/** Labels under one prefix, quoted. */
export interface Labels {
  readonly model: string;
  readonly layer: string;
  readonly neuron: string;
  readonly staged: string;
  readonly load: string;
  readonly store: string;
}

/** @param prefix letters, digits and underscores */
export function labelsOf(prefix: string): Labels {
  const label = (name: string) => `\`${prefix}${name}\``;
  return {
    model: label("Model"),
    layer: label(NODES.layers.name),
    neuron: label(NODES.neurons.name),
    staged: label("SvrflowStaged"),
    load: label("SvrflowLoad"),
    store: label("SvrflowStore"),
  };
}

/**
 * Constraints and indexes, by name. No model or layer name stands under a RANGE index: it takes 8 kB at most. A TEXT
 * index takes 32 kB, which bounds the ids of models.
 */
export function schemaStatements(prefix: string): ReadonlyMap<string, string> {
  const { model, layer, neuron, load, store } = labelsOf(prefix);
  const unique = (name: string, label: string, property: string) =>
    [
      name,
      `CREATE CONSTRAINT \`${name}\` IF NOT EXISTS FOR (n:${label}) REQUIRE n.${property} IS UNIQUE`,
    ] as const;
  const name = (what: string) => `svrflow_${prefix}${what}`;
  return new Map([
    unique(name("store"), store, "id"),
    unique(name("model_key"), model, "key"),
    unique(name("layer_id"), layer, "id"),
    unique(name("neuron_id"), neuron, "id"),
    [name("load"), `CREATE INDEX \`${name("load")}\` IF NOT EXISTS FOR (n:${load}) ON (n.load)`],
    [name("layer_model"), textIndex(name("layer_model"), layer)],
    [name("neuron_model"), textIndex(name("neuron_model"), neuron)],
  ]);
}

const textIndex = (name: string, label: string) =>
  `CREATE TEXT INDEX \`${name}\` IF NOT EXISTS FOR (n:${label}) ON (n.model)`;

/**
 * What makes the nodes or relations of a batch. Parameters: `$rows`, how many; a list per property, `$c0` and on; for nodes `$parent`,
 * the id (the server's own) of the node above, for relations `$sources` and `$targets`, the ids of their ends. Columns
 * take a fraction of the client's memory that rows would. Answers `made`, the number of rows.
 */
export function createStatement(table: GraphTableName, { staged }: Labels): string {
  const rows = "UNWIND range(0, $rows - 1) AS i";
  const made = "RETURN count(*) AS made";
  const properties = `{${PROPERTIES[table].map(({ name }, at) => `\`${name}\`: $c${at}[i]`).join(", ")}}`;
  if (table === "layers" || table === "neurons") {
    const type = table === "layers" ? "HAS_LAYER" : "HAS_NEURON";
    return `MATCH (parent) WHERE id(parent) = $parent ${rows} ` +
      `CREATE (parent)-[:${type}]->(:${staged} ${properties}) ${made}`;
  }
  return `${rows} MATCH (a) WHERE id(a) = $sources[i] MATCH (b) WHERE id(b) = $targets[i] ` +
    `CREATE (a)-[:${RELATIONS[table].type} ${properties}]->(b) ${made}`;
}

/**
 * Takes the labels from the model `$key` that readers see, and gives them to the one that load `$load` has staged. From
 * then on the load owns the one that was replaced.
 */
export function swapStatements({ store, load, model, layer, neuron, staged }: Labels): readonly string[] {
  const mine = `MATCH (o:${load} {load: $load, slot: 0})`;
  const relabelled = (owned: string, from: (label: string) => string, to: (label: string) => string) =>
    [["-[:HAS_LAYER]->()-[:HAS_NEURON]->(n)", neuron], ["-[:HAS_LAYER]->(n)", layer], ["", model]].map((
      [path = "", label = ""],
    ) => {
      const node = path === "" ? "m" : "n";
      return `${mine}-[:${owned}]->(m) MATCH (m)${path} REMOVE ${node}:${from(label)} SET ${node}:${
        to(label)
      }`;
    });
  const ownLabel = (label: string) => label;
  const hidden = () => staged;
  return [
    // One swap at a time, whoever loads.
    `MATCH (s:${store} {id: 'store'}) SET s.swaps = s.swaps + 1`,
    `${mine} MATCH (m:${model} {key: $key}) CREATE (o)-[:REPLACES]->(m)`,
    // The labels of the old go first: ids are unique under them.
    ...relabelled("REPLACES", ownLabel, hidden),
    ...relabelled("LOADS", hidden, ownLabel),
    `${mine}-[r:LOADS]->() DELETE r`,
    `${mine}-[r:REPLACES]->(m) DELETE r CREATE (o)-[:LOADS]->(m)`,
  ];
}
