import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkLake } from "../../../connectors/lake/check.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { openLadybugReader } from "../../../connectors/readers/ladybug-reader.ts";
import type { ComparisonReport } from "../../../src/compare/comparison-report.ts";
import type { ProgressEvent } from "../../../src/run/progress/progress.ts";
import { run, type RunSettings } from "../../../src/run/run-pipeline.ts";
import type { RunReport } from "../../../src/run.ts";
import { svr } from "../../integration/svr.ts";
import { expectations, expectRows } from "../../queries/report-queries.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

const [NEURONS, LENGTH] = [10, 14];

let folder = "";
const out = () => join(folder, "out");
const file = (step: number) => join(folder, `net-step-${step}.safetensors`);

/** A checkpoint of a network of which some neurons stay as they are at each step, and the others are new. */
async function write(step: number): Promise<void> {
  const tensors = ["in", "out"].map((layer, at) => {
    const size = NEURONS * LENGTH;
    const [old, fresh] = [noise(size, at + 1), noise(size, 100 * step + at)];
    return [
      layer,
      [NEURONS, LENGTH],
      old.map((value, i) => i < size / 2 ? value * step : fresh[i]!),
    ] as const;
  });
  await writeTensors(file(step), tensors);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "made-series-"));
  for (const step of [1, 2, 4]) await write(step);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs, and answers what was done for each pair, and the warnings of comparisons. */
async function ran(steps: readonly number[], given: Partial<RunSettings> = {}) {
  const events: ProgressEvent[] = [];
  const settings: RunSettings = {
    models: steps.map(file),
    out: out(),
    kernel: "reference",
    threads: 1,
    compare: { series: true },
    ...given,
  };
  await run(settings, { progress: (event) => events.push(event) });
  return {
    work: events.flatMap((event) => event.event === "comparison" ? [event.work] : []),
    warnings: events.flatMap((event) =>
      event.event === "warning" && /compare|track/.test(event.warning) ? [event.warning] : []
    ),
  };
}

/** What the report says of comparisons, and what its queries answer in graph and tables. */
async function expectAnswers(): Promise<void> {
  const { compared } = JSON.parse(await readFile(join(out(), "report.json"), "utf8")) as RunReport;
  const all = compared.flatMap(({ title, findings }) =>
    findings.flatMap((each) => expectations(title, each))
  );
  expect(new Set(all.map(({ where }) => where.split(": ").at(-1)))).toEqual(
    new Set(["tracks", "kinship", "intruders", "changed-layers"]),
  );
  const reader = await openLadybugReader(join(out(), "graph.lbug"));
  const duckdb = await (await DuckDBInstance.create()).connect();
  try {
    await duckdb.run(`SET file_search_path = '${out()}'`);
    for (const each of all) {
      const rows = each.language === "cypher"
        ? (await reader.query(each.text)).rows
        : (await duckdb.runAndReadAll(each.text)).getRowsJS();
      expectRows(rows, each);
    }
  } finally {
    duckdb.closeSync();
    await reader.close();
  }
}

/** Asks the tables, by the views of `svr lake sql`. */
async function tables(sql: string): Promise<readonly (readonly unknown[])[]> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  try {
    await duckdb.run((await svr(["lake", "sql", out()])).stdout);
    return (await duckdb.runAndReadAll(sql)).getRowsJS();
  } finally {
    duckdb.closeSync();
  }
}

async function graph(cypher: string): Promise<readonly (readonly unknown[])[]> {
  const reader = await openLadybugReader(join(out(), "graph.lbug"));
  try {
    return (await reader.query(cypher)).rows;
  } finally {
    await reader.close();
  }
}

const IN_GRAPH =
  "MATCH (a:Layer)-[t:HAS_TRACK]->(b:Layer) RETURN a.model, b.model, a.layer, b.layer, t.track, t.base_neuron, " +
  "t.other_neuron, t.base_step, t.other_step, t.base_singular_value, t.other_singular_value, t.similarity, t.birth, t.death, t.series, " +
  "t.series_key ORDER BY a.model, b.model, a.layer, b.layer, t.track";
const IN_TABLES =
  "SELECT base, model, base_layer, other_layer, track, base_neuron, other_neuron, base_step, other_step, " +
  "base_singular_value, other_singular_value, similarity, birth, death, series, series_key FROM tracks ORDER BY ALL";

