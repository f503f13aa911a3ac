/** Runs of which only leading neurons are wanted. */

import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { LARGE_MODEL_SIDE, leadingOf, MOST_LEADING, type RankChoice } from "../../src/flow/leading.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import { openEngine } from "../../src/run/open-engine.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { layerOf } from "../support/layer-fixture.ts";
import type { TableName } from "../../src/model/tables.ts";
import { memorySink, type Rows } from "../support/memory-sink.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";

/** Three layers, wide enough for the search of leading neurons; a chain is planted, so that some edges are real. */
const wide = openSynthetic({
  seed: 11,
  layers: ["a", "b", "c"].map((name) => ({ name, out: 720, in: 720 })),
  planted: [{ from: "a", to: "c", cosine: 0.9, gain: 6 }, { from: "a", to: "c", cosine: 0.7, gain: 4 }],
}, "wide");

async function ran(rank: RankChoice, tolerance = 1e-8) {
  const engine = await openEngine({ kernel: "wasm", threads: 2, rank, tolerance, memory: 2 ** 30 });
  try {
    const { sink, models } = memorySink();
    const settings = { ...pipelineSettings(engine, logSurvivalOfSigma(3)), sinks: [sink] };
    await lastValueFrom(spectralGraph(wide, settings));
    const { tables } = models[0]!;
    const rows = (name: TableName) => tables.get(name) ?? [];
    return { edges: rows("edges"), neurons: rows("neurons"), connections: rows("connections") };
  } finally {
    await engine.dispose();
  }
}

const ends = (row: Rows[number]) =>
  ["source_layer", "source_neuron", "target_layer", "target_neuron"].map((name) => row[name]).join(" ");
const significant = (rows: Rows) => rows.filter((row) => row["significant"] === 1);

describe("a run with rank", () => {
  it("has edges that the run with all neurons has, with the same overlaps", async () => {
    const whole = await ran("all");
    const some = await ran(32);
    const known = new Map(significant(whole.edges).map((row) => [ends(row), Number(row["overlap"])]));
    const found = significant(some.edges);
    expect(found.length).toBeGreaterThan(1);
    const values = Map.groupBy(whole.neurons, (row) => Number(row["layer_index"]));
    const neuron = (layer: unknown, at: unknown) =>
      some.neurons.find((row) => row["layer_index"] === layer && row["neuron"] === at)!;
    const uncertainty = (layer: unknown, at: unknown) => {
      const all = values.get(Number(layer))!.map((row) => Number(row["relative"]));
      const own = all[Number(at)]!;
      const gap = Math.min(...all.filter((_, j) => j !== at).map((each) => Math.abs(each - own)));
      return Number(neuron(layer, at)["residual"]) / gap;
    };
    for (const row of found) {
      const bound = uncertainty(row["source_layer"], row["source_neuron"]) +
        uncertainty(row["target_layer"], row["target_neuron"]);
      expect(Math.abs(Number(row["overlap"]) - known.get(ends(row))!)).toBeLessThan(10 * bound + 1e-12);
    }
    expect(some.neurons.every((row) => row["converged"] === 1 && Number(row["residual"]) < 1e-8)).toBe(true);
    expect(whole.neurons.every((row) => row["converged"] === 1 && row["residual"] === null)).toBe(true);
    expect(some.connections.map((row) => Number(row["tests"]))).toEqual([1024, 1024]);
    // Of a correction for 720 x 720 pairs as many are expected as there are tests.
    for (const [at, row] of some.connections.entries()) {
      const expected = Number(whole.connections[at]!["expected_by_chance"]) * (32 / 720) ** 2;
      expect(Number(row["expected_by_chance"]) / expected).toBeCloseTo(1, 6);
    }
  });

  it("does not test what did not converge", async () => {
    const rows = await ran(8, 1e-17);
    expect(rows.neurons.map((row) => row["converged"])).toEqual(new Array(24).fill(0));
    expect(rows.connections.map((row) => Number(row["tests"]))).toEqual([0, 0]);
    expect(rows.edges).toEqual([]);
  });
});

describe("rank: auto", () => {
  const rankOf = (sides: readonly (readonly [number, number])[], choice: RankChoice) => {
    const layers = sides.map(([out, into], at) => layerOf(at, out, into));
    return layers.map((layer) => leadingOf({ layers }, "svr", choice)(layer));
  };
  const some = { rank: MOST_LEADING, noise: true };

  it("is all of ordinary models, the classifiers of VGG among them", () => {
    expect(rankOf([[4096, 25088], [4096, 4096], [1000, 4096]], "auto")).toEqual([{}, {}, {}]);
  });

  it("is what stands out of noise where both sides are over 4096", () => {
    expect(rankOf([[32_000, 4097], [4096, 8192]], "auto")).toEqual([some, {}]);
  });

  it("is what stands out of noise of the matrices of a large model", () => {
    const layers = Array.from({ length: 50 }, () => [2048, 2048] as const);
    const found = rankOf([...layers, [LARGE_MODEL_SIDE, 2048], [256, 2048]], "auto");
    expect(found).toEqual([...layers.map(() => some), {}, {}]);
    expect(rankOf(layers, "all")).toEqual(layers.map(() => ({})));
    expect(rankOf(layers, 7)).toEqual(layers.map(() => ({ rank: 7 })));
  });
});
