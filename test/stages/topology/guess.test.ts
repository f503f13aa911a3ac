import { describe, expect, it } from "vitest";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { tensorOf } from "../../support/layer-fixture.ts";

type Entry = readonly [name: string, ...shape: readonly number[]];

const tensors = (...entries: readonly Entry[]) => entries.map(([name, ...shape]) => tensorOf(name, shape));

const norm = (name: string, width: number): Entry[] => [
  [`${name}.weight`, width],
  [`${name}.bias`, width],
  [`${name}.running_mean`, width],
  [`${name}.running_var`, width],
];

const guess = (
  all: readonly TensorInfo[],
  more: { moduleOrder?: boolean; networks?: readonly string[] } = {},
) => {
  const graph = layerGraph({ tensors: all, ...more });
  const nameOf = (index: number) => graph.layers[index]!.name;
  return {
    ...graph,
    names: graph.layers.map(({ name }) => name),
    ways: graph.connections.map(({ source, target }) => `${nameOf(source)} -> ${nameOf(target)}`),
    layer: (name: string) => graph.layers.find((each) => each.name === name)!,
    variance: (name: string) => {
      const { layers } = layerGraph({ tensors: all }, { batchNorm: "folded" });
      return layers.find((each) => each.name === name)!.folding?.batchNorm?.variance;
    },
  };
};

describe("a batch normalization", () => {
  const blocks: Entry[] = [0, 1, 2].flatMap((i): Entry[] => [
    [`model.${i}.conv.weight`, 16, i === 0 ? 3 : 16, 3, 3],
    ...norm(`model.${i}.bn`, 16),
  ]);
  const flat: Entry[] = [
    ["conv1.weight", 8, 3, 3, 3],
    ["conv2.weight", 8, 8, 3, 3],
    ...norm("bn1", 8),
    ...norm("bn2", 8),
  ];
  const sequence: Entry[] = [
    ["net.0.weight", 8, 3, 3, 3],
    ...norm("net.1", 8),
    ["net.3.weight", 8, 8, 3, 3],
    ...norm("net.4", 8),
  ];

  it.each([
    ["of the same block", blocks, (i: number) => [`model.${i}.conv`, `model.${i}.bn`], 3],
    ["of the same number", flat, (i: number) => [`conv${i + 1}`, `bn${i + 1}`], 2],
    ["of the next number", sequence, (i: number) => [`net.${3 * i}`, `net.${3 * i + 1}`], 2],
  ])("%s belongs to a weight, in the order of the modules and of the alphabet", (_, entries, pair, count) => {
    for (const sorted of [false, true]) {
      const all = tensors(...entries);
      if (sorted) all.sort((a, b) => a.name < b.name ? -1 : 1);
      const { variance } = guess(all);
      for (let i = 0; i < count; i++) {
        const [weight, its] = pair(i) as [string, string];
        expect(variance(weight)).toBe(`${its}.running_var`);
      }
    }
  });

  it("before its convolution is not that convolution's, whatever it is called", () => {
    const all = tensors(
      ...[1, 2].flatMap((i): Entry[] => [...norm(`bn${i}`, 8), [`conv${i}.weight`, 8, 8, 3, 3]]),
    );
    expect(guess(all).variance("conv1")).toBe("bn2.running_var");
    expect(guess(all).variance("conv2")).toBeUndefined();
  });
});

