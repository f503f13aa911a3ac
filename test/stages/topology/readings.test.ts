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
    warnings: graph.warnings,
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
    ["a table of relative positions", [["attn.rpe_table", 49, 4]], "attn.rpe_table", /relative positions/],
    [
      "scores of attention over graphs",
      [["gat.0.scoring_fn", 1, 8, 8]],
      "gat.0.scoring_fn",
      /the first of one entry/,
    ],
    ["a bias of each kind of atom", [["net.bias_atom_e", 2, 16]], "net.bias_atom_e", /a bias/],
    ["prompt tokens", [["prompt_tokens", 5, 16]], "prompt_tokens", /constant tokens/],
    ["zero points", [["fc1.zero", 16, 1]], "fc1.zero", /zero points/],
    ["a factor of LoHa", [["fc1.hada_w1_a", 16, 4]], "fc1.hada_w1_a", /an adapter \(LoHa/],
    ["a factor of LoKr", [["fc1.lokr_w2", 4, 4]], "fc1.lokr_w2", /an adapter \(LoHa/],
    ["a rotation of OFT", [["fc1.oft_r", 4, 8, 8]], "fc1.oft_r", /an adapter \(LoHa/],
    ["LoRA under another name", [["0.to_q_lora.down.weight", 4, 16]], "0.to_q_lora.down.weight", /\(LoRA\)/],
    ["the weights of a loss", [["criterion.task_weights", 1, 4]], "criterion.task_weights", /of a loss/],
  ])("%s", (_, entries, name, reason) => {
    const { layers, reasons } = read(["fc1.weight", 16, 8], ...entries, ["fc2.weight", 4, 16]);
    expect(layers.map(([layer]) => layer)).toEqual(["fc1", "fc2"]);
    expect(reasons[name]).toMatch(reason);
  });

  it("is not what a layer is called", () => {
    expect(read(["fc_mean.weight", 4, 16], ["std.weight", 4, 16], ["bias.weight", 4, 16]).layers)
      .toHaveLength(3);
    expect(read(["output/output_W_1", 1, 32, 5, 5], ["output/output_b_1", 1]).layers).toHaveLength(1);
    expect(read(["enc_mean", 4, 16], ["class_weights", 10, 4]).layers.map(([name]) => name))
      .toEqual(["enc_mean", "class_weights"]);
  });

  it("is not a matrix of one row or one column, though its bias has the same shape", () => {
    const rows = read(["W1", 1, 64], ["b1", 1, 64], ["W2", 64, 10], ["b2", 1, 10]);
    expect(rows.layers).toEqual([["W1", "linear", 64, 1, 1], ["W2", "linear", 10, 64, 1]]);
    expect(rows.reasons).toEqual({ b1: "a bias, by its name", b2: "a bias, by its name" });
    const columns = read(["W1", 64, 1], ["b1", 64, 1], ["W2", 10, 64], ["b2", 10, 1]);
    expect(columns).toEqual(rows);
    expect(read(["norm.weight", 1, 16, 1, 1], ["norm.bias", 1, 16, 1, 1]).layers).toEqual([]);
  });
});

describe("a kernel of one in channel and one position", () => {
  it("is the first layer's, wherever it stands: it scales no channels", () => {
    const { layers } = read(["residuals.0.weight", 16, 16, 1], ["input_layer.weight", 16, 1, 1]);
    expect(layers).toContainEqual(["input_layer", "conv", 16, 1, 1]);
  });
});

