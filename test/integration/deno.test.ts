import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { execute, ROOT, svr } from "./svr.ts";

/** Overlaps may differ by this much between the runtimes. */
const TOLERANCE = 1e-9;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-deno-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const onDeno = (args: readonly string[]) =>
  execute(join(ROOT, "node_modules/.bin/deno"), ["run", "-A", join(ROOT, "src/cli.ts"), ...args]);

describe("Deno", () => {
  it("has its tasks: `npx deno task svr` runs on Deno", async () => {
    const deno = join(ROOT, "node_modules/.bin/deno");
    const { tasks } = JSON.parse(await readFile(join(ROOT, "deno.json"), "utf8")) as { tasks: object };
    expect(Object.keys(tasks)).toEqual(["svr", "demo"]);
    expect(await execute(deno, ["task", "--quiet", "svr", "--version"])).toMatchObject({
      code: 0,
      stdout: `${VERSION}\n`,
    });
    expect((await execute(deno, ["task", "demo", "--nonsense"])).stderr).toContain("unknown option");
  });

  it.each([
    ["trained", join(ROOT, "pipelines/models/mnist-mlp")],
    ["generated", join(ROOT, "pipelines/null-control.yaml")],
  ])("finds the same edges as Node: %s models", async (name, what) => {
    const [node, deno] = [join(folder, `${name}-node`), join(folder, `${name}-deno`)];
    const args = ["run", what, "--quiet", "--edges", "top:200"];
    expect((await svr([...args, "--out", node])).code).toBe(0);
    expect(await onDeno([...args, "--out", deno])).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(join(deno, "edges"))).toEqual(await readdir(join(node, "edges")));
    const duckdb = await (await DuckDBInstance.create()).connect();
    const edges = (out: string) =>
      `read_parquet('${join(out, "edges", "*", "*.parquet")}', hive_partitioning = true)`;
    const answer = await duckdb.runAndReadAll(
      `SELECT count(*), count(a.overlap), count(b.overlap), max(abs(a.overlap - b.overlap)), ` +
        `count(*) FILTER (a.significant <> b.significant) FROM ${edges(node)} a FULL JOIN ${edges(deno)} b ` +
        "USING (model, source_layer, source_neuron, target_layer, target_neuron)",
    );
    const [all, here, there, difference, verdicts] = (answer.getRows()[0] ?? []).map(Number);
    expect(all).toBeGreaterThan(500);
    expect([here, there]).toEqual([all, all]);
    expect(difference).toBeLessThanOrEqual(TOLERANCE);
    expect(verdicts).toBe(0);
  });

  it("answers Cypher about a graph that Node wrote", async () => {
    const out = join(folder, "asked");
    await svr([
      "run",
      join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors"),
      "--out",
      out,
      "--quiet",
    ]);
    await cp(join(out, "graph.lbug"), join(out, "copy.lbug"));
    const query = ["query", "--out", out, "--format", "csv", "MATCH (n:SpectralNeuron) RETURN count(*) AS n"];
    expect(await onDeno(query)).toEqual({ code: 0, stdout: "n\r\n394\r\n", stderr: "" });
  });
});
