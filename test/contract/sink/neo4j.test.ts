import { afterAll } from "vitest";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import type { OpenSink } from "../../../src/model/ports.ts";
import { readGraph, readGraphComparison } from "../../neo4j/read-back.ts";
import { asUser, choicesFor, describeWithServer, freshPrefix, watcher } from "../../neo4j/suite.ts";
import { comparisonContract } from "./comparison-contract.ts";
import { TOLD_BY_NODES } from "./comparison-patterns.ts";
import { type ReadBack, sinkContract } from "./contract.ts";

// In full on Node. On Deno a smoke test: what differs there is the driver, not what the sink asks of it.
describeWithServer("a graph server", (server) => {
  asUser(server);
  const driver = watcher(server);
  afterAll(() => driver.close());
  // An output folder has its own part of the server.
  const prefixes = new Map<string, string>();
  const prefixOf = (out: string) => {
    const prefix = prefixes.get(out) ?? freshPrefix();
    prefixes.set(out, prefix);
    return prefix;
  };
  const readBack: ReadBack = (out, model) => readGraph(driver, prefixOf(out), model);

  const open: OpenSink = async (run) =>
    await (await SINKS.neo4j({ neo4j: choicesFor(server, prefixOf(run.out)) }))(run);

  comparisonContract(
    "neo4j",
    open,
    (out, base, other) => readGraphComparison(driver, prefixOf(out), base, other),
    { goesWithModels: true, without: TOLD_BY_NODES },
  );

  sinkContract(
    "neo4j",
    open,
    readBack,
    {
      tables: ["layers", "neurons", "connections", "edges"],
      files: 0,
      nan: "null",
      many: 50_000,
      smoke: "Deno" in globalThis,
    },
  );
});
