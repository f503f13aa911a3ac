import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../src/mod.ts";
import type { RunRecord } from "../../src/run/records/records.ts";
import { installPackages, pluginFiles } from "../words/examples.ts";
import { ROOT, svr } from "./svr.ts";

const EPOCH = join(ROOT, "pipelines/models/mnist-mlp/epoch-010.safetensors");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-plugins-"));
  await installPackages(folder);
  for (const [name, text] of pluginFiles()) await writeFile(join(folder, name), text);
  const model = await openModel(EPOCH);
  const shapes = Object.fromEntries(model.tensors.map(({ name, shape }) => [name, shape]));
  const values = await Promise.all(model.tensors.map(({ name }) => model.read(name)));
  await model.close();
  const bytes = values.map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer));
  await mkdir(join(folder, "models"));
  await writeFile(join(folder, "models/mlp.dense"), [`${JSON.stringify(shapes)}\n`, ...bytes]);
  await writeFile(
    join(folder, "config.yaml"),
    "models: models\nplugins: [./my-format.ts, ./my-sink.ts]\nsinks: [parquet]\ngraph: none\n",
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const config = () => join(folder, "config.yaml");
const record = async (out: string) => JSON.parse(await readFile(join(out, "run.json"), "utf8")) as RunRecord;
const answer = async (sql: string) => {
  const duckdb = await (await DuckDBInstance.create()).connect();
  return (await duckdb.runAndReadAll(sql)).getRowsJson();
};
const edges = (out: string) => `read_parquet('${join(out, "edges/*/*.parquet")}')`;

describe("plugins of a config", () => {
  it("read and write what ours do, in a lake too", async () => {
    const [out, lake, own] = ["plugged", "lake", "own"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    // Not from the config's folder, where its plugins are.
    const { code, stderr } = await svr(["run", config(), "--quiet", "--out", out, "--lake", lake]);
    expect([code, stderr]).toEqual([0, ""]);
    await svr(["run", EPOCH, "--quiet", "--graph", "none", "--sinks", "parquet", "--out", own]);
    const columns = "source_layer, source_neuron, target_layer, target_neuron, overlap, log_p, weight";
    const [[count]] = await answer(`SELECT count(*) FROM ${edges(own)}`) as [[string]];
    expect(Number(count)).toBeGreaterThan(20);
    const [here, there] = [own, lake].map((place) => `(SELECT ${columns} FROM ${edges(place)})`);
    expect(await answer(`${here} EXCEPT ALL ${there}`)).toEqual([]);
    expect(await answer(`SELECT format FROM '${join(lake, "models/*/*.parquet")}'`)).toEqual([["dense"]]);
    const sums = `SELECT target_layer, target_neuron, round(sum(weight), 9) FROM ${edges(lake)} GROUP BY ALL`;
    const written = `SELECT layer::INT, neuron::INT, round(weight, 9) FROM '${join(out, "inflow/mlp.csv")}'`;
    expect(await answer(`${written} ORDER BY ALL`)).toEqual(await answer(`${sums} ORDER BY ALL`));
    const { plugins, models } = await record(out);
    expect(plugins).toEqual([
      { module: "./my-format.ts", formats: ["dense 1.0.0"], sinks: [] },
      { module: "./my-sink.ts", formats: [], sinks: ["inflow"] },
    ]);
    expect(models[0]?.files.filter(({ sink }) => sink === "inflow").map(({ path }) => path)).toEqual([
      "inflow/mlp.csv",
    ]);
    expect((await svr(["lake", "check", lake])).code).toBe(0);
    expect((await svr(["report", out])).stdout).toContain("mlp");
  });

  it("are taken by inspect, by filters and by a dry run", async () => {
    const dense = join(folder, "models/mlp.dense");
    const plugin = ["--plugin", "./my-format.ts"];
    const inspected = await svr(["inspect", dense, ...plugin, "--json"], { cwd: folder });
    expect(JSON.parse(inspected.stdout)).toMatchObject([{ id: "mlp", format: "dense" }]);
    const out = ["-o", join(folder, "filters.npy")];
    expect(
      (await svr(["filters", dense, ...plugin, "--connection", "fc1 -> fc2", ...out], { cwd: folder }))
        .stdout,
    )
      .toContain("filters.npy: 128 x 1 x 256");
    expect((await svr(["run", dense, ...plugin, "--dry-run"], { cwd: folder })).stdout).toContain("mlp");
    expect(await svr(["check", config()])).toMatchObject({ code: 0, stderr: "" });
    expect((await svr(["inspect", dense])).stderr).toContain('found extension ".dense"');
  });
});

describe("a repeated run with plugins", () => {
  const again = async (out: string, ...more: string[]) => {
    const { code, stderr } = await svr(["run", config(), "--quiet", "--out", out, ...more]);
    expect([code, stderr]).toEqual([0, ""]);
    const { counts, models } = await record(out);
    return { done: counts.up_to_date, computed: counts.spectra_computed, key: models[0]?.key };
  };
  const edited = async (name: string, from: string, to: string) => {
    const path = join(folder, name);
    const text = await readFile(path, "utf8");
    expect(text).toContain(from);
    await writeFile(path, text.replace(from, to));
  };

  it("does nothing twice, and what another version has read again", async () => {
    const out = join(folder, "resumed");
    const first = await again(out, "--cache", "off");
    expect(first).toMatchObject({ done: 0, computed: 3 });
    const written = async () => (await stat(join(out, "inflow/mlp.csv"))).mtimeMs;
    const before = await written();
    expect(await again(out, "--cache", "off")).toEqual({ done: 1, computed: 0, key: first.key });
    expect(await written()).toBe(before);
    await edited("my-format.ts", '"1.0.0"', '"1.1.0"');
    const second = await again(out, "--cache", "off");
    expect(second).toMatchObject({ done: 0, computed: 3 });
    expect(second.key).not.toBe(first.key);
    // The same version, and another file.
    await edited("my-format.ts", "/** `.dense`", "/** `.dense` once more");
    expect((await again(out, "--cache", "off")).key).not.toBe(second.key);
  });

  it("gives a sink what it has lost, and a new sink what the tables have", async () => {
    const out = join(folder, "lost");
    const dense = join(folder, "models/mlp.dense");
    const args = ["run", dense, "--quiet", "--graph", "none", "--out", out, "--plugin", "./my-format.ts"];
    expect((await svr(args, { cwd: folder })).code).toBe(0);
    const inflow = () => readFile(join(out, "inflow/mlp.csv"), "utf8");
    const files = async () => (await record(out)).models[0]?.files.map(({ path }) => path) ?? [];
    const tables = await files();
    expect((await svr([...args, "--plugin", "./my-sink.ts"], { cwd: folder })).code).toBe(0);
    expect((await record(out)).counts.spectra_computed).toBe(0);
    expect(await files()).toEqual([...tables, "inflow/mlp.csv"]);
    const text = await inflow();
    await rm(join(out, "inflow"), { recursive: true });
    expect((await svr([...args, "--plugin", "./my-sink.ts"], { cwd: folder })).code).toBe(0);
    expect(await inflow()).toBe(text);
    expect(await files()).toEqual([...tables, "inflow/mlp.csv"]);
  });
});

describe("modules", () => {
  it("may be packages, found from the config's folder", async () => {
    const home = join(folder, "node_modules/@me/some-package");
    await mkdir(home, { recursive: true });
    await writeFile(
      join(home, "package.json"),
      '{"name": "@me/some-package", "type": "module", "exports": {"types": "./x.d.ts", "default": "./main.js"}}',
    );
    await writeFile(
      join(home, "main.js"),
      `export const formats = [{ name: "none", version: "3", extensions: [".none"], open(path) { throw new Error("read " + path); } }];`,
    );
    await writeFile(join(folder, "x.none"), "");
    const path = join(folder, "package.yaml");
    await writeFile(path, 'models: x.none\nplugins: ["@me/some-package"]\n');
    const { code, stderr } = await svr(["run", path, "--out", join(folder, "never")]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`read ${join(folder, "x.none")}`)]);
  });

  it("are never loaded from where a model lies", async () => {
    const place = join(folder, "strangers");
    await mkdir(place);
    const said = "a stranger's code ran";
    await writeFile(
      join(place, "plugin.ts"),
      `console.log(${JSON.stringify(said)}); export const sinks = [];\n`,
    );
    const names = ["config.yaml", "svrflow.yaml", "run.yaml", "plugins.yaml", "config.json", "package.json"];
    for (const name of names) await writeFile(join(place, name), '{"plugins": ["./plugin.ts"]}\n');
    await writeFile(join(place, "mlp.safetensors"), await readFile(EPOCH));
    const run = await svr(["run", place, "--graph", "none", "--out", join(folder, "guest")], { cwd: place });
    expect(run.code).toBe(0);
    expect(run.stdout + run.stderr).not.toContain(said);
    for (
      const [name, text] of [["mlp.topology.yaml", "chain: [fc1, fc2]\n"], ["list.yaml", "models: []\n"]]
    ) {
      await writeFile(join(place, name!), `${text}plugins: [./plugin.ts]\n`);
    }
    const topology = await svr(["run", place, "--out", join(folder, "guest")], { cwd: place });
    expect([topology.code, topology.stdout]).toEqual([2, ""]);
    expect(topology.stderr).toContain('mlp.topology.yaml:2:10: found unknown key "plugins"');
    await writeFile(join(folder, "listed.yaml"), "models: { manifest: strangers/list.yaml }\n");
    const manifest = await svr(["run", join(folder, "listed.yaml"), "--out", join(folder, "guest")]);
    expect([manifest.code, manifest.stdout]).toEqual([2, ""]);
    expect(manifest.stderr).toContain('"plugins"');
  });

  it("end the program with 2 where one is none, before a file is made", async () => {
    const args = ["run", EPOCH, "--plugin", "./package.json", "--out", "refused"];
    const { code, stdout, stderr } = await svr(args, { cwd: folder });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`svr: plugin ${join(folder, "package.json")}: found that it does not load`);
    expect(await readdir(folder)).not.toContain("refused");
  });
});
