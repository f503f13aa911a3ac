import { cp, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileServer } from "../connectors/places/server.ts";
import { VERSION } from "../../src/version.ts";
import { execute, ROOT, svr } from "./svr.ts";

/** Overlaps may differ by this much between the runtimes. */
const TOLERANCE = 1e-9;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-deno-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const onDeno = (args: readonly string[], options: Parameters<typeof execute>[2] = {}) =>
  execute(join(ROOT, "node_modules/.bin/deno"), ["run", "-A", join(ROOT, "src/cli.ts"), ...args], options);

describe("Deno", () => {
  it("has its tasks: `npx deno task svr` runs on Deno", async () => {
    const deno = join(ROOT, "node_modules/.bin/deno");
    const { tasks } = JSON.parse(await readFile(join(ROOT, "deno.json"), "utf8")) as { tasks: object };
    expect(Object.keys(tasks)).toEqual(["svr", "demo", "check", "test", "fmt"]);
    expect(await execute(deno, ["task", "--quiet", "svr", "--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^svrflow ${VERSION}\nDeno .*\n`)) as string,
    });
    expect((await execute(deno, ["task", "demo", "--nonsense"])).stderr).toContain("unknown option");
    expect(await execute(deno, ["task", "--quiet", "fmt", "--check", "--quiet"])).toMatchObject({ code: 0 });
    // Only that they find what they run: `npm run ok` and `npm test` run them.
    expect((await execute(deno, ["task", "check", "--help"])).stdout).toContain("Usage: deno check");
    expect((await execute(deno, ["task", "test", "--help"])).stdout).toContain("vitest/");
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

  it("fetches a model, what Node has fetched too", async () => {
    const server = await FileServer.start(join(ROOT, "pipelines/models"));
    try {
      const place = `${server.origin}/mnist-mlp/epoch-010.safetensors`;
      const options = { env: { SVRFLOW_CACHE: join(folder, "cache") } };
      const args = [
        "run",
        place,
        "--quiet",
        "--graph",
        "none",
        "--edges",
        "top:200",
        "--kernel",
        "wasm",
        "--out",
      ];
      expect(await onDeno([...args, join(folder, "fetched-deno")], options)).toMatchObject({
        code: 0,
        stderr: "",
      });
      const { size } = await stat(join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors"));
      expect(server.bytes()).toBe(size);
      expect((await svr([...args, join(folder, "fetched-node")], options)).code).toBe(0);
      expect(server.bytes()).toBe(size);
      const files = (out: string) => readdir(join(folder, out, "edges"), { recursive: true });
      expect(await files("fetched-deno")).toEqual(await files("fetched-node"));
      server.misbehave = ({ response }) => {
        response.writeHead(503, { "retry-after": "7200" }).end();
        return true;
      };
      const { code, stderr } = await onDeno([...args, join(folder, "refused")], options);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/found an answer of 503, asked to wait 7200 s/),
      ]);
    } finally {
      await server.stop();
    }
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
    expect(await onDeno(query)).toEqual({ code: 0, stdout: "n\n394\n", stderr: "" });
  });
});
