/** Two layers of 1000 neurons and edges whose values follow from their number, so that what arrived can be judged. */

import type { Driver } from "neo4j-driver";
import type { Neo4jChoices } from "../../connectors/sinks/neo4j/neo4j-settings.ts";
import { SINKS } from "../../connectors/sinks/registry.ts";
import type { Sink } from "../../src/model/ports.ts";
import { batchOfRows, TABLES } from "../../src/model/tables.ts";
import { header, runInto } from "../contract/sink/contract.ts";
import { bigEdges, bigNodes } from "../contract/sink/fixture.ts";
import { asked } from "./suite.ts";

/** A sink that has one model committed and not loaded: edges `first` to `first + rows`, in layers of `width` neurons. */
export async function committed(
  out: string,
  choices: Neo4jChoices,
  id: string,
  [first, rows]: readonly [number, number],
  width = 1000,
): Promise<Sink> {
  const sink = await (await SINKS.neo4j({ neo4j: choices }))(runInto(out));
  const model = await sink.begin(header(id));
  const nodes = bigNodes(width);
  await model.write("edges", bigEdges(first, rows));
  await model.write("layers", batchOfRows(TABLES.layers, nodes.layers));
  await model.write("neurons", batchOfRows(TABLES.neurons, nodes.neurons));
  await model.commit();
  return sink;
}

/** What readers see of such a model: the number of its edges, the first of them, and how many are not what they must be. */
export async function seen(driver: Driver, prefix: string, id: string): Promise<Record<string, number>> {
  const [row = {}] = await asked(driver, seenStatement(prefix), { id });
  return numbers(row);
}

/**
 * The same between two swaps. The server reads row by row what is committed at that moment, so that a statement that is under way
 * while labels are swapped sees some of both models; this one holds the lock that swaps take first.
 */
export async function seenBetweenSwaps(
  driver: Driver,
  prefix: string,
  id: string,
): Promise<Record<string, number>> {
  const session = driver.session({ database: "neo4j" });
  try {
    return await session.executeWrite(async (tx) => {
      await tx.run(`MATCH (s:\`${prefix}SvrflowStore\`) SET s.swaps = s.swaps`);
      const { records } = await tx.run(seenStatement(prefix), { id });
      return numbers(records[0]?.toObject() ?? {});
    });
  } finally {
    await session.close();
  }
}

const numbers = (row: object) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));

const seenStatement = (prefix: string) =>
  `MATCH (:\`${prefix}Model\` {id: $id})-[:HAS_LAYER]->(:\`${prefix}Layer\` {layer: 0})-[:HAS_NEURON]->` +
  `(a:\`${prefix}SpectralNeuron\`)-[e:CONNECTS]->(b:\`${prefix}SpectralNeuron\` {layer: 1, model: $id}) ` +
  "WITH 1000 * a.neuron + b.neuron AS at, e " +
  "RETURN count(DISTINCT at) AS edges, min(at) AS first, max(at) AS last, " +
  "sum(CASE WHEN e.overlap = at / 300000.0 AND e.log_p = -toFloat(at) AND e.significant = (at % 5 = 0) " +
  "AND (e.cosine IS NULL) = (at % 3 = 0) THEN 0 ELSE 1 END) AS wrong, count(*) - count(DISTINCT at) AS twice";

/** What `seen` says of a whole model. */
export function whole([first, rows]: readonly [number, number]): Record<string, number> {
  return { edges: rows, first, last: first + rows - 1, wrong: 0, twice: 0 };
}
