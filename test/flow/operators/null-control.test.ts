/** The null control through the whole pipeline: what it gives, and what it must not change. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastValueFrom, tap } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSynthetic } from "../../../connectors/sources/synthetic.ts";
import { measureModel } from "../../../src/analysis/model-measures.ts";
import { measureOverlap } from "../../../src/analysis/overlap-measures.ts";
import { openEngine } from "../../../src/run/open-engine.ts";
import { spectralGraph } from "../../../src/flow/pipeline.ts";
import type { Unfolding } from "../../../src/model/layer.ts";
import type { Model } from "../../../src/model/ports.ts";
import type { Row } from "../../../src/model/tables.ts";
import { chernoffExponent, criticalExponent } from "../../calibration/sampling-error.ts";
import { memorySink } from "../../support/memory-sink.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-control-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ALPHA = 0.01;

/** Bytes hardly above the 1,445,440 that the connection from b to c of `planted` takes by itself: what is not of it goes to disk. */
const TIGHT = 1_446_000;

interface Options {
  readonly controlSeeds?: readonly number[];
  readonly memory?: number;
  readonly over?: "connection" | "model";
  readonly unfolding?: Unfolding;
  readonly rank?: number;
  readonly kernel?: "reference" | "wasm";
  readonly edges?: "all" | "significant";
}

async function flowed(model: Model, options: Options = {}) {
  const { controlSeeds = [0], memory = 2 ** 28, over = "connection", unfolding = "svr", rank } = options;
  const { kernel = "reference", edges = "significant" } = options;
  const engine = await openEngine({
    memory,
    kernel,
    threads: 2,
    spill: join(folder, "spill"),
    ...rank === undefined ? {} : { rank },
  });
  const { sink, models } = memorySink();
  let left = -1;
  try {
    const result = await lastValueFrom(
      spectralGraph(model, {
        unfolding,
        weight: () => 1,
        measureModel,
        dominant: 1,
        controlSeeds,
        engine,
        sinks: [sink],
        test: {
          null: "rotation",
          logAlpha: Math.log(ALPHA),
          correction: "bh",
          over,
          edges,
          measure: measureOverlap,
          nearKernel: 0.3,
        },
        header: { id: "model", uri: "here", format: "synthetic", key: "0123456789abcdef" },
        nearKernel: 0.3,
      }).pipe(tap(() => void (left = engine.budget.used))),
    );
    // Every spectrum, random or not, has been used as often as was foreseen.
    expect(left).toBe(0);
    return { result, control: result.controls[0], kept: models[0]!, spilled: engine.store.spilled };
  } finally {
    await engine.dispose();
  }
}

const sum = (rows: readonly Row[], column: string) =>
  rows.reduce((total, row) => total + Number(row[column]), 0);

/** Leading neurons aligned through all layers, a grouped convolution and a flattened layer among them, and a way around. */
const planted = openSynthetic({
  seed: 4,
  layers: [
    { name: "a", out: 24, in: 24 },
    { name: "b", out: 24, in: 24 },
    { name: "c", out: 24, in: 24, kernel: [3, 3], groups: 2 },
    { name: "d", out: 16, in: 24, positions: 4 },
    { name: "e", out: 24, in: 16 },
  ],
  connections: [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"], ["a", "d"], ["e", "e"]].map(([from, to]) => ({
    from: from!,
    to: to!,
    channels: [{ source: 0, target: 0, length: from === "d" || to === "e" ? 16 : 24 }],
  })),
  planted: [{ from: "a", to: "b", cosine: 0.9, gain: 6 }],
}, "planted");

