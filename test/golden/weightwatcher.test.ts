/** The figures of a layer against WeightWatcher's own (`weightwatcher/`), which is version 0.7.7. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import type { SpectralMetrics } from "../../src/model/layer-metrics.ts";
import type { Model } from "../../src/model/ports.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { layerMetrics } from "../../src/stages/metrics/layer-metrics.ts";
import { pooledMetrics } from "../../src/stages/metrics/weight-metrics.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { KERNELS } from "../support/kernels.ts";
import { describeWithShared, shared } from "../support/shared.ts";

interface GoldenLayer extends Readonly<Record<keyof SpectralMetrics, number>> {
  readonly longname: string;
  readonly layer_type: "dense" | "conv2d";
}

interface Golden {
  readonly model: string;
  readonly layers: readonly GoldenLayer[];
}

const FOLDER = new URL("./weightwatcher/", import.meta.url);

const COUNTS: readonly (keyof SpectralMetrics)[] = [
  "num_pl_spikes",
  "matrix_rank",
  "rank_loss",
  "detX_num",
];
const NUMBERS: readonly (keyof SpectralMetrics)[] = [
  "alpha",
  "xmin",
  "D",
  "sigma",
  "alpha_weighted",
  "log_alpha_norm",
  "log_norm",
  "log_spectral_norm",
  "stable_rank",
  "entropy",
  "detX_val",
];

for (const file of readdirSync(FOLDER)) {
  const golden = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Golden;
  const own = fileURLToPath(new URL(`../../pipelines/models/${golden.model}`, import.meta.url));
  const lent = `our-models/${golden.model}`;
  const path = existsSync(own) ? own : shared(lent);
  describeWithShared(`WeightWatcher's figures of ${golden.model}`, path === own ? [] : [lent], () => {
    let kernel: Kernel;
    let model: Model;

    beforeAll(async () => {
      kernel = await KERNELS.get("wasm")!();
      model = await (await formatOf(path)).open(path, golden.model);
    });
    afterAll(async () => {
      await model.close();
      await kernel.dispose();
    });

    for (const expected of golden.layers) {
      it(`are those of ${expected.longname}`, async () => {
        const { layers } = layerGraph(model);
        const layer = layers.find(({ name }) => name === expected.longname)!;
        const read = async () => unfold(layer, await model.read(layer.weight.tensor), "svr");
        const weight = { layer, unfolding: "svr", blocks: await read() } as const;
        const pooled = await pooledMetrics(weight, kernel);
        agree(pooled, expected);
        if (expected.layer_type === "conv2d") return;
        const found = await spectrum(layer, await read(), "svr", kernel);
        agree(layerMetrics(found, "f64").spectrum, expected);
      });
    }
  });
}

/** Counts are equal, numbers equal to 1e-6; the golden ones have ten decimals. */
function agree(found: SpectralMetrics, expected: GoldenLayer): void {
  for (const name of COUNTS) expect(found[name], name).toBe(expected[name]);
  for (const name of NUMBERS) {
    const required = expected[name];
    expect(Math.abs(found[name]! - required), `${name}: ${found[name]} is not ${required}`)
      .toBeLessThan(1e-6 * Math.abs(required) + 1e-9);
  }
}