describe("which axis is which", () => {
  it("is told by the leaf `kernel`, as Flax has it", () => {
    const { ways, layers } = guess(tensors(
      ["params.Conv_0.kernel", 3, 3, 1, 8],
      ["params.Conv_1.kernel", 3, 3, 8, 16],
      ["params.Dense_0/kernel", 16 * 49, 32],
      ["params.Dense_1/kernel", 32, 10],
    ));
    expect(layers.map(({ outChannels, inChannels, positions }) => [outChannels, inChannels, positions]))
      .toEqual([[8, 1, 9], [16, 8, 9], [32, 16, 49], [10, 32, 1]]);
    expect(layers[1]!.weight.strides).toMatchObject({ out: 1, in: 16, position: 128 });
    // Maps have their channels last.
    expect(layers[2]!.weight.strides).toMatchObject({ out: 1, in: 32, position: 16 * 32 });
    expect(ways).toHaveLength(3);
  });

  it("of attention is told by its names: heads stand on an axis of their own in Flax", () => {
    const at = "Transformer/encoderblock_0/MultiHeadDotProductAttention_0";
    const { layers, skipped } = guess(tensors(
      ...["key", "query", "value"].flatMap((each): Entry[] => [
        [`${at}/${each}/kernel`, 24, 3, 8],
        [`${at}/${each}/bias`, 3, 8],
      ]),
      [`${at}/out/kernel`, 3, 8, 20],
      // The kernel of a convolution along one axis.
      ["out/kernel", 3, 8, 20],
    ));
    const byName = new Map(layers.map((layer) => [layer.name, layer]));
    expect(byName.get(`${at}/value/kernel`)).toMatchObject({
      kind: "linear",
      outChannels: 24,
      inChannels: 24,
      positions: 1,
      weight: { strides: { out: 1, in: 24 } },
    });
    expect(byName.get(`${at}/out/kernel`)).toMatchObject({
      kind: "linear",
      outChannels: 20,
      inChannels: 24,
      positions: 1,
      weight: { strides: { out: 1, in: 20 } },
    });
    expect(byName.get("out/kernel")).toMatchObject({ kind: "conv", outChannels: 20, inChannels: 8 });
    expect(skipped.map(({ reason }) => reason)).toEqual(Array(3).fill("a bias, by its name"));
  });

  it("is told by a bias, or a normalization, of the second axis' width: a transposed convolution", () => {
    const widths = [20, 32, 16, 3];
    const list = (told: (at: string, width: number) => Entry[]) =>
      tensors(...[0, 1, 2].flatMap((i): Entry[] => [
        [`main.${3 * i}.weight`, widths[i]!, widths[i + 1]!, 4, 4],
        ...i < 2 ? told(`main.${3 * i}`, widths[i + 1]!) : [],
      ]));
    const normed = list((at, width) => norm(at.replace(/\d+$/, (n) => String(Number(n) + 1)), width));
    const biased = list((at, width) => [[`${at}.bias`, width]]);
    for (const all of [normed, biased]) {
      const { layers, ways, warnings } = guess(all);
      expect(ways).toEqual(["main.0 -> main.3", "main.3 -> main.6"]);
      expect(layers.map(({ kind, outChannels, inChannels }) => [kind, outChannels, inChannels])).toEqual(
        [[20, 32], [32, 16], [16, 3]].map(([into, out]) => ["conv-transpose", out, into]),
      );
      expect(layers[2]!.weight.strides).toMatchObject({ out: 16, in: 3 * 16, position: 1 });
      expect(warnings.at(-1)).toMatch(
        /^3 of the weights are taken as transposed.*main\.0.*declare a topology/,
      );
    }
    const plain = guess(list((at, width) => [[`${at}.bias`, width === 32 ? 20 : 32]]));
    expect(plain.layers.every(({ kind }) => kind === "conv")).toBe(true);
  });

  it("is told of a matrix by its bias, but not where the axes are alike", () => {
    const { layer } = guess(tensors(["a.weight", 6, 4], ["a.bias", 4], ["b.weight", 4, 4], ["b.bias", 4]));
    expect(layer("a")).toMatchObject({ outChannels: 4, inChannels: 6 });
    expect(layer("b").weight.strides).toMatchObject({ out: 4, in: 1 });
  });
});

describe("a convolution of one in channel", () => {
  const inverted: Entry[] = [
    ["features.0.0.weight", 8, 3, 3, 3],
    ["features.1.conv.0.0.weight", 8, 1, 3, 3],
    ["features.1.conv.1.weight", 4, 8, 1, 1],
    ["features.2.conv.0.0.weight", 24, 4, 1, 1],
    ["features.2.conv.1.0.weight", 24, 1, 3, 3],
    ["features.2.conv.2.weight", 6, 24, 1, 1],
    ["classifier.1.weight", 10, 6],
  ];

  it("has as many groups as channels come from before it", () => {
    const { layer, ways, warnings, layers } = guess(tensors(...inverted));
    for (const [name, groups] of [["features.1.conv.0.0", 8], ["features.2.conv.1.0", 24]] as const) {
      expect(layer(name)).toMatchObject({ groups, inChannels: groups, outChannels: groups, positions: 9 });
    }
    expect(ways).toHaveLength(layers.length - 1);
    expect(layers.at(-1)!.name).toBe("classifier.1");
    expect(warnings.at(-1)).toMatch(/^2 of the weights are taken as grouped.*features\.1\.conv\.0\.0/);
  });

  it("has them where a sibling makes them, whatever the alphabet says", () => {
    const { layer } = guess(tensors(
      ["blocks.0.conv_dw.weight", 24, 1, 3, 3],
      ["blocks.0.conv_pw.weight", 24, 4, 1, 1],
      ["blocks.1.depth.weight", 36, 1, 3, 3],
      ["blocks.1.expand.weight", 36, 6, 1, 1],
    ));
    expect([layer("blocks.0.conv_dw").groups, layer("blocks.1.depth").groups]).toEqual([24, 36]);
  });

  it("is dense where it reads an image of one channel", () => {
    const { layer } = guess(tensors(["conv1.weight", 32, 1, 3, 3], ["conv2.weight", 32, 32, 3, 3]));
    expect(layer("conv1")).toMatchObject({ groups: 1, inChannels: 1 });
  });
});