describe("a null control", () => {
  it.each(["svr", "cosvr"] as const)("changes nothing of what is written, in %s", async (unfolding) => {
    const without = await flowed(planted, { controlSeeds: [], unfolding, edges: "all" });
    const beside = await flowed(planted, { unfolding, edges: "all" });
    expect(without.result.controls).toEqual([]);
    expect(beside.kept.tables).toEqual(without.kept.tables);
    expect(beside.result.measures).toEqual(without.result.measures);
    expect(beside.result.strongest).toEqual(without.result.strongest);
  });

  it.each(["svr", "cosvr"] as const)(
    "has the same tests and near-kernels, and nothing of what is planted, in %s",
    async (unfolding) => {
      const { result, control } = await flowed(planted, { unfolding });
      const names = [
        "source_layer",
        "target_layer",
        "part",
        "via",
        "tests",
        "expected_by_chance",
        "near_kernel_tests",
      ];
      const only = (rows: readonly Row[]) => rows.map((row) => names.map((name) => row[name]));
      expect(only(control!.connections)).toEqual(only(result.connections));
      // Exact in both: a and b are square and dense, so the overlaps of each tested vector add up to 1.
      expect(control!.connections[0]!["total_overlap"]).toBeCloseTo(24, 10);
      expect(control!.connections[0]!["near_kernel_expected"]).toBe(
        result.connections[0]!["near_kernel_expected"],
      );
      expect(result.connections[0]!["max_overlap"]).toBeGreaterThan(0.6);
      expect(control!.connections[0]!["max_overlap"]).toBeLessThan(0.5);
      expect(result.connections[0]!["significant"]).toBeGreaterThan(0);
      expect(control!.connections[0]!["significant"]).toBe(0);
    },
  );

  it("depends on the seed only: not on memory, threads, or the order of work", async () => {
    const roomy = await flowed(planted);
    const tight = await flowed(planted, { memory: TIGHT });
    expect(tight.spilled).toBeGreaterThan(0);
    expect(tight.control).toEqual(roomy.control);
    const threads = await flowed(planted, { kernel: "wasm" });
    threads.control!.connections.forEach((row, at) => {
      const other = roomy.control!.connections[at]!;
      // Close singular values of the layers themselves mix what the kernels' vectors are.
      expect(row["max_overlap"]).toBeCloseTo(Number(other["max_overlap"]), 9);
      expect(row["total_overlap"]).toBeCloseTo(Number(other["total_overlap"]), 9);
    });
    const other = await flowed(planted, { controlSeeds: [1] });
    expect(other.control!.connections[0]!["max_overlap"]).not.toBe(
      roomy.control!.connections[0]!["max_overlap"],
    );
  });

  it.each(
    [
      { over: "connection", unfolding: "svr" },
      { over: "connection", unfolding: "cosvr" },
      { over: "model", unfolding: "svr" },
    ] as const,
  )("of several seeds is each of them alone: $over, $unfolding", async (options) => {
    const controlSeeds = [5, 6, 7];
    const together = await flowed(planted, { ...options, controlSeeds, memory: TIGHT });
    for (const [at, seed] of controlSeeds.entries()) {
      const { control } = await flowed(planted, { ...options, controlSeeds: [seed] });
      expect(together.result.controls[at], `seed ${seed}`).toEqual(control);
    }
    const maxima = together.result.controls.map(({ connections: [first] }) => first!["max_overlap"]);
    expect(new Set(maxima).size).toBe(3);
  });

  it("is a family of its own where the model is one", async () => {
    const { result, control } = await flowed(planted, { over: "model" });
    const expected = (rows: readonly Row[]) => sum(rows, "expected_by_chance");
    expect(expected(control!.connections)).toBeCloseTo(expected(result.connections), 12);
    expect(expected(result.connections)).toBeLessThan(1.1 * ALPHA);
    expect(sum(control!.connections, "significant")).toBe(0);
    expect(sum(result.connections, "significant")).toBeGreaterThan(0);
  });

  it("knows the leading neurons of a randomized decomposition", async () => {
    const wide = openSynthetic({
      seed: 9,
      layers: ["a", "b", "c"].map((name) => ({ name, out: 60, in: 60 })),
      planted: [{ from: "a", to: "c", cosine: 0.95, gain: 8 }],
    }, "wide");
    const { result, control } = await flowed(wide, { rank: 10, kernel: "wasm" });
    expect(control!.connections.map((row) => row["tests"])).toEqual([100, 100]);
    expect(sum(control!.connections, "significant")).toBe(0);
    expect(sum(result.connections, "significant")).toBeGreaterThanOrEqual(2);
  });

  it("is left out with a layer that cannot be decomposed", async () => {
    const spoiled: Model = {
      ...planted,
      read: async (name, signal) => {
        const data = await planted.read(name, signal);
        if (name === "c.weight") data[7] = NaN;
        return data;
      },
    };
    const { result, control } = await flowed(spoiled);
    const ends = (rows: readonly Row[]) => rows.map((row) => [row["source_layer"], row["target_layer"]]);
    expect(ends(control!.connections)).toEqual([[0, 1], [0, 3], [3, 4], [4, 4]]);
    expect(ends(result.connections)).toEqual([[0, 1], [0, 3], [3, 4], [4, 4]]);
  });

  it("refuses a budget that its frames do not fit, with the number that would do", async () => {
    // One layer that nobody feeds is decomposed; its square neighbour's frame needs more.
    await expect(flowed(planted, { memory: 30_000 })).rejects.toThrow(
      /^memory: found a budget of 30000 bytes, required at least \d+ bytes for /,
    );
  });
});

