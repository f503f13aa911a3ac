import { describe, expect, it } from "vitest";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";
import { alexnet, torchvisionResnet, vgg16Bn } from "./published.ts";

/** `source -> target via`, with the channel map where it is not all in order. */
function said({ layers, connections }: LayerGraph): string[] {
  return connections.map(({ source, target, via, channels }) => {
    const [from, to] = [layers[source]!, layers[target]!];
    const [{ source: s, target: t, length }] = channels as [typeof channels[0]];
    const whole = s === 0 && t === 0 && length === from.outChannels;
    return `${from.name} -> ${to.name} ${via}${whole ? "" : ` ${s}>${t}x${length}`}`;
  });
}

/** Names and shapes, dense. */
const tensors = (...entries: readonly (readonly [string, ...number[]])[]) =>
  entries.map(([name, ...shape]) => tensorOf(name, shape));

describe("torchvision's ResNets", () => {
  /**
   * Readers of a stage's stream: the first convolution of every block and, where the next stage begins, its first convolution and its
   * projection. Of a stage of `b` blocks that begins with a projection, block `i > 0` reads `i + 1` writers: the projection and the `i`
   * blocks before. Without one (stage 1 of basic blocks) the stream's first writer is conv1.
   */
  const streams = (blocks: readonly number[], projectedFirst: boolean) =>
    blocks.reduce((sum, b, at) => {
      const inside = b * (b + 1) / 2 - 1; // readers 1 to b - 1 see 2 to b writers
      const first = at > 0 ? 0 : projectedFirst ? 2 : 1; // conv1 feeds block 0, and the projection
      const next = at < blocks.length - 1 ? 2 * (b + 1) : b + 1; // the next stage's two readers, or fc
      return sum + inside + first + next;
    }, 0);

  it.each<[string, readonly number[], { groups: number; width: number } | null]>([
    ["resnet18", [2, 2, 2, 2], null],
    ["resnet34", [3, 4, 6, 3], null],
    ["resnet50", [3, 4, 6, 3], { groups: 1, width: 64 }],
    ["resnet152", [3, 8, 36, 3], { groups: 1, width: 64 }],
    ["resnext50_32x4d", [3, 4, 6, 3], { groups: 32, width: 4 }],
    ["wide_resnet50_2", [3, 4, 6, 3], { groups: 1, width: 128 }],
  ])("%s", (_, blocks, bottleneck) => {
    const graph = layerGraph({ tensors: torchvisionResnet(blocks, bottleneck) });
    expect(graph.warnings).toEqual([]);
    const total = blocks.reduce((sum, b) => sum + b, 0);
    const inner = total * (bottleneck === null ? 1 : 2);
    expect(graph.connections).toHaveLength(streams(blocks, bottleneck !== null) + inner);
    const groups = new Set(graph.layers.map((layer) => layer.groups));
    expect([...groups]).toEqual(bottleneck?.groups === 32 ? [1, 32] : [1]);
    expect(graph.layers.every(({ name, batchNorm }) => batchNorm === (name === "fc" ? "none" : "raw"))).toBe(
      true,
    );
  });

  it("resnet18, its first two stages in full, behind a prefix", () => {
    const graph = layerGraph({ tensors: torchvisionResnet([1, 1, 1, 1], null, "module.") });
    expect(said(graph).map((line) => line.replaceAll("module.", ""))).toEqual([
      "conv1 -> layer1.0.conv1 direct",
      "layer1.0.conv1 -> layer1.0.conv2 direct",
      "conv1 -> layer2.0.conv1 residual",
      "layer1.0.conv2 -> layer2.0.conv1 residual",
      "layer2.0.conv1 -> layer2.0.conv2 direct",
      "conv1 -> layer2.0.downsample.0 residual",
      "layer1.0.conv2 -> layer2.0.downsample.0 residual",
      "layer2.0.conv2 -> layer3.0.conv1 residual",
      "layer2.0.downsample.0 -> layer3.0.conv1 residual",
      "layer3.0.conv1 -> layer3.0.conv2 direct",
      "layer2.0.conv2 -> layer3.0.downsample.0 residual",
      "layer2.0.downsample.0 -> layer3.0.downsample.0 residual",
      "layer3.0.conv2 -> layer4.0.conv1 residual",
      "layer3.0.downsample.0 -> layer4.0.conv1 residual",
      "layer4.0.conv1 -> layer4.0.conv2 direct",
      "layer3.0.conv2 -> layer4.0.downsample.0 residual",
      "layer3.0.downsample.0 -> layer4.0.downsample.0 residual",
      "layer4.0.conv2 -> fc residual",
      "layer4.0.downsample.0 -> fc residual",
    ]);
  });
});

