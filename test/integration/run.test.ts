import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_BLAS } from "../support/kernels.ts";
import type { RunRecord, RunReport } from "../../src/run.ts";
import { SCHEMA_VERSION, TABLE_NAMES, TABLES } from "../../src/model/tables.ts";
import { VERSION } from "../../src/version.ts";
import { ROOT, svr } from "./svr.ts";

const EPOCH = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");
const STRONGEST = "MATCH (a:SpectralNeuron)-[e:CONNECTS]->(b:SpectralNeuron) " +
  "RETURN a.layer, a.neuron, b.layer, b.neuron, e.overlap ORDER BY e.overlap DESC LIMIT 5";

let folder = "";
let out = "";
let printed = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-run-"));
  out = join(folder, "out");
  const ended = await svr(["run", join(ROOT, "pipelines/models/mnist-mlp"), "--out", out, "--verbose"]);
  expect(ended.code).toBe(0);
  printed = ended.stdout;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const json = async <T>(path: string) => JSON.parse(await readFile(path, "utf8")) as T;

/** Every file below a folder with the digest of its bytes; the records, which hold times, left out. */
async function digests(below: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(below, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || !/\.(parquet|arrow)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(below.length)] = createHash("sha256").update(await readFile(path)).digest("hex");
  }
  return found;
}