/** Weights that are anything but random: every layer the identity, spread over its positions, with falling gains. */
function aligned(model: Model): Model {
  return {
    ...model,
    read: async (name) => {
      const { layers } = model.graph!;
      const layer = layers.find(({ weight }) => weight.tensor === name)!;
      const perOut = layer.inChannels / layer.groups * layer.positions;
      const width = layer.inChannels / layer.groups;
      const out = new Float64Array(layer.outChannels * perOut);
      for (let o = 0; o < layer.outChannels; o++) {
        out[o * perOut + (o % width) * layer.positions] = 20 - o / 10;
      }
      return await Promise.resolve(out);
    },
  };
}

const ZOO = aligned(openSynthetic({
  seed: 1,
  layers: [
    { name: "dense", out: 32, in: 32 },
    { name: "depthwise", out: 32, in: 32, kernel: [3, 3], groups: 32 },
    { name: "pointwise", out: 32, in: 32 },
    { name: "grouped", out: 32, in: 32, kernel: [2, 2], groups: 4 },
    { name: "conv", out: 32, in: 32, kernel: [3, 3] },
    { name: "flat", out: 32, in: 32, positions: 4 },
  ],
}, "zoo"));

describe("where every layer is the identity, chance is found", () => {
  it.each(["svr", "cosvr"] as const)("in %s, for each kind of connection", async (unfolding) => {
    const seeds = Array.from({ length: 40 }, (_, at) => at);
    const hits = new Map<string, { nominal: number; tests: number; seeds: number }>();
    const { result } = await flowed(ZOO, { controlSeeds: seeds, unfolding });
    expect(result.controls.length).toBe(40);
    for (const control of result.controls) {
      control.connections.forEach((row, at) => {
        const key = `${String(row["source_layer"])} -> ${String(row["target_layer"])}`;
        const total = hits.get(key) ?? { nominal: 0, tests: 0, seeds: 0 };
        total.nominal += Number(row["nominal"]);
        total.tests += Number(row["tests"]);
        total.seeds += Number(row["significant"]) > 0 ? 1 : 0;
        // The model is aligned, and sparse: it is not tested, and its control is.
        const model = result.connections[at]!;
        expect(model["max_overlap"], key).toBeCloseTo(1, 10);
        expect([model["sparse"], model["tests"]], key).toEqual([true, 0]);
        hits.set(key, total);
      });
    }
    expect(hits.size).toBe(5);
    for (const [key, { nominal, tests, seeds: rejected }] of hits) {
      // Overlaps of one tested vector with an orthonormal set, and of one frame with one vector, are negatively associated.
      expect(chernoffExponent(nominal, tests, ALPHA), `${key}: ${nominal} of ${tests}`).toBeLessThan(
        criticalExponent(1e-6),
      );
      expect(rejected, key).toBeLessThanOrEqual(5);
    }
  });
});
