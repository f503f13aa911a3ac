import { describe, expect, it } from "vitest";
import { epsilonWarnings } from "../../src/run/assumed-epsilon.ts";
import { layerGraph, type LayerSettings } from "../../src/stages/layers.ts";
import { tensorOf } from "../support/layer-fixture.ts";

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
});
