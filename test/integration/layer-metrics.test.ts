/** The figures of layers from a run's files: WeightWatcher's numbers, nothing that is NaN, the same after a second run with another level. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLadybugReader } from "../../src/mod.ts";
import { askQuery, loadQuery, run, type RunReport, type RunSettings } from "../../src/run.ts";
import { TABLES } from "../../src/model/tables.ts";
import { ROOT } from "./svr.ts";

interface Golden {
  readonly layers: readonly (Readonly<Record<string, number | string>> & { readonly longname: string })[];
  readonly summary: Readonly<Record<string, number>>;
}

const MODELS = {
  "mnist-mlp": "mnist-mlp/epoch-010.safetensors",
  "vgg16s-bn-wd": "vgg16s-bn-wd/epoch-012.f16.safetensors",
};

let out = "";
let report: RunReport;
let sql: (text: string) => Promise<Record<string, unknown>[]>;
const settings: RunSettings = {
  models: Object.entries(MODELS).map(([id, path]) => ({ path: join(ROOT, "pipelines/models", path), id })),
  sinks: ["parquet"],
  layerMetrics: { pooled: true, permuted: true, bootstrap: 20 },
};

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "svr-metrics-"));
  await run({ ...settings, out });
  report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as RunReport;
  const duckdb = await (await DuckDBInstance.create()).connect();
  await duckdb.run(`SET file_search_path = '${out}'`);
  sql = async (text) => (await duckdb.runAndReadAll(text)).getRowObjectsJS();
}, 90_000);
afterAll(() => rm(out, { recursive: true, force: true }));

async function golden(id: string): Promise<Golden> {
  const path = join(ROOT, `test/golden/weightwatcher/${id}.json`);
  return JSON.parse(await readFile(path, "utf8")) as Golden;
}

const near = (found: unknown, required: number | string) =>
  typeof required === "string"
    ? found === required
    : Math.abs(Number(found) - required) <= 1e-6 * Math.abs(required) + 1e-9;

describe("the figures of layers of a run", () => {
  it("are WeightWatcher's, by the query of that name", async () => {
    const graph = await openLadybugReader(join(out, "graph.lbug"));
    const query = await loadQuery("weightwatcher");
    for (const id of Object.keys(MODELS)) {
      const { columns, rows } = await askQuery(graph, query, { model: id });
      const { layers } = await golden(id);
      expect(rows.length).toBe(layers.length);
      for (const [at, layer] of layers.entries()) {
        const row = Object.fromEntries(columns.map((name, column) => [name, rows[at]![column]]));
        // Names of modules that are lists of layers are short there, and versions have other columns.
        const compared = Object.keys(layer).filter((name) =>
          name !== "name" && name !== "layer_id" && name in row
        );
        expect(compared.length).toBeGreaterThan(22);
        const wrong = compared.filter((name) => !near(row[name], layer[name]!));
        expect(wrong.map((name) => [name, row[name], layer[name]]), `${id} ${layer.longname}`).toEqual([]);
      }
    }
    await graph.close();
  });

  it("have WeightWatcher's means in the report", async () => {
    for (const { id, layer_means: means } of report.models) {
      const { summary } = await golden(id);
      for (const [name, mean] of Object.entries(summary)) {
        expect(near(means[name as keyof typeof means], mean), `${id} ${name}`).toBe(true);
      }
    }
  });

  it("are never NaN, and all there where nothing says that they are null", async () => {
    for (const table of ["layers", "neurons"] as const) {
      const floats = TABLES[table].filter(({ type }) => type === "float64").map(({ name }) => name);
      const found = await sql(
        `SELECT ${
          floats.map((name) => `coalesce(bool_or(isnan("${name}") OR isinf("${name}")), false)`).map((
            each,
            at,
          ) => `${each} AS c${at}`).join(", ")
        }
         FROM read_parquet('${table}/*/*.parquet')`,
      );
      expect(Object.values(found[0]!).every((value) => value === false), table).toBe(true);
    }
    const nulls = await sql(
      `SELECT ${TABLES.layers.map(({ name }) => `count(*) - count("${name}") AS "${name}"`).join(", ")}
       FROM read_parquet('layers/*/*.parquet') WHERE out_channels >= 8 AND in_channels >= 8 AND num_pl_spikes < rank`,
    );
    expect(Object.entries(nulls[0]!).filter(([, count]) => Number(count) > 0)).toEqual([]);
  });

  it("count spikes at a level of their own", async () => {
    const counts = () =>
      sql(
        "SELECT name, num_spikes, alpha, alpha_p, rand_distance FROM read_parquet('layers/*/*.parquet') ORDER BY ALL",
      );
    const before = await counts();
    const { report: again } = await run({
      ...settings,
      out,
      layerMetrics: { ...settings.layerMetrics, alpha: 1e-9 },
    });
    expect(again.models.length).toBe(2);
    const after = await counts();
    const spikes = (rows: typeof before) => rows.reduce((sum, row) => sum + Number(row["num_spikes"]), 0);
    expect(spikes(after)).toBeLessThan(spikes(before));
    const others = (rows: typeof before) => rows.map(({ num_spikes: _, ...row }) => row);
    expect(others(after)).toEqual(others(before));
    const kept = await sql(
      "SELECT count(*) AS found FROM read_parquet('neurons/*/*.parquet') WHERE spike_log_p <= ln(1e-9)",
    );
    expect(Number(kept[0]!["found"])).toBe(spikes(after));
  });
});
