import { describe, expect, it } from "vitest";
import type { TopologyDeclaration } from "../../src/model/topology.ts";
import { naturalOrder } from "../../src/model/natural-order.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { draftLayer } from "../../src/model/layer-draft.ts";
import { NetworkBuilder } from "../../src/model/operators.ts";
import { tensorOf } from "../support/layer-fixture.ts";

const VGG = [
  tensorOf("classifier.0.weight", [20, 64]),
  tensorOf("classifier.2.weight", [10, 20]),
  tensorOf("features.0.weight", [8, 3, 3, 3]),
  tensorOf("features.0.bias", [8]),
  tensorOf("features.10.weight", [16, 8, 3, 3]),
  tensorOf("features.2.weight", [8, 8, 3, 3]),
];

const graph = (tensors: Parameters<typeof layerGraph>[0]["tensors"], declared?: TopologyDeclaration) =>
  layerGraph({ tensors }, { topology: declared });

describe("the residual span", () => {
  it("keeps residual connections from the nearest layers only, and tells of the others", () => {
    const net = new NetworkBuilder();
    let stream = net.layer(draftLayer("embed", tensorOf("embed", [4, 3])), net.add({ op: "input" }));
    for (const name of ["a", "b", "c"]) {
      const written = net.layer(draftLayer(name, tensorOf(name, [4, 4])), stream);
      stream = net.add({ op: "add", inputs: [stream, written] });
    }
    net.layer(draftLayer("head", tensorOf("head", [2, 4])), stream);
    const tensors = ["a", "b", "c", "embed", "head"].map((name) => tensorOf(name, [4, 4]));
    const model = { tensors, operators: net.finish("graph") };
    const said = (span?: number) => {
      const { layers, connections, skipped } = layerGraph(model, { residualSpan: span });
      const name = (index: number) => layers[index]!.name;
      return [
        connections.map(({ source, target }) => `${name(source)} ${name(target)}`),
        skipped.map((each) => each.name),
      ];
    };
    const all = [
      "embed a",
      "embed b",
      "a b",
      "embed c",
      "a c",
      "b c",
      "embed head",
      "a head",
      "b head",
      "c head",
    ];
    expect(said()).toEqual([all, []]);
    expect(said(2)).toEqual([
      all.filter((each) => !["embed c", "embed head", "a head"].includes(each)),
      ["embed -> c", "embed -> head", "a -> head"],
    ]);
  });
});

describe("a guessed chain", () => {
  it("sorts names naturally, joins the pieces that fit, and finds the flattened map", () => {
    // Under names that no family has.
    const { layers, connections, warnings } = graph(
      VGG.map((tensor) => ({
        ...tensor,
        name: tensor.name.replace("features", "trunk").replace("classifier", "head"),
      })),
    );
    expect(layers.map(({ name }) => name)).toEqual([
      "trunk.0",
      "trunk.2",
      "trunk.10",
      "head.0",
      "head.2",
    ]);
    expect(layers.map(({ positions, inChannels }) => [inChannels, positions])).toEqual([
      [3, 9],
      [8, 9],
      [8, 9],
      [16, 4],
      [20, 1],
    ]);
    expect(connections.map(({ source, target, via, evidence }) => [source, target, via, evidence])).toEqual([
      [0, 1, "direct", "guessed"],
      [1, 2, "direct", "guessed"],
      [2, 3, "flatten", "guessed"],
      [3, 4, "direct", "guessed"],
    ]);
    expect(warnings[0]).toMatch(/topology guessed as a chain of 5 layers/);
  });

  it("connects nothing where shapes do not fit, and says so of each pair", () => {
    const { layers, connections, warnings } = graph([
      tensorOf("a.weight", [4, 5]),
      tensorOf("b.weight", [6, 7]),
    ]);
    expect(layers).toHaveLength(2);
    expect(connections).toEqual([]);
    expect(warnings).toEqual(["no connection guessed from a (4 out) to b (7 in)"]);
  });

  it("does not flatten what is no map: a vector has one position", () => {
    expect(graph([tensorOf("a.weight", [4, 5]), tensorOf("b.weight", [6, 8])]).connections).toEqual([]);
  });

  it("leaves every tensor that is no weight out, with the reason", () => {
    const { layers, skipped } = graph([
      tensorOf("w.weight", [4, 5]),
      tensorOf("w.bias", [4]),
      tensorOf("steps", []),
      tensorOf("none", [0, 3]),
      tensorOf("ids", [3, 3], { dtype: "I64", unreadable: "dtype I64 is no real type" }),
      tensorOf("six", [1, 1, 1, 1, 1, 1]),
    ]);
    expect(layers.map(({ name }) => name)).toEqual(["w"]);
    expect(Object.fromEntries(skipped.map(({ name, reason }) => [name, reason]))).toEqual({
      "w.bias": "1 dimensions: a bias, a normalization or a counter, not a linear map",
      steps: "0 dimensions: a bias, a normalization or a counter, not a linear map",
      none: "shape [0,3] holds no element",
      ids: "dtype I64 is no real type",
      six: "6 dimensions, required 2 to 5",
    });
  });

  it("takes names that mean something to the language", () => {
    const { layers } = graph([
      tensorOf("__proto__", [4, 5]),
      tensorOf("constructor", [3, 4]),
      tensorOf(".weight", [2, 3]),
    ]);
    expect(layers.map(({ name }) => name).sort()).toEqual([".weight", "__proto__", "constructor"]);
  });

  it("sees the batch normalization stored behind a weight", () => {
    const { layers } = graph([
      tensorOf("a.weight", [4, 3, 3, 3]),
      tensorOf("bn.weight", [4]),
      tensorOf("bn.running_var", [4]),
      tensorOf("b.weight", [5, 4, 3, 3]),
      tensorOf("other.running_var", [7]),
    ]);
    expect(layers.map(({ batchNorm }) => batchNorm)).toEqual(["raw", "none"]);
  });

  it("orders names as people do", () => {
    expect(["b10", "b9", "a", "b1.2", "b1.10"].sort(naturalOrder)).toEqual([
      "a",
      "b1.2",
      "b1.10",
      "b9",
      "b10",
    ]);
  });
});

