import { describe, expect, it } from "vitest";
import { layerGraph } from "../../../src/stages/layers.ts";
import { tensorOf } from "../../support/layer-fixture.ts";

type Entry = readonly [name: string, ...shape: readonly number[]];

const read = (...entries: readonly Entry[]) => {
  const graph = layerGraph({
    tensors: entries.map(([name, ...shape]) => tensorOf(name, shape)),
    moduleOrder: true,
  });
  return {
    ways: graph.connections.map(({ source, target }) =>
      `${graph.layers[source]!.name} -> ${graph.layers[target]!.name}`
    ),
    layers: graph.layers.map(({ name, kind, outChannels, inChannels, groups }) => [
      name,
      kind,
      outChannels,
      inChannels,
      groups,
    ]),
    reasons: Object.fromEntries(graph.skipped.map(({ name, reason }) => [name, reason])),
  };
};

describe("an embedding", () => {
  // CHGNet: 94 elements, a stream of 64, a basis of 31 functions.
  const net: readonly Entry[] = [
    ["composition.fc.weight", 1, 94],
    ["atom_embedding.embedding.weight", 94, 64],
    ["bond_embedding.weight", 64, 31],
    ["convs.0.core.weight", 64, 192],
    ["convs.0.out.weight", 64, 64],
    ["convs.1.core.weight", 64, 192],
    ["site_wise.weight", 1, 64],
  ];

  it("has a row for each symbol, where the network is as wide as the rows are long; a matrix of that name has not", () => {
    const { layers } = read(...net);
    expect(layers).toContainEqual(["atom_embedding.embedding", "embedding", 64, 94, 1]);
    expect(layers).toContainEqual(["bond_embedding", "linear", 64, 31, 1]);
  });

  it("is fed by nobody", () => {
    const { ways } = read(["head.weight", 94, 64], ["embed.weight", 94, 64], ["fc1.weight", 64, 64], [
      "fc2.weight",
      8,
      64,
    ]);
    expect(ways).toEqual(["embed -> fc1", "fc1 -> fc2"]);
  });

  it("has no bias: with one it is a matrix, whatever it is called", () => {
    const { layers } = read(["embedding.weight", 92, 64], ["embedding.bias", 92], ["fc.weight", 64, 64]);
    expect(layers).toContainEqual(["embedding", "linear", 92, 64, 1]);
  });
});

describe("what has the axes of a weight and is none", () => {
  it.each<[string, readonly Entry[], string, RegExp]>([
    [
      "a normalization over several axes",
      [["intra_ln.weight", 33, 16], ["intra_ln.bias", 33, 16]],
      "intra_ln.weight",
      /normalization over several axes: its shift has the same shape/,
    ],
    ["its shift", [["ln.weight", 33, 16], ["ln.bias", 33, 16]], "ln.bias", /a bias/],
    ["the same in Keras", [["layer_normalization/gamma", 50, 128]], "layer_normalization/gamma", /a scale/],
    ["a mean", [["output_transform.mean", 1, 3]], "output_transform.mean", /a mean or a deviation/],
    ["a scale beside it", [["output_transform.scale", 1, 3]], "output_transform.scale", /^a scale/],
    ["the weights of a loss", [["criterion.task_weights", 1, 4]], "criterion.task_weights", /of a loss/],
  ])("%s", (_, entries, name, reason) => {
    const { layers, reasons } = read(["fc1.weight", 16, 8], ...entries, ["fc2.weight", 4, 16]);
    expect(layers.map(([layer]) => layer)).toEqual(["fc1", "fc2"]);
    expect(reasons[name]).toMatch(reason);
  });

  it("is not what a layer is called", () => {
    expect(read(["fc_mean.weight", 4, 16], ["std.weight", 4, 16]).layers).toHaveLength(2);
  });
});

describe("a kernel of one in channel and one position", () => {
  it("is the first layer's, wherever it stands: it scales no channels", () => {
    const { layers } = read(["residuals.0.weight", 16, 16, 1], ["input_layer.weight", 16, 1, 1]);
    expect(layers).toContainEqual(["input_layer", "conv", 16, 1, 1]);
  });
});
