/** The whole flow of one model into a sink that keeps everything. */

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { measureModel } from "../../src/analysis/model-measures.ts";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openEngine } from "../../src/run/open-engine.ts";
import { type PipelineSettings, spectralGraph } from "../../src/flow/pipeline.ts";
import type { Model } from "../../src/model/ports.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { type Kept, memorySink, type Rows } from "../support/memory-sink.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-flow-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const names = ["a", "b", "c", "d", "e"];
/** Dense: every layer feeds every later one, so that all spectra are needed to the end. */
const dense = openSynthetic({
  seed: 12,
  layers: names.map((name) => ({ name, out: 48, in: 48 })),
  connections: names.flatMap((from, i) =>
    names.slice(i + 1).map((to) => ({ from, to, channels: [{ source: 0, target: 0, length: 48 }] }))
  ),
  planted: [],
}, "dense");

const chain = openSynthetic({
  seed: 4,
  layers: names.map((name) => ({ name, out: 24, in: 24 })),
  planted: [{ from: "a", to: "e", cosine: 0.9, gain: 6 }],
}, "chain");

/** The weights of `model` with one of them changed. */
function spoiled(model: Model, tensor: string, value: number): Model {
  return {
    ...model,
    read: async (name, signal) => {
      const data = await model.read(name, signal);
      if (name === tensor) data[7] = value;
      return data;
    },
  };
}

interface Options {
  readonly memory?: number;
  readonly over?: "connection" | "model";
  readonly fail?: (step: string) => void;
  readonly edges?: PipelineSettings["test"]["edges"];
  readonly kernel?: "reference" | "wasm";
  readonly controlSeeds?: readonly number[];
}

async function prepared(
  { memory = 2 ** 28, over = "connection", fail, edges = "all", kernel = "reference", controlSeeds = [] }:
    Options = {},
) {
  const spill = join(folder, "spill");
  const engine = await openEngine({ memory, spill, kernel, threads: 2 });
  const { sink, models } = memorySink(fail);
  const settings: PipelineSettings = {
    unfolding: "svr",
    test: {
      null: "rotation",
      logAlpha: logSurvivalOfSigma(3),
      correction: "bh",
      over,
      edges,
      measure: measureOverlap,
      nearKernel: 0.1,
    },
    weight: ({ overlap }) => overlap,
    measureModel,
    dominant: 1,
    controlSeeds,
    engine,
    sinks: [sink],
    header: { id: "model", uri: "here", format: "synthetic", key: "0123456789abcdef" },
    nearKernel: 0.1,
  };
  return { settings, engine, models, spill };
}

async function flowed(model: Model, options: Options = {}) {
  const { settings, engine, models, spill } = await prepared(options);
  try {
    const result = await lastValueFrom(spectralGraph(model, settings));
    expect(engine.budget.used).toBe(0);
    return { result, kept: models[0]!, spilled: engine.store.spilled };
  } finally {
    await engine.dispose();
    expect(existsSync(spill)).toBe(false);
  }
}

const edgesOf = ({ tables }: Kept): Rows =>
  tables.get("edges")!.toSorted((a, b) =>
    Number(a["source_layer"]) - Number(b["source_layer"]) ||
    Number(a["target_layer"]) - Number(b["target_layer"])
  );