describe("svr run", () => {
  it("leaves tables whose rows DuckDB counts as the report does, by a Hive glob", async () => {
    const report = await json<RunReport>(join(out, "report.json"));
    const duckdb = await (await DuckDBInstance.create()).connect();
    expect(report.models).toHaveLength(4);
    for (const table of TABLE_NAMES) {
      const answer = await duckdb.runAndReadAll(
        "SELECT model, count(*) AS n FROM read_parquet($glob, hive_partitioning = true) GROUP BY ALL",
        { glob: join(out, table, "*", "*.parquet") },
      );
      const counted = new Map(answer.getRows().map(([model, n]) => [String(model), Number(n)]));
      for (const model of report.models) {
        expect(counted.get(model.id) ?? 0, `${table} of ${model.id}`).toBe(model.rows[table]);
      }
      expect([...counted.values()].reduce((sum, n) => sum + n, 0)).toBe(report.rows[table]);
    }
    expect(report.rows.edges).toBeGreaterThan(0);
    expect(report.rows.neurons).toBe(4 * (256 + 128 + 10));
  });

  it("writes the schema version and the run id into every file, and the same rows as Arrow", async () => {
    const { run_id } = await json<RunReport>(join(out, "report.json"));
    const duckdb = await (await DuckDBInstance.create()).connect();
    for (const table of TABLE_NAMES) {
      const [partition = ""] = (await readdir(join(out, table))).filter((name) => name.includes("epoch-010"));
      const [parquet = ""] = await readdir(join(out, table, partition));
      const metadata = await duckdb.runAndReadAll(
        "SELECT decode(key), decode(value) FROM parquet_kv_metadata($file)",
        { file: join(out, table, partition, parquet) },
      );
      const pairs = new Map(metadata.getRows().map(([key, value]) => [String(key), String(value)]));
      expect(pairs.get("svrflow.run_id")).toBe(run_id);
      expect(pairs.get("svrflow.schema_version")).toBe(String(SCHEMA_VERSION));
      const arrow = tableFromIPC(
        await readFile(join(out, "arrow", table, partition, parquet.replace(".parquet", ".arrow"))),
      );
      expect(arrow.schema.metadata.get("svrflow.run_id")).toBe(run_id);
      expect(arrow.schema.fields.map(({ name }) => name)).toEqual(TABLES[table].map(({ name }) => name));
      const rows = await duckdb.runAndReadAll("SELECT count(*) FROM read_parquet($file)", {
        file: join(out, table, partition, parquet),
      });
      expect(arrow.numRows).toBe(Number(rows.getRows()[0]?.[0]));
    }
  });

  it("records what it read, with digests of its own, and on what", async () => {
    const record = await json<RunRecord>(join(out, "run.json"));
    expect(record.versions["svrflow"]).toBe(VERSION);
    expect(record.kernel?.name).toBe(NO_BLAS === null ? "native" : "wasm");
    expect(record.kernel?.threads).toBeGreaterThan(0);
    expect(record.counts.done).toBe(4);
    const model = record.models.find(({ id }) => id === "mnist-mlp/epoch-010");
    const bytes = await readFile(EPOCH);
    expect(model?.inputs).toEqual([
      { path: EPOCH, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") },
    ]);
    expect(model?.skipped.map(({ name }) => name)).toEqual(["fc1.bias", "fc2.bias", "fc3.bias"]);
    for (const { path, bytes: size } of model?.files ?? []) {
      expect((await stat(join(out, path))).size).toBe(size);
    }
    expect(Date.parse(record.ended)).toBeGreaterThanOrEqual(Date.parse(record.started));
  });

  it("prints, with --verbose, layers, connections against chance, strongest edges, a query with its answer and what to try next", async () => {
    expect(printed).toMatch(
      /mnist-mlp\/epoch-010[^]*Layers[^]*fc1[^]*Connections[^]*by chance[^]*Strongest edges[^]*Cypher[^]*answers/,
    );
    expect(printed).toContain("What to try next");
    expect(await readFile(join(out, "report.md"), "utf8")).toContain("## mnist-mlp/epoch-010");
  });

  it("answers Cypher about the graph as DuckDB does about the tables", async () => {
    const { code, stdout } = await svr(["query", "--out", out, "--format", "json", STRONGEST]);
    expect(code).toBe(0);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const answer = await duckdb.runAndReadAll(
      "SELECT source_layer, source_neuron, target_layer, target_neuron, overlap " +
        "FROM read_parquet($glob, hive_partitioning = true) ORDER BY overlap DESC LIMIT 5",
      { glob: join(out, "edges", "*", "*.parquet") },
    );
    expect((JSON.parse(stdout) as object[]).map((row) => Object.values(row) as unknown[])).toEqual(
      answer.getRows(),
    );
  });

  it("changes nothing when repeated, and replaces a model when its settings change", async () => {
    const before = await digests(out);
    const again = await svr(["run", join(ROOT, "pipelines/models/mnist-mlp"), "--out", out, "--quiet"]);
    expect(again.code).toBe(0);
    expect(again.stdout + again.stderr).toBe("");
    // Not written again: not even the run's id in them is another.
    expect(await digests(out)).toEqual(before);
    const count = async () => {
      const { stdout } = await svr([
        "query",
        "--out",
        out,
        "--format",
        "csv",
        "MATCH (n:SpectralNeuron) RETURN count(*) AS n",
      ]);
      return stdout;
    };
    expect(await count()).toBe(`n\n${4 * 394}\n`);
    await svr(["run", EPOCH, "--out", out, "--quiet", "--sigma", "6"]);
    const after = await digests(out);
    expect(Object.keys(after)).toHaveLength(Object.keys(before).length);
    // The test is another one, and no spectrum: what says nothing of the test stands as it did.
    const changed = ["connections", "edges", "models"].map((table) => `/${table}/`);
    const fresh = Object.keys(after).filter((path) => !(path in before));
    expect(fresh.map((path) => path.replace(/model=.*/, "")).sort()).toEqual([
      ...changed.map((table) => `/arrow${table}`),
      ...changed,
    ]);
    for (const path of Object.keys(after)) if (path in before) expect(after[path]).toBe(before[path]);
    expect(await count()).toBe(`n\n${4 * 394}\n`);
  });
});

describe("the ends of svr run", () => {
  it("reports progress as JSON lines on stderr, and the report on stdout", async () => {
    const { code, stdout, stderr } = await svr([
      "run",
      EPOCH,
      "--out",
      join(folder, "json"),
      "--json",
      "--graph",
      "none",
    ]);
    expect(code).toBe(0);
    const events = stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as { event: string })
      // How many of these there are is a matter of time.
      .filter(({ event }) => event !== "progress");
    expect(events[0]?.event).toBe("run");
    expect(events.at(-1)?.event).toBe("done");
    expect(events.filter(({ event }) => event === "step")).toHaveLength(5);
    expect((JSON.parse(stdout) as RunReport).models).toHaveLength(1);
    expect(existsSync(join(folder, "json", "graph.lbug"))).toBe(false);
  });

  it("stops cleanly when interrupted: no staging, no half model, no record, but for spectra", async () => {
    const target = join(folder, "interrupted");
    const config = join(folder, "slow.yaml");
    const layers = Array.from({ length: 12 }, (_, i) => `{name: fc${i}, out: 160, in: 160}`).join(", ");
    await writeFile(
      config,
      `models: [{id: slow, synthetic: {seed: 1, layers: [${layers}]}}]\nout: ${JSON.stringify(target)}\n`,
    );
    let sent = false;
    const ended = await svr(["run", config, "--json"], {
      onOutput: (stderr, kill) => {
        if (sent || !stderr.includes('"step"')) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(sent).toBe(true);
    expect(ended.code).toBe(130);
    expect(existsSync(target) ? await readdir(target) : [".cache"]).toEqual([".cache"]);
  });

  it.each([
    [["run"], 2],
    [["runn"], 2],
    [["run", "--sigmaa", "3", "x"], 2],
    [["run", "x.safetensors", "--sigma", "three"], 2],
    [["run", "x.safetensors", "--graph", "mongo"], 2],
    [["run", "a.yaml", "b.safetensors"], 2],
    [["query"], 2],
    [["query", "RETURN 1", "--file", "x"], 2],
    [["query", "RETURN 1", "--out", "/nowhere"], 1],
    [["inspect", "/nowhere/x.safetensors"], 1],
    [["--help"], 0],
    [["--version"], 0],
  ])("svr %j ends with %i", async (args, code) => {
    const ended = await svr(args, { cwd: folder });
    expect(ended.code).toBe(code);
    if (code !== 0) {
      expect(ended.stderr).not.toBe("");
      expect(ended.stderr).not.toMatch(/\n\s+at /);
      expect(ended.stdout).toBe("");
    }
  });
});

describe("svr inspect", () => {
  it("tells layers, topology with its evidence, and what is skipped, without reading a weight", async () => {
    const { code, stdout, stderr } = await svr(["inspect", EPOCH, "--no-infer"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/fc1\s+linear\s+guessed\s+F32\s+256 x 784/);
    expect(stdout).toMatch(/fc1\s+fc2\s+0\s+direct\s+guessed\s+256\s+1\s+0-255, in order/);
    expect(stdout).toMatch(/tensor\s+fc1\.bias\s+1 dimensions/);
    expect(stderr).toContain("warning: mnist-mlp/epoch-010: topology guessed");
  });

  it("accounts for every tensor in its JSON, and draws the graph", async () => {
    const json = JSON.parse((await svr(["inspect", EPOCH, "--json"])).stdout) as {
      tensors: { name: string; use: string; what: string }[];
    }[];
    expect(json[0]?.tensors.map(({ name, use }) => [name, use])).toEqual([
      ["fc1.weight", "weight"],
      ["fc1.bias", "skipped"],
      ["fc2.weight", "weight"],
      ["fc2.bias", "skipped"],
      ["fc3.weight", "weight"],
      ["fc3.bias", "skipped"],
    ]);
    expect((await svr(["inspect", EPOCH, "--no-infer", "--format", "mermaid"])).stdout).toMatch(
      /^flowchart TD\n[^]*L0\["fc1: linear 784 to 256"\][^]*L0 -\. "direct" \.-> L1/,
    );
    expect((await svr(["inspect", EPOCH, "--no-infer", "--format", "dot"])).stdout).toMatch(
      /^digraph[^]*L1 -> L2 \[label="direct", style=dashed\];\n\}/,
    );
  });

  it.each([
    ["chain:\n  - fc1\n  - fc9\n", /mine\.yaml:3:5: .*"fc9".*found no weight/],
    [
      "connections:\n  - from: fc1\n    to: fc2\n  - {from: fc1, to: fc3}\n",
      /mine\.yaml:4:5: .*256 out channels/,
    ],
    ["chain: [fc1, fc2]\nlayers:\n  - {name: fc2, groups: 7}\n", /mine\.yaml:3:5: .*groups: found 7/],
  ])("says by line what of a topology does not fit the model: %j", async (text, says) => {
    await writeFile(join(folder, "mine.yaml"), text);
    const { code, stderr } = await svr(["inspect", EPOCH, "--topology", join(folder, "mine.yaml")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });
});

describe("svr query", () => {
  it("writes the same answer as table, JSON, CSV and Arrow", async () => {
    const ask = (format: string) =>
      svr([
        "query",
        "--out",
        out,
        "--format",
        format,
        "--param",
        "model=mnist-mlp/epoch-010",
        "--param",
        "least=250",
        "MATCH (n:SpectralNeuron {model: $model}) WHERE n.neuron >= $least RETURN n.neuron AS neuron, n.singular_value AS s, n.near_kernel AS near ORDER BY neuron",
      ]);
    const rows = JSON.parse((await ask("json")).stdout) as { neuron: number; s: number; near: boolean }[];
    expect(rows.map(({ neuron }) => neuron)).toEqual([250, 251, 252, 253, 254, 255]);
    expect((await ask("csv")).stdout).toBe(
      ["neuron,s,near", ...rows.map(({ neuron, s, near }) => `${neuron},${s},${near}`)].map((line) =>
        `${line}\n`
      ).join(""),
    );
    const [header, , ...lines] = (await ask("table")).stdout.trimEnd().split("\n");
    expect(header?.trim().split(/\s+/)).toEqual(["neuron", "s", "near"]);
    expect(lines.map((line) => line.trim().split(/\s+/))).toEqual(
      rows.map(({ neuron, s, near }) => [neuron, Number(s.toPrecision(4)), near].map(String)),
    );
  });

  it.each([
    "CREATE (m:Model {id: 'x'})",
    "MATCH (m:Model) DETACH DELETE m",
    "COPY (MATCH (m:Model) RETURN m.id) TO 'stolen.csv'",
    "LOAD FROM 'x.csv' RETURN *",
  ])(
    "refuses %j",
    async (cypher) => {
      const { code, stderr } = await svr(["query", "--out", out, cypher], { cwd: folder });
      expect(code).toBe(1);
      expect(stderr).toContain("required one statement that only reads");
      expect(await readdir(folder)).not.toContain("stolen.csv");
    },
  );
});
