/**
 * Comparisons in the graph server: relations between models that it holds. The relation between the two models goes first and comes last: where
 * it says a comparison's key, all of it is there. Every batch may be sent again: relations are merged.
 */

import neo4j from "neo4j-driver";
import type { ComparisonBatches, ComparisonHeader } from "../../../src/model/comparison.ts";
import { piecesOf } from "../batch-pieces.ts";
import type { BatchSpool, Spooled } from "../batch-spool.ts";
import { COMPARISON_RELATIONS, type ComparisonRelation, relationRows } from "../comparison-graph.ts";
import { ENDS } from "../graph-schema.ts";
import { encodeModelId } from "../staging.ts";
import { listsOf } from "./neo4j-load.ts";
import type { GraphServer } from "./neo4j-server.ts";
import { labelsOf } from "./neo4j-statements.ts";

/** Relations that one transaction makes or deletes. */
const MOST = 2500;

/** A comparison's rows in the spool. */
export interface StagedComparison {
  readonly header: ComparisonHeader;
  readonly batches: readonly (Spooled & { readonly relation: ComparisonRelation; readonly rows: number })[];
}

/** Puts a comparison's rows into the spool. */
export async function stageComparison(
  header: ComparisonHeader,
  tables: ComparisonBatches,
  spool: BatchSpool,
): Promise<StagedComparison> {
  const batches: StagedComparison["batches"][number][] = [];
  for (const relation of COMPARISON_RELATIONS) {
    for (const piece of piecesOf(relationRows(header, relation.table, tables[relation.table]), MOST)) {
      batches.push({ relation, rows: piece.rows, ...await spool.write(piece.columns) });
    }
  }
  return { header, batches };
}

/** Whether the server holds a comparison with its key. */
export async function holdsComparison(
  server: GraphServer,
  { base, other, key }: ComparisonHeader,
): Promise<boolean> {
  const { model } = labelsOf(server.settings.labelPrefix);
  const rows = await server.write((run) =>
    run(`MATCH (:${model} {key: $base})-[k:KIN]->(:${model} {key: $other}) RETURN k.key AS key`, {
      base: encodeModelId(base.id),
      other: encodeModelId(other.id),
    })
  );
  return rows.length === 1 && rows[0]?.["key"] === key;
}

/**
 * Puts a comparison in the place of the one that the server holds of the two models.
 *
 * @returns the ids of the models that it does not hold: then nothing has changed
 * @throws {Error} when the server refuses or stays away, or a relation's end does not exist
 */
export async function relateModels(
  server: GraphServer,
  { header: { base, other }, batches }: StagedComparison,
  spool: BatchSpool,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { model } = labelsOf(server.settings.labelPrefix);
  const ids = [base.id, other.id];
  const held = await server.write(
    (run) =>
      run(`MATCH (m:${model}) WHERE m.key IN $keys RETURN m.id AS id`, { keys: ids.map(encodeModelId) }),
    signal,
  );
  const missing = ids.filter((id) => !held.some((row) => row["id"] === id));
  if (missing.length > 0) return missing;
  for (const relation of COMPARISON_RELATIONS.toReversed()) {
    const [from, to] = relation.ends.map((label) => endOf(server, label)) as [End, End];
    const statement = `MATCH (a:${from.label} {${from.owner}: $base})-[r:${relation.name}]->` +
      `(b:${to.label} {${to.owner}: $other}) WITH r LIMIT $most DELETE r RETURN count(*) AS gone`;
    for (let gone = MOST; gone > 0;) {
      const [row] = await server.write(
        (run) => run(statement, { base: base.id, other: other.id, most: neo4j.int(MOST) }),
        signal,
      );
      gone = Number(row?.["gone"] ?? 0);
    }
  }
  for (const batch of batches) {
    const columns = await spool.read(batch);
    const lists = listsOf(columns, batch.rows);
    const [row] = await server.write(
      (run) => run(createStatement(server, batch.relation), { ...lists, rows: neo4j.int(batch.rows) }),
      signal,
    );
    if (row?.["made"] !== batch.rows) {
      throw new Error(
        `loading ${batch.relation.name} into the graph: found ${
          String(row?.["made"])
        } relations made, required ` +
          `${batch.rows}: a layer or neuron of the comparison is not in the graph`,
      );
    }
  }
  return [];
}

/** How the nodes at one end are found. */
interface End {
  readonly label: string;
  /** The property that has the node's own id, and the one that has its model's. */
  readonly id: string;
  readonly owner: string;
}

function endOf(server: GraphServer, label: string): End {
  const { model, layer, neuron } = labelsOf(server.settings.labelPrefix);
  if (label === "Model") return { label: model, id: "id", owner: "id" };
  return { label: label === "Layer" ? layer : neuron, id: "id", owner: "model" };
}

/** What makes the relations of a batch of `$rows` rows: `$c0` and `$c1` are the ids of the ends, the other lists the properties. */
function createStatement(server: GraphServer, { name, ends, columns, key }: ComparisonRelation): string {
  const [from, to] = ends.map((label) => endOf(server, label)) as [End, End];
  const properties = columns.slice(ENDS.length).map((column, at) =>
    `\`${column.name}\`: $c${at + ENDS.length}[i]`
  );
  const own = key === null ? "" : ` {${key}: $c${columns.findIndex((each) => each.name === key)}[i]}`;
  return `UNWIND range(0, $rows - 1) AS i MATCH (a:${from.label} {${from.id}: $c0[i]}) ` +
    `MATCH (b:${to.label} {${to.id}: $c1[i]}) MERGE (a)-[r:${name}${own}]->(b) ` +
    `SET r = {${properties.join(", ")}} RETURN count(*) AS made`;
}