describe("VGG and AlexNet", () => {
  it("vgg16_bn is a chain, its map flattened, its normalizations taken in", () => {
    const graph = layerGraph({ tensors: vgg16Bn() }, { batchNorm: "folded" });
    expect(graph.warnings).toEqual([]);
    expect(graph.connections.map(({ source, target }) => [source, target])).toEqual(
      Array.from({ length: 15 }, (_, i) => [i, i + 1]),
    );
    expect(said(graph)[12]).toBe("features.40 -> classifier.0 flatten");
    expect(graph.layers[13]).toMatchObject({ inChannels: 512, positions: 49 });
    expect(graph.layers.map(({ batchNorm }) => batchNorm)).toEqual([
      ...Array.from({ length: 13 }, () => "folded"),
      "none",
      "none",
      "none",
    ]);
  });

  it("alexnet too", () => {
    const { connections, warnings } = layerGraph({ tensors: alexnet() });
    expect(warnings).toEqual([]);
    expect(connections.map(({ via }) => via)).toEqual([
      "direct",
      "direct",
      "direct",
      "direct",
      "flatten",
      "direct",
      "direct",
    ]);
  });

  it("not what nests modules in its features", () => {
    const graph = layerGraph({
      tensors: tensors(["features.0.weight", 8, 3, 3, 3], ["features.1.conv.0.weight", 8, 8, 3, 3], [
        "classifier.1.weight",
        10,
        8,
      ]),
    });
    expect(graph.connections.every(({ evidence }) => evidence === "guessed")).toBe(true);
  });
});

