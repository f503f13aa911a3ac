/**
 * Small files of kinds that were once read wrongly, in `cases/`. Their largest singular values were computed by NumPy from the numbers
 * that each file stands for; connections follow from how it was made.
 */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openKernel, openModel } from "../../src/mod.ts";
import { channelFactors, scale } from "../../src/stages/fold.ts";
import { layerGraph, type LayerSettings } from "../../src/stages/layers.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";

const opened = (file: string) => openModel(fileURLToPath(new URL(`cases/${file}`, import.meta.url)));

const FOLDED = { batchNorm: "folded", normGain: "folded" } as const;
const ORDER = { "model.0.conv": 2.971851, "model.1.conv": 3.235736, "model.2.conv": 4.052746 };
const CHAIN = ["conv_pre -> resblocks.0.convs1.0", "resblocks.0.convs1.0 -> conv_post"];

/** Largest singular values of some layers, and some connections. */
const FILES: readonly (readonly [
  file: string,
  settings: LayerSettings,
  largest: Readonly<Record<string, number>>,
  connections: readonly string[],
])[] = [
  [
    "bn-eps.pth",
    { ...FOLDED, batchNormEpsilon: 1e-3 },
    { "features.0.0": 38.297393, "features.1.0": 34.305911 },
    ["features.0.0 -> features.1.0"],
  ],
  ["bn-order.pt", FOLDED, ORDER, ["model.0.conv -> model.1.conv", "model.1.conv -> model.2.conv"]],
  ["bn-order.safetensors", FOLDED, ORDER, ["model.0.conv -> model.1.conv", "model.1.conv -> model.2.conv"]],
  ["gemma/model.safetensors", FOLDED, { "model.layers.0.mlp.up_proj": 20.471067 }, [
    "model.layers.0.self_attn.o_proj -> model.layers.0.mlp.up_proj",
    "model.layers.0.mlp.up_proj -> model.layers.0.mlp.down_proj",
    "model.layers.0.mlp.down_proj -> lm_head",
  ]],
  ["spectral-norm.pt", {}, { fc1: 1, fc2: 1 }, ["fc1 -> fc2"]],
  ["weight-norm-old.safetensors", {}, { conv_pre: 38.209869 }, CHAIN],
  ["weight-norm-new.safetensors", {}, { conv_pre: 38.209869 }, CHAIN],
  ["mobilenet_v2.pth", {}, { "features.1.conv.0.0": 1.510212 }, [
    "features.0.0 -> features.1.conv.0.0",
    "features.1.conv.0.0 -> features.1.conv.1",
    "features.4.0 -> classifier.1",
  ]],
  ["dcgan.pth", {}, { "main.0": 0.821271, "main.9": 1.388164, "main.12": 1.33192 }, [
    "main.0 -> main.3",
    "main.3 -> main.6",
    "main.6 -> main.9",
    "main.9 -> main.12",
  ]],
  [
    "flax-mlp.safetensors",
    {},
    {
      "params.Dense_0.kernel": 1.624658,
      "params.Dense_1.kernel": 2.334729,
      "params.Dense_2.kernel": 2.07202,
    },
    ["params.Dense_0.kernel -> params.Dense_1.kernel", "params.Dense_1.kernel -> params.Dense_2.kernel"],
  ],
  ["flax-block.safetensors", {}, { "params.up.kernel": 1.364186, "params.zdown.kernel": 2.84461 }, [
    "params.up.kernel -> params.zdown.kernel",
  ]],
  ["mlp-names.pt", {}, {}, ["input_layer -> hidden", "hidden -> output"]],
  [
    "moe/model.safetensors",
    {},
    {
      "model.layers.0.mlp.experts.gate_up_proj.0": 0.302489,
      "model.layers.0.mlp.experts.down_proj.1": 0.380274,
    },
    ["model.layers.0.mlp.experts.gate_up_proj.0 -> model.layers.0.mlp.experts.down_proj.0"],
  ],
  ["gptq/model.safetensors", {}, {
    "model.layers.0.self_attn.q_proj": 22.031424,
    "model.layers.0.mlp.down_proj": 27.068432,
  }, ["model.layers.0.mlp.up_proj -> model.layers.0.mlp.down_proj"]],
  ["fp8/model.safetensors", {}, {
    "model.layers.0.self_attn.q_proj": 479.616029,
    "model.layers.0.mlp.down_proj": 416.595031,
  }, ["model.layers.0.mlp.up_proj -> model.layers.0.mlp.down_proj"]],
  ["dynamic.onnx", {}, { w0: 6.427393, w1: 6.989213, w2: 3.981148 }, ["w0 -> w1", "w1 -> w2"]],
  ["q4.onnx", {}, { fc1: 6.394036, fc2: 2.636565, fc3: 3.639531 }, ["fc1 -> fc2", "fc2 -> fc3"]],
];