describe("the flow of one model", () => {
  it("gives the same graph when spectra have to leave memory", async () => {
    const roomy = await flowed(dense);
    expect(roomy.spilled).toBe(0);
    // A spectrum takes 48 * 96 * 8 bytes and a bit; five are needed, two and the work on them fit.
    const tight = await flowed(dense, { memory: 2 ** 20 + 64 * 48 * 48 + 2.5 * 48 * 96 * 8 });
    expect(tight.spilled).toBeGreaterThanOrEqual(3);
    expect(edgesOf(tight.kept)).toEqual(edgesOf(roomy.kept));
    expect(edgesOf(roomy.kept)).toHaveLength(10 * 48 * 48);
    for (const table of ["layers", "neurons", "connections", "skipped"] as const) {
      expect(tight.kept.tables.get(table)).toEqual(roomy.kept.tables.get(table));
    }
  });

  it("gives the same graph, in the same order, from a kernel of several threads", async () => {
    const one = await flowed(dense);
    const several = await flowed(dense, { kernel: "wasm" });
    const names = ["source_layer", "source_neuron", "target_layer", "target_neuron"];
    const [a, b] = [one, several].map(({ kept }) => kept.tables.get("edges")!) as [Rows, Rows];
    expect(b.map((edge) => names.map((name) => edge[name]))).toEqual(
      a.map((edge) => names.map((name) => edge[name])),
    );
    // Neighbouring singular values of a random 48 x 48 matrix come within 1e-3 of each other.
    const differences = b.map((edge, at) => Math.abs(Number(edge["overlap"]) - Number(a[at]!["overlap"])));
    expect(Math.max(...differences)).toBeLessThan(1e-11);
    expect(several.kept.tables.get("layers")!.map(({ name }) => name)).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("counts what it wrote, and finds the planted chain", async () => {
    const { result, kept } = await flowed(chain, { edges: "significant" });
    for (const [table, count] of Object.entries(result.rows)) {
      expect(kept.tables.get(table as "edges") ?? []).toHaveLength(count);
    }
    expect(kept.state).toBe("committed");
    expect(result.rows).toMatchObject({ layers: 5, neurons: 120, connections: 4, skipped: 0 });
    const leading = kept.tables.get("edges")!.filter((edge) =>
      edge["source_neuron"] === 0 && edge["target_neuron"] === 0
    );
    expect(leading.map((edge) => edge["source_layer"])).toEqual([0, 1, 2, 3]);
    for (const edge of leading) expect(edge["overlap"]).toBeGreaterThan(0.6);
    expect(result.strongest[0]!.overlap).toBe(Math.max(...leading.map((edge) => Number(edge["overlap"]))));
  });

  it("tells the logarithm of an adjusted p-value that is too small for a number", async () => {
    const layers = [{ name: "a", out: 800, in: 8 }, { name: "b", out: 8, in: 800 }];
    const planted = [{ from: "a", to: "b", cosine: 0.999, gain: 1000 }];
    const { kept } = await flowed(openSynthetic({ seed: 8, layers, planted }, "close"));
    const rows = edgesOf(kept).toSorted((a, b) => Number(a["log_p"]) - Number(b["log_p"]));
    const [strongest] = rows;
    expect(strongest).toMatchObject({ source_neuron: 0, target_neuron: 0, q_value: 0, significant: 1 });
    expect(strongest!["log_p"]).toBeLessThan(-1000);
    // Benjamini and Hochberg over 64 pairs, of which these are the smallest.
    rows.forEach((row, at) => {
      const log = rows.slice(at).map((each, i) => Number(each["log_p"]) + Math.log(64 / (at + i + 1)));
      expect(row["log_q"]).toBeCloseTo(Math.min(0, ...log), 9);
      expect(row["q_value"]).toBe(Math.exp(Number(row["log_q"])));
    });
  });

  it("tests a model as one family: a tenth of the edges by chance that ten connections expect one by one", async () => {
    const alone = await flowed(dense, { edges: "significant" });
    const together = await flowed(dense, { edges: "significant", over: "model" });
    const tests = together.result.summaries.reduce((sum, { tests }) => sum + tests, 0);
    expect(tests).toBe(10 * 48 * 48);
    const expected = together.result.summaries.reduce((sum, each) => sum + each.expectedByChance, 0);
    const separately = alone.result.summaries.reduce((sum, each) => sum + each.expectedByChance, 0);
    expect(separately / expected).toBeCloseTo(10, 4);
  });

  it.each([NaN, Infinity, -Infinity])("skips a layer that holds %d and what hangs on it", async (value) => {
    const { result, kept } = await flowed(spoiled(chain, "c.weight", value));
    expect(result.skipped.map(({ subject, name }) => `${subject} ${name}`).sort()).toEqual([
      "connection b -> c",
      "connection c -> d",
      "layer c",
    ]);
    expect(result.skipped.find(({ name }) => name === "c")!.reason).toContain(String(value));
    expect(kept.tables.get("skipped")).toHaveLength(3);
    expect(kept.tables.get("layers")!.map((layer) => layer["rank"])).toEqual([24, 24, null, 24, 24]);
    expect(result.summaries.map(({ connection }) => connection.source)).toEqual([0, 3]);
    expect(kept.tables.get("neurons")).toHaveLength(96);
  });

  it.each(["begin", "write edges", "write layers", "write skipped", "commit"])(
    "leaves nothing when a sink fails at %s",
    async (step) => {
      const { settings, engine, models } = await prepared({
        fail: (at) => {
          if (at === step) throw new Error(`the disk is full at ${step}`);
        },
      });
      await expect(lastValueFrom(spectralGraph(chain, settings))).rejects.toThrow(
        `the disk is full at ${step}`,
      );
      for (const kept of models) expect([kept.state, kept.tables.size]).toEqual(["aborted", 0]);
      expect(models).toHaveLength(step === "begin" ? 0 : 1);
      // The next model of the run must find the whole budget.
      await vi.waitFor(() => expect(engine.budget.used).toBe(0), { timeout: 10_000 });
      await engine.dispose();
    },
  );

  it("passes a source's error on, with nothing left", async () => {
    const { settings, engine, models } = await prepared();
    const broken: Model = {
      ...chain,
      read: (name) => name === "d.weight" ? Promise.reject(new Error("d: torn")) : chain.read(name),
    };
    await expect(lastValueFrom(spectralGraph(broken, settings))).rejects.toThrow("d: torn");
    for (const kept of models) expect(kept.state).toBe("aborted");
    await engine.dispose();
  });

  it("leaves nothing when unsubscribed, and writes nothing afterwards", async () => {
    let stop = () => undefined as void;
    let writes = 0;
    const { settings, engine, models } = await prepared({
      fail: (step) => {
        if (step !== "write edges") return;
        writes++;
        stop();
      },
    });
    const subscription = spectralGraph(chain, settings).subscribe({ error: expect.fail });
    stop = () => subscription.unsubscribe();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(writes).toBe(1);
    expect(models.map(({ state, tables }) => [state, tables.size])).toEqual([["aborted", 0]]);
    await engine.dispose();
  });

  it("takes memory by the width of the graph, not by its length", async () => {
    const size = 96;
    const chain = openSynthetic({
      seed: 1,
      layers: Array.from({ length: 60 }, (_, at) => ({ name: `l${at}`, in: size, out: size })),
    }, "chain");
    const { settings, engine } = await prepared({ kernel: "wasm", edges: "significant" });
    let peak = 0;
    const progress = () => void (peak = Math.max(peak, engine.budget.used));
    await lastValueFrom(spectralGraph(chain, { ...settings, progress }));
    const spectrum = size * (8 * 2 * size + 12);
    const decomposition = 2 * 8 * size ** 2 + engine.kernel.workspace(size, size) + spectrum;
    const connection = 64 * size ** 2 + 2 ** 20;
    await engine.dispose();
    // Two decompositions and one connection at a time, and of 60 spectra those that come before the first is written or between them.
    expect(peak).toBeGreaterThan(3 * spectrum);
    expect(peak).toBeLessThan(2 * decomposition + connection + 24 * spectrum);
  });

  it("refuses a budget that no pair of layers fits, with the number that would do", async () => {
    const { settings, engine } = await prepared({ memory: 100_000 });
    await expect(lastValueFrom(spectralGraph(dense, settings))).rejects.toThrow(
      /^memory: found a budget of 100000 bytes, required at least \d+ bytes for layer a$/,
    );
    await engine.dispose();
  });
});
