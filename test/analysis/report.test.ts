import { describe, expect, it } from "vitest";
import type { TestReport } from "../../src/analysis/findings/facts.ts";
import { type ModelFindings, modelReport } from "../../src/analysis/report.ts";
import { modelTables } from "../../src/analysis/report-tables.ts";
import { layerOf } from "../support/layer-fixture.ts";

const TEST: TestReport = {
  null: "rotation",
  alpha: 0.00135,
  sigma: 3,
  correction: "bh",
  correction_over: "connection",
  unfolding: "svr",
  weight: "overlap",
  near_kernel: 0.1,
  spike_alpha: 0.001,
};

const layer = (index: number, name: string) => ({
  layer_index: index,
  name,
  kind: "linear",
  out_channels: 8,
  in_channels: 4,
  positions: 1,
  rank: 4,
  spectral_norm: 12.3456789,
  stable_rank: null,
  batch_norm: "none",
});

const findings: ModelFindings = {
  graph: {
    layers: [layerOf(0, 8, 4), layerOf(1, 4, 8)],
    connections: [],
    skipped: [],
    warnings: ["guessed"],
  },
  rows: { models: 1, layers: 2, neurons: 8, connections: 1, edges: 3, skipped: 11 },
  layers: [{ ...layer(0, "layer0"), near_kernels: 3, null_neurons: 1 }, {
    ...layer(1, "layer1"),
    near_kernels: 0,
  }],
  connections: [{
    source_layer: 0,
    target_layer: 1,
    via: "direct",
    evidence: "guessed",
    tests: 10_000,
    shared_log_p: Math.log(2e-4),
    nominal: 27,
    significant: 5,
    expected_by_chance: 0.0000321,
    max_overlap: 0.5,
    total_overlap: 3,
    sparsification: 0.25,
    sparsification_expected: 0.375,
  }],
  measures: { chains: [], pathMetric: { unknown: "not asked for" } },
  controls: [],
  approximations: ["layer1: only some"],
  skipped: Array.from({ length: 11 }, (_, i) => ({
    subject: i < 10 ? "tensor" as const : "connection" as const,
    name: `t${i}`,
    reason: "a bias",
  })),
  strongest: [{
    sourceLayer: 0,
    sourceNeuron: 7,
    targetLayer: 1,
    targetNeuron: 2,
    part: 0,
    overlap: 0.98765432,
    logP: -23.02585092994046,
    sigma: 6.36,
    significant: true,
  }],
  hubs: [],
};

const report = modelReport(
  { id: "m", uri: "m.safetensors", format: "safetensors", runId: "r1" },
  findings,
  TEST,
  "m",
);

describe("report of a model", () => {
  it("speaks of layers by name", () => {
    expect(report.connections[0]).toMatchObject({ source: "layer0", target: "layer1", significant: 5 });
    expect(report.strongest_edges[0]).toMatchObject({ source_layer: "layer0", target_layer: "layer1" });
    expect(report.layers.map((row) => row["near_kernels"])).toEqual([3, 0]);
    expect([report.warnings, report.rows.edges]).toEqual([["guessed", "layer1: only some"], 3]);
  });

  it("sets every count beside what chance gives", () => {
    const table = modelTables(report)[1]!;
    expect(table.title).toBe(
      "Connections (rotation null, p <= 0.00135, that is 3 sigma; significant: the same after bh over the connection)",
    );
    expect(table.rows).toEqual([
      ["layer0", "layer1", "direct (guessed)", "2.0e-4", "10000", "27", "13.5", "2", "5", "3.21e-5", "0.5"],
    ]);
    expect(table.header).toHaveLength(11);
    expect(table.numeric.filter(Boolean)).toHaveLength(8);
  });

  it("writes four digits, and nothing where there is nothing", () => {
    const [layers, , edges] = modelTables(report);
    expect(layers!.rows[0]).toEqual([
      ...["0", "layer0", "linear", "8 x 4 x 1", "4", "3", "", "", "1", "12.35", "", "", "", "none"],
    ]);
    expect(layers!.rows[1]!.slice(5, 9)).toEqual(["0", "25 %", "37.5 %", ""]);
    expect(layers!.title).toBe("Layers (of all overlap 25 % lies between near-kernels, by chance 37.5 %)");
    expect(edges!.rows).toEqual([["layer0 #7", "layer1 #2", "0.9877", "6.36", "1.0e-10"]]);
    expect(edges!.header.at(-1)).toBe("p");
  });

  it("gathers what was skipped by reason, and says how many are not named", () => {
    expect(modelTables(report)[3]!.rows).toEqual([
      ["tensor", "10", "a bias", "t0, t1, t2, t3, t4, t5, t6, t7, …"],
      ["connection", "1", "a bias", "t10"],
    ]);
    expect(modelTables({ ...report, skipped: [] })).toHaveLength(4);
  });

  it("gives no ratio, and no p of shared channels, where nothing could be tested", () => {
    const none = { ...report.connections[0]!, shared_log_p: null, tests: 0, nominal: 0 };
    const row = modelTables({ ...report, connections: [none] })[1]!.rows[0]!;
    expect(row.slice(3, 8)).toEqual(["", "0", "0", "0", ""]);
    const sparse = modelTables({ ...report, connections: [{ ...none, sparse: true }] })[1]!.rows[0]!;
    expect(sparse[4]).toBe("0 (sparse)");
  });
});

describe("heads of an attention layer", () => {
  it("are told apart in the tables of connections and of edges", () => {
    const [connection] = findings.connections;
    const heads = modelReport(
      { id: "m", uri: "m", format: "safetensors", runId: "run-1" },
      {
        ...findings,
        connections: [0, 1].map((part) => ({ ...connection, part, via: "attention-head" })),
        strongest: [{ ...findings.strongest[0]!, part: 1 }],
      },
      TEST,
      "m",
    );
    const [, connections, edges] = modelTables(heads);
    expect(connections!.rows.map((row) => row[2])).toEqual([
      "attention-head 0 (guessed)",
      "attention-head 1 (guessed)",
    ]);
    expect(edges!.rows[0]![1]).toBe("layer1 #2, head 1");
  });
});