describe("the tracks of a run", () => {
  it("are in tables and graph alike, and are what the matches of its comparisons say", async () => {
    expect((await ran([1, 2, 4])).work).toEqual(["computed", "computed"]);
    const rows = await tables(IN_TABLES);
    expect(await graph(IN_GRAPH)).toEqual(rows);
    expect((await checkLake(folderLake(out()))).defects).toEqual([]);
    // From other tables: which neurons go on, which of the others are new, and which are gone.
    const [direct] = await tables(`
      WITH goes AS (FROM matches WHERE log_p_corrected <= ln(0.00135)),
        own AS (FROM neurons WHERE NOT "null" AND NOT "cluster"),
        pairs AS (SELECT DISTINCT base, model FROM kinship)
      SELECT (SELECT count(*) FROM goes)::INT,
        (SELECT count(*) FROM own JOIN pairs USING (model) ANTI JOIN goes
          ON goes.model = own.model AND other_layer = layer_index AND other_neuron = neuron)::INT,
        (SELECT count(*) FROM own n JOIN pairs p ON n.model = p.base ANTI JOIN goes g
          ON g.base = n.model AND base_layer = layer_index AND base_neuron = neuron)::INT`);
    const [told] = await tables(
      `SELECT count(similarity)::INT, count_if(birth)::INT, count_if(death)::INT FROM tracks`,
    );
    expect(told).toEqual(direct);
    for (const count of direct!) expect(count).toBeGreaterThan(0);
    // Each row's two neurons match, and its numbers are theirs.
    expect(
      await tables(
        `SELECT count(*)::INT FROM tracks t JOIN matches m USING (base, model, base_layer, other_layer, base_neuron, other_neuron)
        JOIN neurons n ON n.model = t.base AND n.layer_index = base_layer AND n.neuron = base_neuron
        JOIN neurons o ON o.model = t.model AND o.layer_index = other_layer AND o.neuron = other_neuron
        WHERE abs(m.similarity - t.similarity) < 1e-12 AND n.singular_value = base_singular_value
          AND o.singular_value = other_singular_value`,
      ),
    ).toEqual([[direct![0]]]);
    // A track has one neuron at each step, and goes on where it stood.
    expect(
      await tables(`SELECT count(*)::INT FROM tracks a JOIN tracks b ON a.track = b.track AND a.model = b.base
        WHERE a.other_neuron IS DISTINCT FROM b.base_neuron`),
    ).toEqual([[0]]);
    const { series } = JSON.parse(
      await readFile(join(out(), "comparison", "comparison.json"), "utf8"),
    ) as ComparisonReport;
    expect(series).toMatchObject([{ series: "net", models: [{ step: 1 }, { step: 2 }, { step: 4 }] }]);
    expect(series[0]!.layers.reduce((sum, { births }) => sum + births, 0)).toBe(direct![1]);
    await expectAnswers();
  });

  it("are not made again where nothing changed; the graph gets them from the tables; a new checkpoint makes them anew", async () => {
    await ran([1, 2, 4]);
    const [rows, picture] = [
      await tables(IN_TABLES),
      await readFile(join(out(), "comparison", "tracks.svg"), "utf8"),
    ];
    expect((await ran([1, 2, 4])).work).toEqual(["none", "none"]);
    await expectAnswers();
    await rm(join(out(), "graph.lbug"));
    expect((await ran([1, 2, 4])).work).toEqual(["copied", "copied"]);
    expect(await graph(IN_GRAPH)).toEqual(rows);
    expect(await readFile(join(out(), "comparison", "tracks.svg"), "utf8")).toBe(picture);
    await write(9);
    expect((await ran([1, 2, 4, 9])).work).toEqual(["computed", "computed", "computed"]);
    const grown = await tables(IN_TABLES);
    expect(await graph(IN_GRAPH)).toEqual(grown);
    expect(new Set(grown.map((row) => row.at(-1))).size).toBe(1);
    expect(grown[0]!.at(-1)).not.toBe(rows[0]!.at(-1));
    expect((await checkLake(folderLake(out()))).defects).toEqual([]);
  });

  it("stay where one of its comparisons is asked for alone", async () => {
    await ran([1, 2, 4]);
    const rows = await tables(IN_TABLES);
    const pairs = [["net-step-1", "net-step-2"]] as const;
    expect((await ran([1, 2, 4], { compare: { pairs } } as unknown as Partial<RunSettings>)).work).toEqual([
      "copied",
    ]);
    expect(await tables(IN_TABLES)).toEqual(rows);
    expect(await graph(IN_GRAPH)).toEqual(rows);
  });

  it("begin with the second checkpoint: a run of one says so and goes through", async () => {
    expect(await ran([1])).toEqual({
      work: [],
      warnings: [
        "nothing to compare yet: found 1 checkpoint, required two checkpoints of one series to compare",
      ],
    });
    expect((await ran([1, 2])).work).toEqual(["computed"]);
  });

  it("of a series that has lost a checkpoint go, where they are no step of it any more; the comparisons stay", async () => {
    await ran([1, 2, 4]);
    const old = await tables("SELECT count(*)::INT FROM tracks");
    expect((await ran([1, 4])).work).toEqual(["computed"]);
    const steps = "SELECT DISTINCT base, model FROM tracks ORDER BY ALL";
    expect(await tables(steps)).toEqual([["net-step-1", "net-step-4"]]);
    expect(await graph("MATCH (a:Layer)-[:HAS_TRACK]->(b:Layer) RETURN DISTINCT a.model, b.model")).toEqual(
      await tables(steps),
    );
    expect(await tables("SELECT base, model FROM kinship ORDER BY ALL")).toHaveLength(3);
    expect((await checkLake(folderLake(out()))).defects).toEqual([]);
    // And back.
    expect((await ran([1, 2, 4])).work).toEqual(["computed", "computed"]);
    expect(await tables("SELECT count(*)::INT FROM tracks")).toEqual(old);
  });

  it("are not made through a checkpoint that failed: what is left is compared", async () => {
    await write(9);
    await writeFile(file(2), "no tensors");
    const { work, warnings } = await ran([1, 2, 4, 9]);
    expect(work).toEqual(["computed"]);
    expect(warnings).toEqual([
      "not compared with net-step-1: net-step-2 failed",
      "not compared with net-step-2: net-step-2 failed",
    ]);
    expect(await tables("SELECT count(*)::INT FROM tracks")).toEqual([[0]]);
  });
});
