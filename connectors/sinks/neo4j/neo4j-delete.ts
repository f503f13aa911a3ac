/** Deleting a model from the graph server, in pieces that it has the memory for. */

import neo4j, { type Integer } from "neo4j-driver";
import { type GraphServer, TransactionTooLarge } from "./neo4j-server.ts";
import { labelsOf } from "./neo4j-statements.ts";

/** Nodes or relations that one transaction deletes. */
const MOST = 10_000;

/**
 * Deletes all that a load owns, then the load's own nodes. May be repeated, and meet another that does the same.
 *
 * @param load the load's number
 */
export async function deleteOwned(server: GraphServer, load: Integer, signal?: AbortSignal): Promise<void> {
  const label = labelsOf(server.settings.labelPrefix).load;
  const owned = `MATCH (:${label} {load: $load})-[:LOADS]->(m)`;
  const layers = await server.write(
    (run) => run(`${owned}-[:HAS_LAYER]->(l) RETURN id(l) AS id`, { load }),
    signal,
  );
  const ids = layers.map(({ id }) => neo4j.int(Number(id)));
  // All relations first: a neuron may have millions.
  for (const what of ["-[e:CONNECTS]->()", ""]) {
    for (const layer of ids) {
      await deleteInPieces(
        server,
        `MATCH (l)-[:HAS_NEURON]->(n)${what} WHERE id(l) = $layer WITH ${
          what === "" ? "n" : "e"
        } AS x LIMIT $most ` +
          "DETACH DELETE x RETURN count(*) AS gone",
        layer,
        signal,
      );
    }
  }
  await server.write(async (run) => {
    await run(`${owned} OPTIONAL MATCH (m)-[:HAS_LAYER]->(l) DETACH DELETE l, m`, { load });
    await run(`MATCH (o:${label} {load: $load}) DETACH DELETE o`, { load });
  }, signal);
}

async function deleteInPieces(
  server: GraphServer,
  statement: string,
  layer: Integer,
  signal?: AbortSignal,
): Promise<void> {
  for (let most = MOST, gone = most; gone > 0;) {
    try {
      const [row] = await server.write((run) => run(statement, { layer, most: neo4j.int(most) }), signal);
      gone = Number(row?.["gone"] ?? 0);
    } catch (failure) {
      if (!(failure instanceof TransactionTooLarge) || most === 1) throw failure;
      most = Math.ceil(most / 2);
    }
  }
}
