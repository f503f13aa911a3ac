import { describe, expect, it } from "vitest";
import type { Layer, LayerGraph } from "../../src/model/layer.ts";
import { channelFactors, fold, scale } from "../../src/stages/fold.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { connectionOf, gaussian, layerOf } from "../support/layer-fixture.ts";

const folding = { batchNorm: { gamma: "g", variance: "v", epsilon: 0.5 }, gain: "a" };
const TENSORS: Readonly<Record<string, number[]>> = { g: [2, -3, 1, 0.5], v: [0.5, 3.5, 8.5, 0], a: [1, 10] };
const read = (name: string) => Promise.resolve(Float64Array.from(TENSORS[name]!));

function graphOf(layers: Layer[], connections: LayerGraph["connections"] = []): LayerGraph {
  const skipped = ["g", "v", "a", "other"].map((name) => ({ subject: "tensor", name, reason: "r" } as const));
  return { layers, connections, skipped, warnings: [] };
}

describe("folding", () => {
  it("is off unless it is asked for, and the layer then knows nothing of it", () => {
    const graph = graphOf([layerOf(0, 4, 2, { batchNorm: "raw", folding })]);
    expect(fold(graph, {})).toEqual({ ...graph, layers: [layerOf(0, 4, 2, { batchNorm: "raw" })] });
  });

  it("takes in what is asked for; its tensors are then no longer skipped", () => {
    const graph = graphOf([layerOf(0, 4, 2, { batchNorm: "raw", normGain: "raw", folding })]);
    const batchNorm = fold(graph, { batchNorm: "folded" });
    expect(batchNorm.layers[0]).toMatchObject({ batchNorm: "folded", normGain: "raw" });
    expect(batchNorm.layers[0]!.folding).toEqual({ batchNorm: folding.batchNorm });
    expect(batchNorm.skipped.map(({ name }) => name)).toEqual(["a", "other"]);
    const both = fold(graph, { batchNorm: "folded", normGain: "folded" });
    expect(both.skipped.map(({ name }) => name)).toEqual(["other"]);
  });

  it.each(["svr", "cosvr"] as const)(
    "multiplies W[o, c, k] by gamma[o] / sqrt(var[o] + eps) * gain[c]: %s",
    async (unfolding) => {
      const layer = layerOf(0, 4, 2, { positions: 3, groups: 2, folding });
      const normal = gaussian(1);
      const weight = Float64Array.from({ length: 4 * 1 * 3 }, normal);
      const blocks = unfold(layer, weight, unfolding);
      scale(layer, blocks, unfolding, await channelFactors(layer, read));
      const factor = (o: number) => TENSORS["g"]![o]! / Math.sqrt(TENSORS["v"]![o]! + 0.5);
      for (let group = 0; group < 2; group++) {
        for (let o = 0; o < 2; o++) {
          for (let k = 0; k < 3; k++) {
            const out = group * 2 + o;
            const expected = weight[out * 3 + k]! * factor(out) * TENSORS["a"]![group]!;
            expect(blocks[group]!.data[o * 3 + k]).toBeCloseTo(expected, 14);
          }
        }
      }
    },
  );

  it("takes the epsilon that is given where the file says none", () => {
    const epsilonOf = (assumed: boolean) => {
      const batchNorm = { ...folding.batchNorm, ...assumed ? { assumed } : {} };
      const graph = graphOf([layerOf(0, 4, 2, { folding: { batchNorm } })]);
      const [layer] = fold(graph, { batchNorm: "folded", batchNormEpsilon: 0.25 }).layers;
      return layer!.folding!.batchNorm;
    };
    expect(epsilonOf(true)).toEqual({ ...folding.batchNorm, epsilon: 0.25 });
    expect(epsilonOf(false)).toEqual(folding.batchNorm);
  });

  it("adds to a gain what its file leaves out", async () => {
    const layer = layerOf(0, 4, 2, { folding: { gain: "a", gainOffset: 1 } });
    expect((await channelFactors(layer, read)).in).toEqual(Float64Array.of(2, 11));
    const [kept] = fold(graphOf([layer]), { normGain: "folded" }).layers;
    expect(kept!.folding).toEqual({ gain: "a", gainOffset: 1 });
  });

  it("refuses a tensor of another length, by name", async () => {
    const layer = layerOf(0, 5, 2, { folding });
    await expect(channelFactors(layer, read)).rejects.toThrow(
      /folding v into layer layer0: found 4 numbers, required 5/,
    );
  });

  it("warns where it breaks the null: a scaled u that is tested, or a scaled single channel", () => {
    const identity = [{ source: 0, target: 0, length: 4 }];
    const dense = [layerOf(0, 4, 2, { folding }), layerOf(1, 3, 4)];
    const depthwise = [layerOf(0, 4, 2, { folding }), layerOf(1, 4, 4, { groups: 4, positions: 9 })];
    const warned = (layers: Layer[], settings: Parameters<typeof fold>[1]) =>
      fold(graphOf(layers, [connectionOf(0, 1, identity)]), settings).warnings;
    expect(warned(dense, { batchNorm: "folded" })).toEqual([]);
    expect(warned(dense, { batchNorm: "folded", unfolding: "cosvr" })[0]).toMatch(
      /1 connection .*layer0 -> layer1/,
    );
    expect(warned(depthwise, { batchNorm: "folded" })[0]).toMatch(/too small/);
    expect(warned([layerOf(0, 4, 2), layerOf(1, 3, 4, { folding })], { normGain: "folded" })[0]).toMatch(
      /tested/,
    );
  });
});
