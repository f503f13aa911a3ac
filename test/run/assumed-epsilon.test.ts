import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { epsilonWarnings } from "../../src/run/assumed-epsilon.ts";
import { run } from "../../src/run/run-pipeline.ts";
import { layerGraph, type LayerSettings } from "../../src/stages/layers.ts";
import { tensorOf } from "../support/layer-fixture.ts";
import { noise, writeTensors } from "../support/files/safetensors-file.ts";

/** Two convolutions, the first with a batch norm of these variances behind it. */
function warningsOf(variances: readonly number[], gamma: number[], settings: LayerSettings = {}) {
  const width = variances.length;
  const model = {
    tensors: [
      tensorOf("features.0.0.weight", [width, 3, 3, 3]),
      tensorOf("features.0.1.weight", [width]),
      tensorOf("features.0.1.running_var", [width]),
      tensorOf("features.1.0.weight", [4, width, 3, 3]),
    ],
    read: (name: string) => Promise.resolve(Float64Array.from(name.endsWith("var") ? variances : gamma)),
  };
  return epsilonWarnings(model, layerGraph(model, { batchNorm: "folded", ...settings }).layers);
}

describe("an epsilon that no file says", () => {
  const small = Array.from({ length: 16 }, (_, at) => 10 ** (-5 + 4 * at / 15));
  const ones = small.map(() => 1);

  it("is warned of where variances are not far above it", async () => {
    // |1 / sqrt(v + 1e-5) - 1 / sqrt(v + 1e-3)| over |1 / sqrt(v + 1e-5)|
    const [own, other] = [1e-5, 1e-3].map((epsilon) => small.map((each) => 1 / Math.sqrt(each + epsilon)));
    const length = (numbers: readonly number[]) => Math.hypot(...numbers);
    const change = length(own!.map((each, o) => each - other![o]!)) / length(own!);
    expect(await warningsOf(small, ones)).toEqual([
      expect.stringContaining(
        `1 layer would be other, by up to ${Math.round(100 * change)} % (features.0.0)`,
      ),
    ]);
  });

  it("is not where they are, where the channel is dead, where it is said or taken for nothing", async () => {
    expect(await warningsOf(small.map((each) => 100 * each + 0.01), ones)).toEqual([]);
    expect(await warningsOf([...ones, 1e-6], [...ones, 1e-8])).toEqual([]);
    expect(await warningsOf(small, ones, { batchNormEpsilon: 1e-3 })).toEqual([]);
    expect(await warningsOf(small, ones, { batchNorm: "raw" })).toEqual([]);
  });

  it("is warned of again where a model is tested again, from what the first run has kept", async () => {
    const folder = await mkdtemp(join(tmpdir(), "svr-epsilon-"));
    const models = join(folder, "net.safetensors");
    await writeTensors(models, [
      ["features.0.0.weight", [16, 3, 3, 3], noise(432)],
      ["features.0.1.weight", [16], ones],
      ["features.0.1.bias", [16], ones],
      ["features.0.1.running_mean", [16], ones],
      ["features.0.1.running_var", [16], small],
      ["features.1.0.weight", [8, 16, 3, 3], noise(1152, 2)],
    ]);
    const settings = {
      models,
      out: join(folder, "out"),
      batchNorm: "folded",
      graph: "none",
      kernel: "reference",
    } as const;
    const kernels: string[] = [];
    for (const sigma of [3, 2]) {
      const { report } = await run({ ...settings, sigma, infer: false }, {
        progress: (event) => void (event.event === "kernel" && kernels.push(`${sigma}: ${event.name}`)),
      });
      expect(report.models[0]!.warnings.join()).toContain("features.0.0");
      expect(report.models[0]!.warnings.join()).toContain("1 layer would be other");
    }
    // Of the overlaps that the first run has recorded: the second needs no kernel.
    expect(kernels).toEqual(["3: reference"]);
    await rm(folder, { recursive: true });
  });
});
