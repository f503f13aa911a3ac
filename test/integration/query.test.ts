import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execPath } from "node:process";
import { DuckDBInstance } from "@duckdb/node-api";
import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLadybugReader } from "../../src/mod.ts";
import { loadQuery, run } from "../../src/run.ts";
import { ROOT, svr } from "./svr.ts";

const EPOCHS = join(ROOT, "pipelines/models/mnist-mlp");
const EPOCH = "mnist-mlp/epoch-010";

let folder = "";
let out = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-query-"));
  out = join(folder, "out");
  await run({ models: EPOCHS, out, sinks: [] });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ask = (...args: string[]) => svr(["query", "--out", out, ...args], { cwd: folder });

describe("svr query with the library", () => {
  it("lists the queries with what they take, and shows one whole", async () => {
    const { code, stdout } = await svr(["query", "--list"], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^@hubs\n {2}The spectral neurons with the most edges.*\n {4}--param model=…/m);
    expect(stdout).toContain("--param limit=…  rows at most (an integer of at least 1, by default 20)");
    const listed = JSON.parse((await svr(["query", "--list", "--format", "json"])).stdout) as {
      query: string;
    }[];
    const found = await readdir(join(ROOT, "pipelines/queries"), { recursive: true });
    const files = found.map((file) => basename(file)).filter((file) => file.endsWith(".cypher"));
    expect(listed.map(({ query }) => `${query.slice(1)}.cypher`)).toEqual(
      files.filter((file) => !file.includes(".neo4j.")).sort(),
    );
    expect((await svr(["query", "--list", "@chains"])).stdout).toMatch(
      /Cypher, embedded store[^]*Cypher, Neo4j/,
    );
  });

  it("answers @hubs as a table, JSON, CSV and Arrow", async () => {
    const args = ["@hubs", "--param", `model=${EPOCH}`, "--param", "limit=3"];
    const rows = JSON.parse((await ask(...args, "--format", "json")).stdout) as Record<string, unknown>[];
    expect(rows).toHaveLength(3);
    expect(Object.keys(rows[0] ?? {}).slice(0, 4)).toEqual(["layer_index", "layer_name", "neuron", "degree"]);
    const csv = (await ask(...args, "--format", "csv")).stdout;
    expect(csv.split("\n")[1]).toBe(Object.values(rows[0] ?? {}).join(","));
    expect((await ask(...args)).stdout).toMatch(/^layer_index\s+layer_name\s+neuron\s+degree/);
    // A pipe takes text; Arrow's bytes are compared from a file.
    const file = join(folder, "hubs.arrow");
    await new Promise((done, fail) => {
      const flags = "Deno" in globalThis ? "run -A" : "";
      const command =
        `"${execPath}" ${flags} "${ROOT}src/cli.ts" query --out "${out}" @hubs --param model=${EPOCH} --param limit=3 --format arrow > "${file}"`;
      spawn("sh", ["-c", command], { stdio: "ignore" }).on("close", done).on("error", fail);
    });
    const arrow = tableFromIPC(await readFile(file));
    expect(arrow.toArray().map((row: { toJSON(): unknown }) => row.toJSON())).toEqual(rows);
  });

  it("answers in a Parquet file, with the types of the query's header and exact integers", async () => {
    const file = join(folder, "connections.parquet");
    const args = ["@connections", "--param", `model=${EPOCH}`];
    expect(await ask(...args, "--format", "parquet", "-o", file)).toMatchObject({ code: 0, stderr: "" });
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const found = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
    const { columns } = await loadQuery("connections");
    expect(found.columnNames()).toEqual(columns.map(({ name }) => name));
    const types = {
      text: "VARCHAR",
      integer: "BIGINT",
      number: "DOUBLE",
      boolean: "BOOLEAN",
      list: "VARCHAR",
    };
    expect(found.columnTypes().map(String)).toEqual(columns.map(({ type }) => types[type]));
    const rows = JSON.parse((await ask(...args, "--format", "json")).stdout) as unknown[];
    expect(rows.length).toBeGreaterThan(0);
    const plain = (_key: string, value: unknown) => typeof value === "bigint" ? Number(value) : value;
    expect(JSON.parse(JSON.stringify(found.getRowObjectsJS(), plain))).toEqual(rows);
    const big = "RETURN CAST(9007199254740993 AS INT128) AS big, 0.0 / 0.0 AS nan, 2.0 AS whole";
    expect((await ask(big, "--format", "parquet", "-o", file)).code).toBe(0);
    const one = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
    expect(one.getRowObjectsJS()).toEqual([{ big: 2n ** 53n + 1n, nan: NaN, whole: 2 }]);
    connection.closeSync();
  });

  it("takes a file with a header for a query, defaults and all", async () => {
    const file = join(folder, "mine.cypher");
    await writeFile(
      file,
      "// Mine.\n// @param least  integer = 255  neuron\n// @column at  integer  neuron\n" +
        "MATCH (n:SpectralNeuron {model: 'mnist-mlp/epoch-010'}) WHERE n.neuron >= $least RETURN n.neuron AS at ORDER BY at",
    );
    expect((await ask("--file", file, "--format", "csv")).stdout).toBe("at\n255\n");
    expect((await ask("--file", file, "--format", "csv", "--param", "least=254")).stdout).toBe(
      "at\n254\n255\n",
    );
    expect((await ask("--file", file, "--param", "most=254")).code).toBe(2);
  });

  it.each([
    [["@hubs"], /query hubs, parameter model: found none/],
    [
      ["@hubs", "--param", "model=gone"],
      /found "gone", required a model of the graph: "mnist-mlp\/epoch-000"/,
    ],
    [
      ["@hubs", "--param", `model=${EPOCH}`, "--param", "limit=ten"],
      /limit: found "ten", required an integer/,
    ],
    [["@hubs", "--param", `model=${EPOCH}`, "--param", "hops=1"], /found parameter "hops"; it takes model/],
    [["@hub"], /query @hub: found none of that name/],
    [["--list", "RETURN 1"], /required nothing beside it/],
    [["RETURN 1 AS n", "--format", "parquet"], /found no file to write, required -o <file>/],
  ])("%j is bad usage, and says why", async (args, message) => {
    const { code, stdout, stderr } = await ask(...args);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain("\n");
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("keeps what is quoted or looks like JSON but is none", async () => {
    const given = ['"quoted"', "007", "a=b", '"half', "'}) DETACH DELETE (n", "line\nbreak 🧠"];
    for (
      const [at, value] of ['"quoted"', "007", "a=b", '"half', "'}) DETACH DELETE (n", "line\nbreak 🧠"]
        .entries()
    ) {
      const { stdout } = await ask("RETURN $p AS p", "--param", `p=${value}`, "--format", "json");
      expect(JSON.parse(stdout)).toEqual([{ p: at === 0 ? "quoted" : given[at] }]);
    }
  });
});

describe("a graph that a run holds open", () => {
  it("can be asked; another run says so at once and leaves everything as it was", async () => {
    const flags = "Deno" in globalThis ? ["run", "-A"] : [];
    const holder = spawn(execPath, [
      ...flags,
      join(ROOT, "test/integration/hold-store.ts"),
      join(out, "graph.lbug"),
    ], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    await once(holder.stderr, "data");
    try {
      const { code, stdout } = await ask("MATCH (m:Model) RETURN count(*) AS n", "--format", "csv");
      expect([code, stdout]).toEqual([0, "n\n4\n"]);
      const before = await readdir(out);
      const second = await svr(["run", EPOCHS, "--out", out, "--quiet"]);
      expect(second.code).toBe(1);
      expect(second.stderr).toMatch(
        /^svr: opening graph store ".*graph\.lbug" to write: another process has it open for writing; wait until that has ended\n$/,
      );
      expect(await readdir(out)).toEqual(before);
    } finally {
      holder.stdin.end();
      await once(holder, "close");
    }
    const reader = await openLadybugReader(join(out, "graph.lbug"));
    expect((await reader.query("MATCH (m:Model) RETURN count(*)")).rows).toEqual([[4]]);
    await reader.close();
  });
});