describe("axes by biases and neighbours", () => {
  it("are in-out where the bias is as long as the second, whatever the library calls both", () => {
    for (
      const [w, b] of [["W1", "b1"], ["coefs_1", "intercepts_1"], ["l/w", "l/b"], [
        "weights1",
        "biases1",
      ]] as const
    ) {
      const { layers } = read([w, 12, 24], [b, 24]);
      expect(layers).toEqual([[w, "linear", 24, 12, 1]]);
    }
    expect(read(["l/W", 24, 12], ["l/b", 24]).layers).toEqual([["l/W", "linear", 24, 12, 1]]);
    expect(read(["conv/w", 3, 3, 3, 16], ["conv/b", 16]).layers).toEqual([["conv/w", "conv", 16, 3, 1]]);
  });

  it("are out-in where a bias is as long as the first, though the kernel is large and of few channels", () => {
    expect(read(["c1.weight", 3, 3, 13, 13], ["c1.bias", 3]).layers).toEqual([["c1", "conv", 3, 3, 1]]);
    expect(read(["c1.weight", 8, 8, 3, 15], ["c1.bias", 8]).layers).toEqual([["c1", "conv", 8, 8, 1]]);
    expect(read(["c1/w", 3, 3, 64, 3], ["c1/b", 3]).layers).toEqual([["c1/w", "conv", 3, 64, 1]]);
    expect(read(["c1/w", 3, 3, 64, 16], ["c1/b", 16]).layers).toEqual([["c1/w", "conv", 16, 64, 1]]);
  });

  const norm = (name: string, width: number): Entry[] => [
    [`${name}.bias`, width],
    [`${name}.running_mean`, width],
    [`${name}.running_var`, width],
    [`${name}.weight`, width],
  ];

  it("are those of a convolution behind its normalization, in files sorted by name too", () => {
    const blocks = [0, 1, 2].flatMap((i): Entry[] => [
      [`${i}.conv.weight`, 8, i === 0 ? 3 : 8, 3, 3],
      ...norm(`${i}.norm`, i === 0 ? 3 : 8),
    ]);
    const tensors = blocks.map(([name, ...shape]) => tensorOf(name, shape));
    const { layers, connections } = layerGraph({ tensors });
    expect(layers.map(({ name, kind, inChannels, batchNorm }) => [name, kind, inChannels, batchNorm]))
      .toEqual([
        ["0.conv", "conv", 3, "none"],
        ["1.conv", "conv", 8, "none"],
        ["2.conv", "conv", 8, "none"],
      ]);
    expect(connections).toHaveLength(2);
  });

  it("are those of dense blocks, whose convolutions stand behind wider normalizations", () => {
    const blocks = [0, 1].flatMap((i): Entry[] => [
      [`${i}.conv1.weight`, 48, 64 + 32 * i, 1, 1],
      [`${i}.conv2.weight`, 32, 48, 3, 3],
      ...norm(`${i}.norm1`, 64 + 32 * i),
      ...norm(`${i}.norm2`, 48),
    ]);
    const { layers } = layerGraph({ tensors: blocks.map(([name, ...shape]) => tensorOf(name, shape)) });
    expect(layers.map(({ kind, batchNorm }) => [kind, batchNorm])).toEqual(
      layers.map(() => ["conv", "none"]),
    );
  });

  it("show several out channels for each in channel, where both are numbers of one list", () => {
    const { layers, ways } = read(["0.weight", 16, 3, 3, 3], ["2.weight", 32, 1, 3, 3], [
      "4.weight",
      8,
      32,
      1,
      1,
    ]);
    expect(layers[1]).toEqual(["2", "conv", 32, 16, 16]);
    expect(ways).toEqual(["0 -> 2", "2 -> 4"]);
  });

  it("are those of experts that a module called moe holds", () => {
    const { layers } = read(["wq.weight", 16, 16], ["wo.weight", 16, 16], ["0.moe.w1", 2, 40, 16], [
      "0.moe.w2",
      2,
      16,
      40,
    ]);
    expect(layers.slice(2)).toEqual([
      ["0.moe.w1.0", "linear", 40, 16, 1],
      ["0.moe.w1.1", "linear", 40, 16, 1],
      ["0.moe.w2.0", "linear", 16, 40, 1],
      ["0.moe.w2.1", "linear", 16, 40, 1],
    ]);
  });
});

describe("copies whose names differ in their beginning", () => {
  const net = (prefix: string, join = "."): Entry[] => [
    [`${prefix}fc1${join}weight`, 6, 6],
    [`${prefix}fc2${join}weight`, 6, 6],
  ];

  it.each([
    ["model_ema.", "."],
    ["ema_model.module.", "."],
    ["actor_target.", "."],
    ["swa.", ""],
  ])("are networks of their own: %s", (prefix, join) => {
    for (
      const entries of [[...net(prefix, join), ...net("model.")], [...net("model."), ...net(prefix, join)]]
    ) {
      const { ways, warnings } = read(...entries);
      expect(ways).toHaveLength(2);
      for (const way of ways) {
        const [from, to] = way.split(" -> ").map((name) => name.split(".")[0]);
        expect(from).toBe(to);
      }
      expect(warnings.join()).toMatch(/have the names and shapes of those of "model\."/);
    }
  });

  it("are one network where nothing says that one is a copy, or shapes differ", () => {
    expect(read(...net("block1."), ...net("block2.")).ways).toHaveLength(3);
    expect(read(["target_head.fc1.weight", 6, 6], ...net("model.")).ways).toHaveLength(2);
  });
});
