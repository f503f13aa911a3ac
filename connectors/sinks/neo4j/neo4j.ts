/** The property graph on a graph server (Neo4j, or what speaks its protocol and language). */

import { join } from "node:path";
import { messageOf, show } from "../../../src/model/errors.ts";
import type { OpenSink } from "../../../src/model/ports.ts";
import { SCHEMA_VERSION } from "../../../src/model/tables.ts";
import { retry } from "../../../src/base/retry.ts";
import { otherSource, samePlace } from "../../places/identity.ts";
import { BatchSpool } from "../batch-spool.ts";
import { loadModel } from "./neo4j-load.ts";
import { removeAbandoned } from "./neo4j-progress.ts";
import { holdsComparison, relateModels, stageComparison, type StagedComparison } from "./neo4j-relations.ts";
import { codeOf, connectServer, type GraphServer } from "./neo4j-server.ts";
import { type Neo4jChoices, neo4jSettings } from "./neo4j-settings.ts";
import { StagedRows } from "./neo4j-staging.ts";
import { labelsOf, schemaStatements } from "./neo4j-statements.ts";
import { encodeModelId, removeStaging, stagingFolder } from "../staging.ts";

/**
 * A sink that loads the graph into a server. Rows are staged on disk per model, and `finish` loads the committed models one after
 * another; each replaces the model of its id in one transaction. The graph is that of the embedded store:
 *
 *     (:Model)-[:HAS_LAYER]->(:Layer)-[:HAS_NEURON]->(:SpectralNeuron)
 *     (:SpectralNeuron)-[:CONNECTS]->(:SpectralNeuron)     (:Layer)-[:FEEDS]->(:Layer)
 *
 * Comparisons are relations from the base to the other model (`COMPARISON_RELATIONS`), loaded where the server holds both.
 *
 * Opening it makes the constraints and indexes, so that a wrong password, database or right shows before any work.
 *
 * @throws {RangeError} when a setting is out of range, there are no credentials, or the run id is not safe in a path
 * @throws {Error} when the server cannot be reached, refuses, or holds graphs of another schema
 */
export function neo4jSink(choices: Neo4jChoices = {}): OpenSink {
  return async (run) => {
    const staging = stagingFolder(run, "neo4j");
    const settings = neo4jSettings(choices);
    const server = await connectServer(
      settings,
      "number",
      (seconds) => run.progress?.({ event: "waiting", server: settings.uri, seconds, of: settings.patience }),
    );
    try {
      await prepareSchema(server);
    } catch (failure) {
      await server.close();
      throw failure;
    }
    const committed = new Map<string, StagedRows>();
    const comparisons = new Map<string, StagedComparison>();
    const spool = new BatchSpool(join(staging, "rows"));
    const sources = async (ids: readonly string[]): Promise<ReadonlyMap<string, string>> => {
      const { model } = labelsOf(server.settings.labelPrefix);
      const byKey = new Map(ids.map((id) => [encodeModelId(id), id]));
      const rows = await server.write((query) =>
        query(`UNWIND $keys AS key MATCH (m:${model} {key: key}) RETURN key, m.uri AS uri`, {
          keys: [...byKey.keys()],
        })
      );
      return new Map(rows.map(({ key, uri }) => [byKey.get(String(key)) ?? "", String(uri)]));
    };
    const end = async () => {
      await spool.remove();
      await removeStaging(staging);
      await server.close();
    };
    return {
      name: "neo4j",
      begin(model) {
        encodeModelId(model.id);
        const rows = new StagedRows(model, spool);
        return Promise.resolve({
          write: (table, batch) => rows.write(table, batch),
          commit() {
            committed.set(model.id, rows);
            return Promise.resolve([]);
          },
          abort: () => Promise.resolve(),
        });
      },
      async compare(comparison, tables) {
        const pair = JSON.stringify([comparison.base.id, comparison.other.id]);
        comparisons.set(pair, await stageComparison(comparison, tables, spool));
        return [];
      },
      // A model that comes again takes its relations with it.
      holdsComparison: async (comparison) =>
        ![comparison.base, comparison.other].some(({ id }) => committed.has(id)) &&
        await holdsComparison(server, comparison),
      async holds({ id, runIds }) {
        const { model } = labelsOf(server.settings.labelPrefix);
        const rows = await server.write((query) =>
          query(`MATCH (m:${model} {key: $key}) RETURN m.run_id AS run`, { key: encodeModelId(id) })
        );
        return rows.length === 1 && runIds.includes(String(rows[0]?.["run"]));
      },
      sources,
      async finish(signal) {
        try {
          if (committed.size > 0) await removeAbandoned(server, signal);
          let done = 0;
          for (const [id, rows] of committed) {
            run.progress?.({ event: "graph-loaded", done: done++, of: committed.size });
            try {
              const { uri } = rows.header;
              const standing = (await sources([id])).get(id);
              if (standing !== undefined && run.replace !== true && !samePlace(standing, uri)) {
                throw new Error(otherSource(id, standing, uri));
              }
              await loadModel(server, rows, run.runId, signal);
            } catch (cause) {
              signal?.throwIfAborted();
              throw new Error(`loading model ${show(id)} into the graph: ${messageOf(cause)}`, { cause });
            }
          }
          for (const staged of comparisons.values()) {
            const { base, other } = staged.header;
            const missing = await relateModels(server, staged, spool, signal);
            if (missing.length > 0) {
              run.progress?.({ event: "not-related", base: base.id, other: other.id, missing });
            }
          }
        } finally {
          await end();
        }
      },
      abort: end,
    };
  };
}

/** Attempts at one statement of the schema. */
const SCHEMA_ATTEMPTS = 5;

/** Another process that makes the same at this moment makes the server refuse what a second attempt finds there. */
function againWhereMade(failure: unknown, attempts: number): number | null {
  const code = failure instanceof Error ? codeOf(failure.cause) : "";
  const isMade = /^Neo\.ClientError\.Schema\.\w+AlreadyExists$/.test(code);
  return isMade && attempts < SCHEMA_ATTEMPTS ? 0 : null;
}

/** Makes what is missing; where nothing is, only asks. */
async function prepareSchema(server: GraphServer): Promise<void> {
  const { labelPrefix } = server.settings;
  const { store } = labelsOf(labelPrefix);
  const indexes = await server.alone("SHOW INDEXES YIELD name");
  const there = new Set(indexes.map(({ name }) => name));
  for (const [name, statement] of schemaStatements(labelPrefix)) {
    if (!there.has(name)) await retry(() => server.alone(statement), againWhereMade);
  }
  const [row] = await server.write((run) =>
    run(
      `MERGE (s:${store} {id: 'store'}) ON CREATE SET s.schema = toInteger($schema), s.swaps = 0 ` +
        "RETURN s.schema AS schema",
      { schema: SCHEMA_VERSION },
    )
  );
  if (row?.["schema"] !== SCHEMA_VERSION) {
    throw new Error(
      `graph server ${show(server.settings.uri)}: found graphs of svrflow schema ${
        String(row?.["schema"])
      }, ` +
        `required ${SCHEMA_VERSION}; choose another database or label prefix`,
    );
  }
}
