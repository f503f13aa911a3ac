/** How weights lie, and what is stacked in them, of small trained networks (`test/golden/files/readings`) that have numbers for names. */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../../../src/kernels/kernel.ts";
import { openModel } from "../../../../src/mod.ts";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { declarationOf } from "../../../../src/stages/topology/declaration.ts";
import { declaredGraph } from "../../../../src/stages/topology/declared.ts";
import { inferred } from "../../../../src/stages/topology/inference/inferred.ts";
import type { InferredFrom } from "../../../../src/stages/topology/inference/layer-reader.ts";
import { weightPairs } from "../../../support/hidden-topology.ts";
import { KERNELS } from "../../../support/kernels.ts";
import { modelInMemory } from "../../../support/model-in-memory.ts";

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const FILES = fileURLToPath(new URL("../../../golden/files/readings/", import.meta.url));

/** The graph of a file, which must be what it says of itself as a topology. */
async function graphOf(name: string): Promise<LayerGraph> {
  const model = await openModel(`${FILES}${name}.safetensors`);
  try {
    const { graph } = await inferred(model, kernel);
    const again = declaredGraph(model.tensors, declarationOf(graph, model.tensors));
    expect(liesOf(again)).toEqual(liesOf(graph));
    return graph;
  } finally {
    await model.close();
  }
}

/** Of each layer its out and in channels, and the strides of both and of positions where there are several. */
const liesOf = ({ layers }: LayerGraph) =>
  layers.map(({ outChannels, inChannels, positions, weight: { strides } }) => [
    `${outChannels} x ${inChannels} x ${positions}`,
    strides.out,
    strides.in,
    ...positions > 1 ? [strides.position] : [],
  ]);

const told = ({ layers, connections }: LayerGraph) =>
  connections.map(({ source, target, via, evidence, channels }) => [
    `${layers[source]!.name} -> ${layers[target]!.name}`,
    via,
    evidence,
    channels.map((range) => [range.source, range.target, range.length]),
  ]);

describe("weights whose names say nothing", () => {
  it.each([
    ["out-in", [["48 x 40 x 1", 40, 1], ["48 x 48 x 1", 48, 1], ["32 x 48 x 1", 48, 1], [
      "10 x 32 x 1",
      32,
      1,
    ]]],
    ["in-out", [["48 x 40 x 1", 1, 48], ["48 x 48 x 1", 1, 48], ["32 x 48 x 1", 1, 32], [
      "10 x 32 x 1",
      1,
      10,
    ]]],
  ])("of a perceptron are found to lie %s, the square one too", async (order, lies) => {
    const graph = await graphOf(`mlp-${order}`);
    expect(liesOf(graph)).toEqual(lies);
    expect(weightPairs(graph, "inferred")).toEqual(["t00 -> t01", "t01 -> t02", "t02 -> t03"]);
    expect(graph.warnings.filter((each) => /taken as \[in, out\]/.test(each)).length).toBe(
      order === "in-out" ? 1 : 0,
    );
  });

  it("take no more decompositions where they lie [in, out]", async () => {
    const decompositions = async (name: string) => {
      let count = 0;
      const counting = Object.create(kernel, {
        multiply: { value: kernel.multiply.bind(kernel) },
        svd: { value: (...args: Parameters<Kernel["svd"]>) => (count++, kernel.svd(...args)) },
      }) as Kernel;
      const model = await openModel(`${FILES}${name}.safetensors`);
      await inferred(model, counting);
      await model.close();
      return count;
    };
    const straight = await decompositions("mlp-out-in");
    expect(straight).toBeGreaterThan(0);
    expect(await decompositions("mlp-in-out")).toBe(straight);
  });

  it.each([
    ["channels-first", ["24 x 24 x 9", 216, 9, 1]],
    ["channels-last", ["24 x 24 x 9", 216, 1, 24]],
    ["flax", ["24 x 24 x 9", 1, 24, 576]],
  ])("of convolutions before a dense layer are found to lie as %s", async (order, dense) => {
    const graph = await graphOf(`cnn-${order}`);
    expect(liesOf(graph)[2]).toEqual(dense);
    expect(liesOf(graph).map(([extents]) => extents)).toEqual([
      "24 x 1 x 9",
      "24 x 24 x 9",
      "24 x 24 x 9",
      "10 x 24 x 1",
    ]);
    expect(weightPairs(graph, "inferred")).toEqual(["t00 -> t02", "t02 -> t04", "t04 -> t06"]);
    expect(graph.connections[1]!.via).toBe("flatten");
  });

  it("are found to hold queries, keys and values, of which the values are read", async () => {
    const connections = told(await graphOf("fused"));
    expect(connections).toContainEqual(["t01 -> t03", "split", "inferred", [[64, 0, 32]]]);
    expect(connections).toContainEqual(["t05 -> t07", "split", "inferred", [[64, 0, 32]]]);
  });

  it("of a trained cell are found to hold gates of one state, of which the candidate is followed", async () => {
    const state = [[80, 0, 40]];
    expect(told(await graphOf("lstm"))).toEqual([
      ["t00 -> t01", "direct", "inferred", [[0, 0, 20]]],
      ["t01 -> t02", "recurrent", "inferred", state],
      ["t02 -> t02", "recurrent", "inferred", state],
      ["t02 -> t05", "recurrent", "inferred", state],
    ]);
    expect(told(await graphOf("gru"))).toContainEqual(["t02 -> t05", "split", "inferred", state]);
  });

  it("are turned where a vector of their own has the width of the second axis only", async () => {
    const ones = (shape: readonly number[]) => ({
      shape,
      values: Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i)),
    });
    const model: InferredFrom = modelInMemory(
      new Map([
        ["a", ones([12, 20])],
        ["b", ones([20])],
        ["c", ones([20, 20])],
        ["d", ones([20])],
        ["e", ones([20, 9])],
        ["f", ones([9])],
      ].map(([name, values], at) => [`${"zyxwvu"[at]}${name as string}`, values as ReturnType<typeof ones>])),
    );
    const { graph } = await inferred(model, kernel);
    expect(liesOf(graph)).toEqual([["20 x 12 x 1", 1, 20], ["20 x 20 x 1", 1, 20], ["9 x 20 x 1", 1, 9]]);
    // The square one has no vector that tells its axes apart.
    expect(graph.warnings.filter((each) => /taken as \[in, out\]/.test(each))).toEqual([
      "2 of the weights are taken as [in, out], by the length of vectors of their own (the first: za); " +
      "declare a topology to be sure",
      "1 of the weights is taken as [in, out], by the channels that weights share, the order of layers and how others lie " +
      "(the first: xc); declare a topology to be sure",
    ]);
  });
});