describe("a declared topology", () => {
  it("is taken as it stands: chain, flatten, and what it does not name is skipped", () => {
    const { layers, connections, skipped, warnings } = graph(VGG, {
      chain: ["features.0", "features.2", "features.10", "classifier.0"],
    });
    expect(layers.map(({ name }) => name)).toEqual([
      "features.0",
      "features.2",
      "features.10",
      "classifier.0",
    ]);
    expect(connections.every(({ evidence }) => evidence === "declared")).toBe(true);
    expect(connections.at(-1)).toMatchObject({
      via: "flatten",
      channels: [{ source: 0, target: 0, length: 16 }],
    });
    expect(skipped).toContainEqual({
      subject: "tensor",
      name: "classifier.2.weight",
      reason: "not named by the declared topology",
    });
    expect(warnings).toEqual([]);
  });

  it("takes concat, split and padded maps, groups, transposed weights and residual paths", () => {
    const { layers, connections } = graph([
      tensorOf("a", [4, 3, 3, 3]),
      tensorOf("b", [6, 3, 3, 3]),
      tensorOf("cat", [8, 10, 1, 1]),
      tensorOf("grouped", [8, 2, 3, 3]),
      tensorOf("keras", [8, 5]),
    ], {
      layers: [{ name: "grouped", groups: 4 }, { name: "keras", order: "in-out" }],
      connections: [
        { from: "a", to: "cat", via: "concat", channels: [{ source: 0, target: 0, length: 4 }] },
        { from: "b", to: "cat", via: "concat", channels: [{ source: 0, target: 4, length: 6 }] },
        { from: "cat", to: "grouped" },
        { from: "a", to: "grouped", via: "residual", channels: [{ source: 0, target: 2, length: 4 }] },
        { from: "grouped", to: "keras" },
      ],
    });
    const byName = new Map(layers.map((layer) => [layer.name, layer]));
    expect(byName.get("grouped")).toMatchObject({ groups: 4, inChannels: 8, outChannels: 8, positions: 9 });
    expect(byName.get("keras")).toMatchObject({ inChannels: 8, outChannels: 5, positions: 1 });
    expect(connections.map(({ via }) => via)).toEqual(["concat", "concat", "direct", "residual", "direct"]);
  });

  it.each<[string, TopologyDeclaration, RegExp]>([
    [
      "an unknown layer",
      { chain: ["features.0", "nope"] },
      /layer "nope": found no weight "nope" or "nope\.weight", required one of/,
    ],
    ["layers that do not fit", { chain: ["features.0", "features.0", "classifier.2"] }, /features\.0/],
    [
      "channels that do not fit",
      { chain: ["features.10", "classifier.2"] },
      /"features\.10" -> "classifier\.2": found 16 out channels and 20 in channels/,
    ],
    [
      "groups that do not divide",
      { layers: [{ name: "features.2", groups: 3 }] },
      /"features\.2", groups: found 3, required a divisor of 8/,
    ],
    [
      "positions that do not divide",
      { layers: [{ name: "classifier.0", positions: 7 }] },
      /"classifier\.0", positions: found 7, required a divisor of 64/,
    ],
    ["a range that leaves a layer", {
      connections: [{
        from: "features.0",
        to: "features.2",
        channels: [{ source: 4, target: 0, length: 5 }],
      }],
    }, /channels 4\.\.9 to 0\.\.5: required within 8 out and 8 in/],
    ["two origins for one channel", {
      connections: [{
        from: "features.0",
        to: "features.2",
        channels: [{ source: 0, target: 0, length: 3 }, { source: 3, target: 2, length: 2 }],
      }],
    }, /in channel 2: found two origins/],
    [
      "a layer that feeds itself",
      { connections: [{ from: "features.2", to: "features.2" }] },
      /found a layer that feeds itself/,
    ],
  ])("refuses %s, by name", (_, topology, says) => {
    expect(() => graph(VGG, topology)).toThrow(RangeError);
    expect(() => graph(VGG, topology)).toThrow(says);
  });
});

describe("a format whose weights lie in another order of axes", () => {
  it("is guessed, and declared, in that order", () => {
    const tensors = [
      tensorOf("a/kernel", [3, 3, 4, 8], { layout: "kernel-in-out" }),
      tensorOf("b/kernel", [2 * 8, 5], { layout: "in-out" }),
    ];
    const sizes = (graph: ReturnType<typeof layerGraph>) =>
      graph.layers.map(({ outChannels, inChannels, positions }) => [outChannels, inChannels, positions]);
    const guessed = layerGraph({ tensors });
    expect(sizes(guessed)).toEqual([[8, 4, 9], [5, 8, 2]]);
    expect(guessed.connections).toHaveLength(1);
    // Two positions of eight channels each, channels last.
    expect(guessed.layers[1]?.weight.strides).toMatchObject({ out: 1, in: 5, position: 40 });
    const declared = layerGraph({ tensors }, { topology: { chain: ["a/kernel", "b/kernel"] } });
    expect(sizes(declared)).toEqual([[8, 4, 9], [5, 8, 2]]);
  });
});