describe("networks of single repositories", () => {
  it("UpResNet-10 of waifu2x: residual blocks that are scaled by what the whole map says", () => {
    const graph = layerGraph({
      tensors: tensors(
        ["conv_bridge/W", 64, 64, 3, 3],
        ["conv_pre/W", 64, 3, 3, 3],
        ["conv_post/W", 64, 3, 4, 4],
        ...[1, 2].flatMap((i) =>
          [
            [`res${i}/conv1/W`, 64, 64, 3, 3],
            [`res${i}/conv2/W`, 64, 64, 3, 3],
            [`res${i}/fc1/W`, 16, 64],
            [`res${i}/fc2/W`, 64, 16],
          ] as [string, ...number[]][]
        ),
      ),
    });
    expect(graph.warnings).toEqual([]);
    expect(said(graph).sort()).toEqual([
      "conv_bridge -> conv_post residual",
      "conv_pre -> conv_bridge residual",
      "conv_pre -> conv_post residual",
      "conv_pre -> res1/conv1 direct",
      "conv_pre -> res2/conv1 residual",
      "res1/conv1 -> res1/conv2 direct",
      "res1/conv2 -> conv_bridge residual",
      "res1/conv2 -> res1/fc1 pool",
      "res1/conv2 -> res2/conv1 residual",
      "res1/fc1 -> res1/fc2 direct",
      "res2/conv1 -> res2/conv2 direct",
      "res2/conv2 -> conv_bridge residual",
      "res2/conv2 -> res2/fc1 pool",
      "res2/fc1 -> res2/fc2 direct",
    ]);
  });

  it("policies of stable-baselines3: two networks side by side", () => {
    const graph = layerGraph({
      tensors: tensors(
        ["mlp_extractor.policy_net.0.weight", 64, 4],
        ["mlp_extractor.policy_net.2.weight", 64, 64],
        ["mlp_extractor.value_net.0.weight", 64, 4],
        ["mlp_extractor.value_net.2.weight", 64, 64],
        ["action_net.weight", 2, 64],
        ["value_net.weight", 1, 64],
      ),
    });
    expect(said(graph).sort()).toEqual([
      "mlp_extractor.policy_net.0 -> mlp_extractor.policy_net.2 direct",
      "mlp_extractor.policy_net.2 -> action_net direct",
      "mlp_extractor.value_net.0 -> mlp_extractor.value_net.2 direct",
      "mlp_extractor.value_net.2 -> value_net direct",
    ]);
  });

  it("VDSR and TinyVGG are chains", () => {
    const deep = layerGraph({
      tensors: tensors(
        ...[0, 1, 2].map((i): [string, ...number[]] => [`residual_layer.${i}.conv.weight`, 64, 64, 3, 3]),
        ["input.weight", 64, 1, 3, 3],
        ["output.weight", 1, 64, 3, 3],
      ),
    });
    expect(said(deep)).toEqual([
      "input -> residual_layer.0.conv direct",
      "residual_layer.0.conv -> residual_layer.1.conv direct",
      "residual_layer.1.conv -> residual_layer.2.conv direct",
      "residual_layer.2.conv -> output direct",
    ]);
    const tiny = layerGraph({
      tensors: tensors(
        ["conv_1.0.weight", 32, 3, 2, 2],
        ["conv_1.2.weight", 32, 32, 2, 2],
        ["conv_2.0.weight", 32, 32, 2, 2],
        ["classifier.1.weight", 3, 5408],
      ),
    });
    expect(said(tiny)).toEqual([
      "conv_1.0 -> conv_1.2 direct",
      "conv_1.2 -> conv_2.0 direct",
      "conv_2.0 -> classifier.1 flatten",
    ]);
    expect(tiny.layers[3]).toMatchObject({ positions: 169 });
  });

  it("UltraFace: depthwise and pointwise by turns, branches joined, detectors on four maps", () => {
    const bn = (name: string, width: number) =>
      ["weight", "bias", "running_mean", "running_var"].map((
        leaf,
      ): [string, ...number[]] => [`${name}.${leaf}`, width]);
    const separable = (i: number, inputs: number, out: number) =>
      [
        [`base_net.${i}.0.weight`, inputs, 1, 3, 3],
        ...bn(`base_net.${i}.1`, inputs),
        [`base_net.${i}.3.weight`, out, inputs, 1, 1],
        ...bn(`base_net.${i}.4`, out),
      ] as [string, ...number[]][];
    const widths = [[16, 32], [32, 32], [32, 32], [32, 64], [64, 64], [64, 64]] as const;
    const later = [[64, 128], [128, 128], [128, 128], [128, 256], [256, 256]] as const;
    const branch = (name: string, shape: readonly number[]) =>
      [
        [`base_net.7.${name}.conv.weight`, ...shape],
        ...bn(`base_net.7.${name}.bn`, shape[0]!),
      ] as [string, ...number[]][];
    const graph = layerGraph({
      tensors: tensors(
        ["base_net.0.0.weight", 16, 3, 3, 3],
        ...bn("base_net.0.1", 16),
        ...widths.flatMap(([a, b], i) => separable(i + 1, a, b)),
        ...["branch0", "branch1"].flatMap((name) => [
          ...branch(`${name}.0`, [8, 64, 1, 1]),
          ...branch(`${name}.1`, [16, 8, 3, 3]),
          ...branch(`${name}.2`, [16, 16, 3, 3]),
        ]),
        ...branch("branch2.0", [8, 64, 1, 1]),
        ...branch("branch2.1", [12, 8, 3, 3]),
        ...branch("branch2.2", [16, 12, 3, 3]),
        ...branch("branch2.3", [16, 16, 3, 3]),
        ...branch("ConvLinear", [64, 48, 1, 1]),
        ...branch("shortcut", [64, 64, 1, 1]),
        ...later.flatMap(([a, b], i) => separable(i + 8, a, b)),
        ["extras.0.0.weight", 64, 256, 1, 1],
        ["extras.0.2.0.weight", 64, 1, 3, 3],
        ["extras.0.2.2.weight", 256, 64, 1, 1],
        ...["classification", "regression"].flatMap((kind) => [
          ...[64, 128, 256].flatMap((width, i) =>
            [
              [`${kind}_headers.${i}.0.weight`, width, 1, 3, 3],
              [`${kind}_headers.${i}.2.weight`, 6, width, 1, 1],
            ] as [string, ...number[]][]
          ),
          [`${kind}_headers.3.weight`, 6, 256, 3, 3] as [string, ...number[]],
        ]),
      ),
    });
    expect(graph.warnings).toEqual([]);
    const lines = said(graph);
    expect(lines.filter((line) => line.includes("-> base_net.7.ConvLinear"))).toEqual([
      "base_net.7.branch0.2.conv -> base_net.7.ConvLinear.conv concat",
      "base_net.7.branch1.2.conv -> base_net.7.ConvLinear.conv concat 0>16x16",
      "base_net.7.branch2.3.conv -> base_net.7.ConvLinear.conv concat 0>32x16",
    ]);
    expect(lines.filter((line) => /-> classification_headers\.\d\.0|-> .*headers\.3 /.test(line)).sort())
      .toEqual([
        "base_net.10.3 -> classification_headers.1.0 direct",
        "base_net.12.3 -> classification_headers.2.0 direct",
        "base_net.7.ConvLinear.conv -> classification_headers.0.0 residual",
        "base_net.7.shortcut.conv -> classification_headers.0.0 residual",
        "extras.0.2.2 -> classification_headers.3 direct",
        "extras.0.2.2 -> regression_headers.3 direct",
      ]);
    expect(graph.layers.filter(({ groups }) => groups > 1).map(({ groups }) => groups)).toHaveLength(
      11 + 1 + 6,
    );
    const trunk = 1 + 6 + 5 + 5 + 4; // into block 1; within blocks 1 to 6 and between them; within 8 to 12 and between them
    const block7 = 4 + (2 + 2 + 3) + 3 + 2; // its readers of block 6; within branches; joined; both summands into block 8
    const extras = 1 + 2;
    const detectors = 2 * (2 + 1 + 1 + 1 + 3); // the first map has two writers; three separable ones
    expect(graph.connections).toHaveLength(trunk + block7 + extras + detectors);
  });
});
