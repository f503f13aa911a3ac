/** The graph of a run in each store that there is, opened to be asked. */

import { join } from "node:path";
import { folderLake } from "../../connectors/lake/folder.ts";
import { readManifest } from "../../connectors/lake/manifest.ts";
import { openNeo4jReader } from "../../connectors/readers/neo4j-reader.ts";
import { readComparison, readTable, storedModels } from "../../connectors/readers/run-tables.ts";
import { SINKS } from "../../connectors/sinks/registry.ts";
import { type GraphReader, openLadybugReader } from "../../src/mod.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import type { Access } from "../neo4j/provided.ts";
import { asUser, choicesFor, SHARED_SERVER } from "../neo4j/suite.ts";

const server = SHARED_SERVER;

/** Opens a run's graph in each store that there is. */
export const STORES: Readonly<Record<string, (out: string) => Promise<GraphReader>>> = {
  embedded: (out) => openLadybugReader(join(out, "graph.lbug")),
  ...server === null ? {} : { neo4j: (out: string) => loadIntoServer(server, out) },
};

/** Loads the tables of a run into the shared server, under labels of its own. */
async function loadIntoServer(access: Access, out: string): Promise<GraphReader> {
  asUser(access);
  const choices = choicesFor(access);
  const models = await storedModels(folderLake(out));
  const header = { runId: models[0]?.runId ?? "", version: "0.0.0-test", out };
  const sink = await (await SINKS.neo4j({ neo4j: choices }))(header);
  for (const model of models) {
    const rows = await sink.begin(model.header);
    for (const table of TABLE_NAMES) {
      for await (const batch of readTable(folderLake(out), model, table)) await rows.write(table, batch);
    }
    await rows.commit();
  }
  for (const each of (await readManifest(folderLake(out)))?.comparisons ?? []) {
    const of = (id: string, uri: string, content: string) => ({ id, uri, content });
    const base = of(each.base, each.base_uri, each.base_content);
    const other = of(each.other, each.other_uri, each.other_content);
    await sink.compare!({ base, other, key: each.key }, await readComparison(folderLake(out), each));
  }
  await sink.finish();
  return await openNeo4jReader(choices);
}