describe("a small file", () => {
  let kernel: Kernel;
  beforeAll(async () => {
    ({ kernel } = await openKernel("reference"));
  });
  afterAll(() => kernel.dispose());

  it.each(FILES)("%s %j is what it stands for", async (file, settings, largest, connections) => {
    const model = await opened(file);
    const graph = layerGraph(model, settings);
    const found: Record<string, number> = {};
    for (const layer of graph.layers) {
      if (largest[layer.name] === undefined) continue;
      const blocks = unfold(layer, await model.read(layer.weight.tensor), "svr");
      scale(layer, blocks, "svr", await channelFactors(layer, (tensor) => model.read(tensor)));
      const { singularValues } = await spectrum(layer, blocks, "svr", kernel);
      found[layer.name] = Number(Math.max(...singularValues).toFixed(6));
    }
    await model.close();
    expect(found).toEqual(largest);
    const ways = graph.connections.map(({ source, target }) =>
      `${graph.layers[source]!.name} -> ${graph.layers[target]!.name}`
    );
    expect(ways).toEqual(expect.arrayContaining([...connections]));
  });

  it("holds a moving average beside the network, which is passed over with its reason", async () => {
    const model = await opened("ema.pth.tar");
    const { layers, connections, skipped } = layerGraph(model);
    await model.close();
    expect(layers.map(({ name }) => name)).toEqual(["fc1", "fc2", "fc3"]);
    expect(connections).toHaveLength(2);
    expect(skipped).toContainEqual({
      subject: "tensor",
      name: "state_dict_ema.fc3.weight",
      reason: expect.stringContaining('a copy of "state_dict"') as string,
    });
  });

  it("holds tables, scales and indices, which are no layers", async () => {
    const model = await opened("swin.pth");
    const { layers, skipped } = layerGraph(model);
    await model.close();
    const block = "layers.0.blocks.0";
    expect(layers.map(({ name }) => name)).toEqual([
      "patch_embed.proj",
      ...["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"].map((name) => `${block}.${name}`),
      "head",
    ]);
    expect(Object.fromEntries(
      skipped.filter(({ subject }) => subject === "tensor").map(({ name, reason }) => [name, reason]),
    )).toEqual({
      absolute_pos_embed: "a table of positions, by its name",
      [`${block}.attn.relative_position_bias_table`]: "a table of relative positions, by its name",
      [`${block}.attn.relative_position_index`]:
        "dtype I64: indices, a mask or quantized numbers, not weights",
      [`${block}.attn.logit_scale`]: "a scale, by its name",
    });
  });

  it("says of two bytes without a type that they look like bfloat16", async () => {
    const model = await opened("bf16.npz");
    const { layers, skipped } = layerGraph(model);
    await model.close();
    expect(layers.map(({ name }) => name)).toEqual(["fc3/weight"]);
    expect(skipped.find(({ name }) => name === "fc1/weight")?.reason).toContain("may be bfloat16");
  });
});
