import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openNeo4jReader } from "../../connectors/readers/neo4j-reader.ts";
import { committed, seen, whole } from "../neo4j/models.ts";
import {
  asUser,
  choicesFor,
  describeWithServer,
  freshPrefix,
  labelCounts,
  userOf,
  watcher,
} from "../neo4j/suite.ts";
import { ROOT, svr } from "./svr.ts";

const HARD = [
  `"double" 'single' \`tick\` \\back\\ \\u0041`,
  "}) DETACH DELETE (n",
  "a\nb\r\n\t",
  "🧠👩‍🔬",
  "x".repeat(10_240),
  "",
];

describeWithServer("a graph on a server", (server) => {
  const driver = watcher(server);
  let out = "";
  beforeAll(async () => {
    asUser(server);
    out = await mkdtemp(join(tmpdir(), "svr-neo4j-"));
  });
  afterAll(async () => {
    await driver.close();
    await rm(out, { recursive: true, force: true });
  });

  it("gets both models when two runs load at once, and one of the two where they load the same", async () => {
    const prefix = freshPrefix();
    const ranges = [[0, 3000], [500_000, 4000], [100_000, 5000]] as const;
    const ids = ["same", "same", "other"];
    const sinks = [];
    for (const [at, range] of ranges.entries()) {
      sinks.push(await committed(out, choicesFor(server, prefix), ids[at] ?? "", range));
    }
    await Promise.all(sinks.map((sink) => sink.finish()));
    expect([whole(ranges[0]), whole(ranges[1])]).toContainEqual(await seen(driver, prefix, "same"));
    expect(await seen(driver, prefix, "other")).toEqual(whole(ranges[2]));
    expect(await labelCounts(driver, prefix)).toEqual({
      SvrflowStore: 1,
      Model: 2,
      Layer: 4,
      SpectralNeuron: 4000,
    });
  });

  it("is run and asked from the command line; no password is in what a run leaves or says", async () => {
    const prefix = freshPrefix();
    const model = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");
    const env = userOf(server);
    const flags = ["--graph", "neo4j", "--neo4j-uri", server.uri, "--neo4j-label-prefix", prefix];
    const run = await svr(["run", model, "--out", join(out, "run"), ...flags], { env });
    expect(run).toMatchObject({ code: 0 });
    const left = await readFile(join(out, "run/run.json"), "utf8");
    expect(left).toContain(server.uri);
    for (const text of [left, run.stdout, run.stderr]) expect(text).not.toContain(server.password);
    const ask = (cypher: string) => svr(["query", ...flags, "--format", "csv", cypher], { env });
    expect(await ask(`MATCH (n:${prefix}SpectralNeuron) RETURN count(*) AS n`)).toMatchObject({
      stdout: "n\n394\n",
    });
    expect(await ask("MATCH (n) SET n.x = 1")).toMatchObject({ code: 1, stdout: "" });
    const secret = await svr([
      "run",
      model,
      "--graph",
      "neo4j",
      "--neo4j-uri",
      "bolt://neo4j:hunter2@localhost",
    ]);
    expect(secret).toMatchObject({ code: 2, stdout: "" });
    expect(secret.stderr).not.toContain("hunter2");
  });

  it("answers what the embedded store would: integers, nodes, paths; parameters come back as they went", async () => {
    const prefix = freshPrefix();
    await (await committed(out, choicesFor(server, prefix), "m", [0, 3])).finish();
    const reader = await openNeo4jReader(choicesFor(server, prefix));
    try {
      expect(
        await reader.query("RETURN $list AS list, $n AS n, $x AS x, $big AS big, $b AS b, $null AS nothing", {
          list: HARD,
          n: 7,
          x: 0.5,
          big: 2n ** 60n + 1n,
          b: true,
          null: null,
        }),
      ).toEqual({
        columns: ["list", "n", "x", "big", "b", "nothing"],
        rows: [[HARD, 7, 0.5, 2n ** 60n + 1n, true, null]],
        types: [null, "integer", "number", "integer", "boolean", null],
      });
      const { rows: [[node, edge, path] = []] } = await reader.query(
        `MATCH p = (a:${prefix}SpectralNeuron)-[e:CONNECTS]->() RETURN a, e, p ORDER BY e.weight LIMIT 1`,
      );
      expect(node).toMatchObject({ model: "m", layer: 0, neuron: 0, _label: `${prefix}SpectralNeuron` });
      expect(edge).toMatchObject({ overlap: 0, significant: true, _label: "CONNECTS" });
      expect(path).toMatchObject({ nodes: [node, { layer: 1 }], relations: [edge] });
      await expect(reader.query("MATCH (n) SET n.x = 1")).rejects.toThrow(/found a clause that writes/);
      await expect(reader.query("MATCH (n) RETRUN n")).rejects.toThrow(SyntaxError);
      await expect(reader.query("LOAD CSV FROM 'file:///x' AS r RETURN r")).rejects.toThrow(SyntaxError);
      await expect(reader.query("RETURN $x", { x: { a: 1 } })).rejects.toThrow(TypeError);
    } finally {
      await reader.close();
    }
  });
});
