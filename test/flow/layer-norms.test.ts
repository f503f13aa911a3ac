/** Norms, ranks, near-kernels and sums of overlaps of weights whose spectra are known. */

import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { measureModel } from "../../src/analysis/model-measures.ts";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openWorkshop } from "../../src/run/open-workshop.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import { withSpectrum } from "../support/matrices.ts";

const SPECTRA = [[8, 4, 2, 1, 0.5, 0.25], [3, 3, 3, 3, 3, 3], [5, 0.45, 0.4, 0, 0, 0]];

/** Square dense layers of six neurons. */
const model = openSynthetic(
  { seed: 1, layers: SPECTRA.map((_, at) => ({ name: `l${at}`, out: 6, in: 6 })) },
  "known",
);

async function flowed(unfolding: Unfolding) {
  const workshop = await openWorkshop({ kernel: "reference" });
  const known = {
    ...model,
    read: (name: string) => {
      const at = Number(name[1]);
      return Promise.resolve(withSpectrum(6, 6, SPECTRA[at]!, 10 * at).data);
    },
  };
  try {
    return await lastValueFrom(spectralGraph(known, {
      ...{ unfolding, weight: () => 1, measureModel, dominant: 1, nullControl: null, workshop, sinks: [] },
      test: {
        ...{
          null: "beta",
          logAlpha: Math.log(0.01),
          correction: "bh",
          over: "connection",
          edges: "significant",
        },
        ...{ measure: measureOverlap, nearKernel: 0.1 },
      },
      header: { id: "known", uri: "here", format: "synthetic", key: "0123456789abcdef" },
      nearKernel: 0.1,
    }));
  } finally {
    await workshop.dispose();
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
  });

  it("have overlaps that add up to the number of neurons, and blocks of their near-kernels", async () => {
    const { connections } = await flowed(unfolding);
    for (const row of connections) expect(row["total_overlap"]).toBeCloseTo(6, 11);
    // No near-kernel in the middle: both blocks are empty.
    for (const row of connections) {
      expect(row).toMatchObject({
        ...{
          near_kernel_energy: null,
          near_kernel_expected: null,
          near_kernel_log_p: null,
          near_kernel_log_p_low: null,
        },
        ...{ near_kernel_tests: 0, near_kernel_nominal: 0, near_kernel_significant: 0 },
        ...{ near_kernel_significant_expected: 0, sparsification: 0, sparsification_expected: 0 },
      });
    }
  });
});
