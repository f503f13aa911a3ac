/** Norms, ranks, near-kernels, null neurons and sums of overlaps of weights whose spectra are known. */

import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { measureModel } from "../../src/analysis/model-measures.ts";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openEngine } from "../../src/run/open-engine.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import { withSpectrum } from "../support/matrices.ts";

const SPECTRA = [[8, 4, 2, 1, 0.5, 0.25], [3, 3, 3, 3, 3, 3], [5, 0.45, 0.4, 0, 0, 0]];

/** Square dense layers of six neurons. */
const model = openSynthetic(
  { seed: 1, layers: SPECTRA.map((_, at) => ({ name: `l${at}`, out: 6, in: 6 })) },
  "known",
);

const known = (at: number) => withSpectrum(6, 6, SPECTRA[at]!, 10 * at).data;

/** @param weight of each layer, `6 x 6` */
async function flowed(unfolding: Unfolding, weight: (at: number) => Float64Array = known) {
  const engine = await openEngine({ kernel: "reference" });
  const filled = { ...model, read: (name: string) => Promise.resolve(weight(Number(name[1]))) };
  try {
    return await lastValueFrom(spectralGraph(filled, {
      unfolding,
      weight: () => 1,
      measureModel,
      dominant: 1,
      engine,
      sinks: [],
      test: {
        null: "rotation",
        logAlpha: Math.log(0.01),
        correction: "bh",
        over: "connection",
        edges: "significant",
        measure: measureOverlap,
        nearKernel: 0.1,
      },
      header: { id: "known", uri: "here", format: "synthetic", key: "0123456789abcdef" },
      nearKernel: 0.1,
    }));
  } finally {
    await engine.dispose();
  }
}

describe.each(["svr", "cosvr"] as const)("layers of known spectra, in %s", (unfolding) => {
  it("have the norms, stable ranks and near-kernels of their singular values", async () => {
    const { layers } = await flowed(unfolding);
    SPECTRA.forEach((s, at) => {
      const squares = s.reduce((sum, x) => sum + x * x, 0);
      const row = layers[at]!;
      expect(row["spectral_norm"]).toBeCloseTo(s[0]!, 12);
      expect(row["frobenius_norm"]).toBeCloseTo(Math.sqrt(squares), 12);
      expect(row["stable_rank"]).toBeCloseTo(squares / s[0]! ** 2, 12);
    });
    expect(layers.map((row) => row["near_kernels"])).toEqual([2, 0, 5]);
    expect(layers.map((row) => row["null_neurons"])).toEqual([0, 0, 3]);
  });

  it("count no pair with a null neuron", async () => {
    const { connections } = await flowed(unfolding);
    expect(connections.map((row) => Number(row["tests"]))).toEqual([36, 18]);
  });

  it("have overlaps that add up to the number of neurons, and blocks of their near-kernels", async () => {
    const { connections } = await flowed(unfolding);
    for (const row of connections) expect(row["total_overlap"]).toBeCloseTo(6, 11);
    // No near-kernel in the middle: both blocks are empty.
    for (const row of connections) {
      expect(row).toMatchObject({
        near_kernel_energy: null,
        near_kernel_expected: null,
        near_kernel_log_p: null,
        near_kernel_log_p_low: null,
        near_kernel_tests: 0,
        near_kernel_nominal: 0,
        near_kernel_significant: 0,
        near_kernel_significant_expected: 0,
        sparsification: 0,
        sparsification_expected: 0,
      });
    }
  });

  it("have no test, no edge and no p of shared channels where the middle one is zero", async () => {
    const { layers, connections } = await flowed(
      unfolding,
      (at) => at === 1 ? new Float64Array(36) : known(at),
    );
    expect(layers.map((row) => row["null_neurons"])).toEqual([0, 6, 3]);
    for (const row of connections) {
      expect(row).toMatchObject({ nominal: 0, significant: 0, threshold: null, shared_log_p: null });
      expect(Number(row["tests"])).toBe(0);
    }
  });

  it("have no test at a side of which one channel lives: there is nothing to turn", async () => {
    // The middle layer writes to channel 2 alone, and reads channel 2 alone.
    const single = (of: (row: number, column: number) => number) => (at: number) =>
      at === 1 ? Float64Array.from({ length: 36 }, (_, i) => of(Math.floor(i / 6), i % 6)) : known(at);
    const tests = async (weight: (at: number) => Float64Array) =>
      (await flowed(unfolding, weight)).connections.map((row) => Number(row["tests"]));
    // In `svr` the source's output channels are turned, in `cosvr` the target's input channels.
    const [row, column] = [single((r, c) => r === 2 ? c + 1 : 0), single((r, c) => c === 2 ? r + 1 : 0)];
    expect(await tests(row)).toEqual(unfolding === "svr" ? [6, 0] : [6, 3]);
    expect(await tests(column)).toEqual(unfolding === "svr" ? [6, 3] : [0, 3]);
  });
});