describe("parameters with the axes of a weight", () => {
  it.each<[string, ...number[]]>([
    ["blocks.0.attn.relative_position_bias_table", 169, 4],
    ["absolute_pos_embed", 1, 49, 16],
    ["features.1.0.layer_scale", 16, 1, 1],
    ["blocks.0.attn.logit_scale", 4, 1, 1],
    ["cls_token", 1, 1, 16],
    ["mixer.A_log", 16, 8],
    ["layers.0.down_proj.weight_scale_inv", 4, 8],
    ["layers.0.down_proj.scales", 4, 64],
    ["layers.0.q_proj.lora_A.weight", 4, 32],
    ["layers.0.q_proj.lora_B.default.weight", 32, 4],
    ["block.alpha", 8, 1, 1],
  ])("are no layers: %s", (name, ...shape) => {
    const { names, skipped } = guess(tensors([name, ...shape], ["fc.weight", 4, 16]));
    expect(names).toEqual(["fc"]);
    expect(skipped).toEqual([{
      subject: "tensor",
      name,
      reason: expect.stringMatching(/a table|a scale|scales|tokens|adapter/) as string,
    }]);
  });

  it("are one layer for each expert where experts are stacked, and no chain goes through them", () => {
    const [E, C, I] = [4, 8, 6];
    const list = "layers.0.mlp.experts";
    const stacked = (up: Entry, down: Entry) =>
      guess(tensors(["a.weight", C, C], up, down, ["z.weight", C, C]));
    const outIn = stacked([`${list}.gate_up_proj`, E, 2 * I, C], [`${list}.down_proj`, E, C, I]);
    const inOut = stacked([`${list}.gate_up_proj`, E, C, 2 * I], [`${list}.down_proj`, E, I, C]);
    for (const { layer, ways, layers } of [outIn, inOut]) {
      expect(ways).toEqual(["a -> z"]);
      expect(layers).toHaveLength(2 + 2 * E);
      expect(layer(`${list}.gate_up_proj.3`)).toMatchObject({
        outChannels: 2 * I,
        inChannels: C,
        positions: 1,
      });
      expect(layer(`${list}.gate_up_proj.3`).weight.offset).toBe(3 * 2 * I * C);
      expect(layer(`${list}.down_proj.0`)).toMatchObject({ outChannels: C, inChannels: I });
    }
    // llama.cpp's names.
    const { layer, layers } = stacked(["blk.0.ffn_up_exps.weight", E, I, C], [
      "blk.0.ffn_down_exps.weight",
      E,
      C,
      I,
    ]);
    expect(layers).toHaveLength(2 + 2 * E);
    expect(layer("blk.0.ffn_up_exps.3")).toMatchObject({ outChannels: I, inChannels: C, positions: 1 });
    expect(layer("blk.0.ffn_down_exps.0")).toMatchObject({ outChannels: C, inChannels: I });
  });
});

describe("a tensor of more experts than any network has", () => {
  it("is no layer, and says so", () => {
    const name = "mlp.experts.down_proj";
    const { names, skipped } = guess(tensors([name, 1_000_000, 2, 2], ["fc.weight", 4, 16]));
    expect(names).toEqual(["fc"]);
    expect(skipped).toEqual([{
      subject: "tensor",
      name,
      reason: "a stack of 1000000 experts, required at most 2048",
    }]);
  });
});

describe("names without end", () => {
  it("are read in a time that grows with their length", () => {
    const long = "a".repeat(200_000);
    const { names } = guess(tensors(
      [`${long}.0.weight`, 8, 1, 3, 3],
      [`${long}.1.weight`, 8, 8, 3, 3],
      [`${long}.norm.running_var`, 8],
    ));
    expect(names).toEqual([`${long}.0`, `${long}.1`]);
  });
});

describe("the order of a guessed chain", () => {
  const all = tensors(["input_layer.weight", 32, 10], ["hidden.weight", 32, 32], ["output.weight", 1, 32]);

  it("is the file's where that is the order of the modules", () => {
    expect(guess(all, { moduleOrder: true }).ways).toEqual(["input_layer -> hidden", "hidden -> output"]);
    expect(guess(all).names).toEqual(["hidden", "input_layer", "output"]);
  });

  it("does not lead from one network of a file into another", () => {
    const both = ["actor.", "critic."].flatMap((prefix) =>
      all.map((each) => ({
        ...each,
        name: prefix + each.name,
        shape: each.shape.map((extent) => extent === 1 ? 10 : extent),
      }))
    );
    const { ways } = guess(both, { moduleOrder: true, networks: ["actor.", "critic."] });
    expect(ways).toEqual(["actor", "critic"].flatMap((each) => [
      `${each}.input_layer -> ${each}.hidden`,
      `${each}.hidden -> ${each}.output`,
    ]));
    expect(guess(both, { moduleOrder: true }).ways).toHaveLength(5);
  });
});
