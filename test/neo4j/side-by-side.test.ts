import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT, svr } from "../integration/svr.ts";
import { asked, describeWithServer, freshPrefix, labelCounts, userOf, watcher } from "./suite.ts";

const MODELS = join(ROOT, "pipelines/models/mnist-mlp");
const EPOCHS = ["003", "010"];

describeWithServer("processes that load models of one run side by side", (server) => {
  const driver = watcher(server);
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-side-"));
  });
  afterAll(async () => {
    await driver.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs some of the models; what they have as tables already is only loaded. */
  const run = async (out: string, epochs: readonly string[], graph: readonly string[]) => {
    const include = epochs.flatMap((epoch) => ["--include", `*${epoch}*`]);
    const options = ["--sinks", "parquet", "--edges", "top:500", "--threads", "1", "--quiet"];
    const args = ["run", MODELS, "--out", join(folder, out), ...include, ...options, ...graph];
    expect(await svr(args, { env: userOf(server) })).toMatchObject({ code: 0, stderr: "" });
  };

  it("leave in it the edges of their tables", async () => {
    const prefix = freshPrefix();
    const graph = ["--graph", "neo4j", "--neo4j-uri", server.uri, "--neo4j-label-prefix", prefix];
    const shares = [EPOCHS.slice(0, 1), EPOCHS.slice(1)];
    // With the tables there, both processes do nothing but load, and begin with the schema at the same time.
    await Promise.all(shares.map((epochs, at) => run(`share-${at}`, epochs, ["--graph", "none"])));
    await Promise.all(shares.map((epochs, at) => run(`share-${at}`, epochs, graph)));
    const found = await asked(
      driver,
      `MATCH (a:${prefix}SpectralNeuron)-[e:CONNECTS]->(b:${prefix}SpectralNeuron) ` +
        "RETURN a.model AS model, a.layer AS s, a.neuron AS n, b.layer AS t, b.neuron AS m, e.overlap AS overlap " +
        "ORDER BY model, s, n, t, m",
    );
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows = await duckdb.runAndReadAll(
      `SELECT model, source_layer::BIGINT AS s, source_neuron::BIGINT AS n, target_layer::BIGINT AS t,
        target_neuron::BIGINT AS m, overlap
      FROM read_parquet('${folder}/share-*/edges/*/*.parquet', hive_partitioning = true)
      ORDER BY model, s, n, t, m`,
    );
    expect(found).toEqual(rows.getRowObjects());
    expect(found.length).toBeGreaterThan(1000);
    // No entry of a load is left.
    expect(await labelCounts(driver, prefix)).toEqual({
      SvrflowStore: 1,
      Model: 2,
      Layer: 6,
      SpectralNeuron: 2 * 394,
    });
  });
});
