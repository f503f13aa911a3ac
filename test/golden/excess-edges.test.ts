/** Edges over chance under the rotation null, as another program has computed them from the same weights. */

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTopology } from "../../config/load.ts";
import { openModel } from "../../src/run/collection/models.ts";
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { ALPHA, analysed } from "../calibration/analysed.ts";
import { ROOT } from "../repo/sources.ts";

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine({ kernel: "wasm", threads: 2 });
});
afterAll(() => engine.dispose());

/** Sources of consecutive connections, and what they hold. */
const CASES = [
  {
    twin: "vgg16s-bn-wd",
    sources: ["features.24", "features.27", "features.30", "features.33", "features.36"],
    edges: [22.25, 17.71, 17.17, 16.38, 12.57],
    betweenNearKernels: [1.553, 2.661, 3.474, 4.665, 5.494],
  },
  {
    twin: "vgg16s-wd",
    sources: ["features.17", "features.19", "features.21", "features.23", "features.25"],
    edges: [1.549, 1.345, 1.537, 1.549, 1.763],
    betweenNearKernels: null,
  },
];

describe.each(CASES)("$twin, epoch 12", ({ twin, sources, edges, betweenNearKernels }) => {
  it("has the excess of edges, over all pairs and between near-kernels, within half a percent", async () => {
    const path = join(ROOT, `pipelines/models/${twin}/epoch-012.f16`);
    const opened = await openModel(`${path}.safetensors`);
    const topology = await loadTopology(`${path}.topology.yaml`);
    const model = { ...opened, graph: layerGraph(opened, { topology }) };
    const { layers, connections } = await analysed(model, engine);
    await model.close();
    const nameOf = (index: unknown) => layers.find((row) => row["layer_index"] === index)!["name"];
    sources.forEach((source, at) => {
      const row = connections.find((each) => nameOf(each["source_layer"]) === source)!;
      const ratio = (hits: string, tests: string) => Number(row[hits]) / (ALPHA * Number(row[tests]));
      expect(ratio("nominal", "tests") / edges[at]!, source).toBeCloseTo(1, 2);
      if (betweenNearKernels === null) return;
      const block = ratio("near_kernel_nominal", "near_kernel_tests");
      expect(block / betweenNearKernels[at]!, source).toBeCloseTo(1, 2);
    });
  });
});
