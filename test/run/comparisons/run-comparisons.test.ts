import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkLake } from "../../../connectors/lake/check.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { removeModels } from "../../../connectors/lake/remove.ts";
import { openLadybugReader } from "../../../connectors/readers/ladybug-reader.ts";
import type { ComparisonReport } from "../../../src/compare/comparison-report.ts";
import type { ProgressEvent } from "../../../src/run/progress/progress.ts";
import { run, type RunSettings } from "../../../src/run/run-pipeline.ts";
import { CompletedModels } from "../../../src/run/records/completed-models.ts";
import { lacksNeurons } from "../../../src/run/settings.ts";
import { svr } from "../../integration/svr.ts";
import { gaussian } from "../../support/layer-fixture.ts";
import { writeTensors } from "../../support/files/safetensors-file.ts";
import { trainedMlp, WIDTHS } from "../../compare/trained-mlp.ts";

let folder = "";
const out = () => join(folder, "out");
const file = (name: string) => join(folder, `${name}.safetensors`);

/** A trained network, and how far its weights are from it. */
async function write(name: string, seed: number, noise = 0): Promise<void> {
  const next = gaussian(7);
  await writeTensors(
    file(name),
    trainedMlp(seed).map((data, at) =>
      [
        `fc${at + 1}.weight`,
        [WIDTHS[at + 1]!, WIDTHS[at]!],
        data.map((value) => value + noise * next()),
      ] as const
    ),
  );
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-compare-"));
  await write("a", 1);
  await write("b", 1, 0.01);
  await write("stranger", 2);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const MODELS = ["a", "b", "stranger"].map((id) => ({
  path: "",
  id,
  topology: { chain: ["fc1", "fc2", "fc3"] },
}));
const settings = (given: Partial<RunSettings> = {}): RunSettings => ({
  models: MODELS.map((model) => ({ ...model, path: file(model.id) })),
  out: out(),
  kernel: "reference",
  threads: 1,
  compare: { all: true },
  ...given,
});

/** Runs, and answers what was done for each pair, the warnings, and how many spectra were computed. */
async function ran(given: Partial<RunSettings> = {}) {
  const events: ProgressEvent[] = [];
  await run(settings(given), { progress: (event) => events.push(event) });
  const of = <E extends ProgressEvent["event"]>(name: E) =>
    events.filter((event): event is Extract<ProgressEvent, { event: E }> => event.event === name);
  return {
    work: Object.fromEntries(of("comparison").map(({ base, other, work }) => [`${base} ${other}`, work])),
    warnings: of("warning").map(({ warning }) => warning).filter((text) => /compared/.test(text)),
    computed: of("spectrum").filter(({ from }) => from === "kernel").length,
  };
}

const PAIRS = ["a b", "a stranger", "b stranger"];
const all = (work: string) => Object.fromEntries(PAIRS.map((pair) => [pair, work]));

async function asked(cypher: string): Promise<readonly (readonly unknown[])[]> {
  const reader = await openLadybugReader(join(out(), "graph.lbug"));
  try {
    return (await reader.query(cypher)).rows;
  } finally {
    await reader.close();
  }
}

const KIN = "MATCH (a:Model)-[k:KIN]->(b:Model) RETURN a.id, b.id, k.log_p, k.distance ORDER BY a.id, b.id";

describe("comparisons of a run", () => {
  it("are made from the spectra of its models, and stand in tables and graph alike", async () => {
    const { work, computed } = await ran();
    expect(work).toEqual(all("computed"));
    expect(computed).toBe(9);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const rows = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRowsJS();
    const table = (name: string) =>
      `read_parquet('${out()}/${name}/*/*/*.parquet', hive_partitioning = true)`;
    const kin = await rows(`SELECT base, model, log_p, distance FROM ${table("kinship")} ORDER BY ALL`);
    expect(kin.map(([base, other]) => `${String(base)} ${String(other)}`)).toEqual(PAIRS);
    expect(await asked(KIN)).toEqual(kin);
    expect(kin[0]![2]).toBeLessThan(Math.log(1e-6));
    expect(kin[1]![2]).toBeGreaterThan(Math.log(1e-3));
    const matched = await rows(
      `SELECT base, model, base_layer, base_neuron, other_layer, other_neuron, similarity FROM ${
        table("matches")
      } ORDER BY ALL`,
    );
    expect(matched.length).toBeGreaterThan(30);
    expect(
      await asked(
        "MATCH (a:SpectralNeuron)-[m:MATCHES]->(b:SpectralNeuron) RETURN a.model, b.model, a.layer, a.neuron, b.layer, b.neuron, m.similarity " +
          "ORDER BY a.model, b.model, a.layer, a.neuron, b.layer, b.neuron",
      ),
    ).toEqual(matched);
    duckdb.closeSync();
    expect((await checkLake(folderLake(out()))).defects).toEqual([]);
    // In words too.
    const said = await readFile(join(out(), "comparison", "comparison.md"), "utf8");
    expect(said).toContain("b and a are of one lineage");
    expect(said).toContain("Nothing says that stranger and a are of one lineage");
  });

  it("are not made again where nothing changed, and only loaded where the graph lost them", async () => {
    await ran();
    const before = await asked(KIN);
    expect(await ran()).toMatchObject({ work: all("none"), computed: 0 });
    // Another level of significance makes other edges, and leaves what was compared.
    const { work } = await ran({ sigma: 4 });
    expect(Object.values(work).every((each) => each !== "computed")).toBe(true);
    expect(await asked(KIN)).toEqual(before);
    await rm(join(out(), "graph.lbug"));
    expect(await ran({ sigma: 4 })).toMatchObject({ work: all("copied"), computed: 0 });
    expect(await asked(KIN)).toEqual(before);
  });

  it("are made again of a model that has changed, and of no other; other settings make them again", async () => {
    await ran();
    const before = await asked(KIN);
    await write("stranger", 3);
    expect((await ran()).work).toEqual({ "a b": "none", "a stranger": "computed", "b stranger": "computed" });
    const after = await asked(KIN);
    expect(after[0]).toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
    expect((await ran({ compare: { all: true, cosine: 0.6 } })).work).toEqual(all("computed"));
  });

  it("are only corrected anew where there are more or fewer of them", async () => {
    const told = "MATCH (a:Model)-[k:KIN]->(b:Model) " +
      "RETURN a.id, b.id, k.comparisons, k.log_p_corrected - k.log_p, k.key ORDER BY a.id, b.id";
    const few = settings().models as Exclude<RunSettings["models"], string>;
    const two = { models: (few as readonly object[]).slice(0, 2) } as Partial<RunSettings>;
    expect((await ran(two)).work).toEqual({ "a b": "computed" });
    const [[, , , , alone]] = await asked(told) as [[string, string, number, number, string]];
    const matches = "MATCH (:SpectralNeuron {model: 'a'})-[m:MATCHES]->(:SpectralNeuron {model: 'b'}) " +
      "RETURN count(m), sum(m.similarity)";
    const before = await asked(matches);
    expect((await ran()).work).toEqual({
      "a b": "copied",
      "a stranger": "computed",
      "b stranger": "computed",
    });
    const rows = await asked(told);
    expect(rows.map((row) => row.slice(0, 3))).toEqual(PAIRS.map((pair) => [...pair.split(" "), 3]));
    expect(rows[0]![3]).toBeCloseTo(Math.log(3), 9);
    expect(rows[0]![4]).not.toBe(alone);
    expect(await asked(matches)).toEqual(before);
    const { comparisons } = JSON.parse(
      await readFile(join(out(), "comparison", "comparison.json"), "utf8"),
    ) as ComparisonReport;
    expect(comparisons[0]!.kinship.log_p_corrected! - comparisons[0]!.kinship.log_p!).toBeCloseTo(
      Math.log(3),
      9,
    );
    // The tables say the same, and so does what is known of them.
    const duckdb = await (await DuckDBInstance.create()).connect();
    const table = `read_parquet('${out()}/kinship/*/*/*.parquet', hive_partitioning = true)`;
    const answer = await duckdb.runAndReadAll(
      `SELECT base, model, comparisons, log_p_corrected - log_p, key FROM ${table} ORDER BY ALL`,
    );
    expect(answer.getRowsJS()).toEqual(rows);
    duckdb.closeSync();
    expect((await checkLake(folderLake(out()))).defects).toEqual([]);
    expect((await ran()).work).toEqual(all("none"));
    // And back.
    expect((await ran({ compare: { pairs: [["a", "b"]] } })).work).toEqual({ "a b": "copied" });
    expect((await asked(told))[0]![4]).toBe(alone);
    // Absent settings are the defaults.
    expect((await ran({ compare: { pairs: [["a", "b"]], fileOrder: false } })).work).toEqual({
      "a b": "none",
    });
  });

  it("of a model that became another one are gone, where no config asks for them again", async () => {
    await ran();
    await write("b", 4);
    await ran({ compare: undefined });
    expect((await asked(KIN)).map(([base, other]) => `${String(base)} ${String(other)}`)).toEqual([
      "a stranger",
    ]);
    expect(await checkLake(folderLake(out()))).toMatchObject({ comparisons: 1, defects: [] });
  });

  it("are made again where they were removed from the lake", async () => {
    await ran();
    await removeModels(folderLake(out()), (id) => id === "b");
    expect((await ran()).work).toEqual({ "a b": "computed", "a stranger": "none", "b stranger": "computed" });
    expect((await checkLake(folderLake(out()))).comparisons).toBe(3);
  });

  it("need all neurons, also of a model of which an earlier run with rank auto kept leading ones only", async () => {
    const rows = async () => (await new CompletedModels(out()).find("a"))!.report.layers;
    const compare = { all: true, leading: 1, cosine: 0.5, fileOrder: false } as const;
    await ran({ compare: undefined, rank: 2, kernel: "wasm" });
    expect(lacksNeurons({ rank: "auto", compare }, await rows())).toBe(true);
    expect(lacksNeurons({ rank: "auto" }, await rows())).toBe(false);
    await ran({ compare: undefined });
    expect(lacksNeurons({ rank: "auto", compare }, await rows())).toBe(false);
  });

  it("leave out a model that failed, with a warning; a name that is none ends the run before it begins", async () => {
    await writeFile(file("b"), "no tensors");
    const { work, warnings } = await ran();
    expect(work).toEqual({ "a stranger": "computed" });
    expect(warnings).toEqual(["not compared with a: b failed", "not compared with b: b failed"]);
    await rm(out(), { recursive: true });
    await expect(run(settings({ compare: { base: "nobody" } }))).rejects.toThrow(
      /compare\.base: found "nobody"/,
    );
    await expect(readdir(out())).rejects.toThrow();
  });
});

describe("svr compare into the folder of a run", () => {
  it("puts tables and relations beside those of the run, under its ids, and makes nothing twice", async () => {
    await ran({ compare: undefined });
    const args = ["compare", file("a"), file("b"), "--out", out(), "--topology", join(folder, "chain.yaml")];
    await writeFile(join(folder, "chain.yaml"), "chain: [fc1, fc2, fc3]\n");
    expect(await svr(args)).toMatchObject({ code: 0 });
    expect((await asked(KIN)).map((row) => row.slice(0, 2))).toEqual([["a", "b"]]);
    const lake = await checkLake(folderLake(out()));
    expect(lake).toMatchObject({ models: 3, comparisons: 1, defects: [] });
    const manifest = await readFile(join(out(), "_manifest.json"), "utf8");
    expect(await svr(args)).toMatchObject({ code: 0 });
    expect(await readFile(join(out(), "_manifest.json"), "utf8")).toBe(manifest);
    // The run finds it as its own.
    const { work } = await ran({ compare: { pairs: [["a", "b"]] } });
    expect(work).toEqual({ "a b": "none" });
  });

  it("says which model the graph lacks, and refuses layers that are not those of the tables", async () => {
    await ran({ compare: undefined, models: [{ ...MODELS[0]!, path: file("a") }] });
    const lacking = await svr(["compare", file("a"), file("stranger"), "--out", out()]);
    expect(lacking.code, lacking.stderr).toBe(0);
    expect(lacking.stderr).toContain("the graph has no relations with a, since it lacks stranger");
    expect(await asked(KIN)).toEqual([]);
    expect((await checkLake(folderLake(out()))).comparisons).toBe(1);
    await write("a", 1, 0.3);
    const other = await svr(["compare", file("stranger"), file("a"), "--out", out()]);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/layer "fc1": found a weight of norm .* in the tables of the run, required/);
  });
});
