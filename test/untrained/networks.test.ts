import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTopology } from "../../config/load.ts";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { Model } from "../../src/model/ports.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import * as published from "../stages/topology/architectures/published.ts";
import { deltaOrthogonal, INITIALIZATIONS, kaimingNormal, zeroEnds, zeroMiddle } from "./initializations.ts";
import { type NetworkName, NETWORKS, untrained, writeUntrained } from "./networks.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-untrained-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const small = { resnet18: 8, vgg11: 8, mobilenetv2: 8, gpt2: 16 };

const shapes = (model: Pick<Model, "tensors">) =>
  new Map(model.tensors.map(({ name, shape }) => [name, shape]));

async function opened(path: string): Promise<Model> {
  const model = await (await formatOf(path)).open(path, "model");
  await model.close();
  return model;
}

describe("names and shapes", () => {
  it("are those of torchvision's ResNet-18 at its width, but for the classes", () => {
    const found = untrained("resnet18", kaimingNormal, { seed: 1, width: 64 });
    const expected = shapes({ tensors: published.torchvisionResnet([2, 2, 2, 2], null) });
    expected.set("fc.weight", [100, 512]).set("fc.bias", [100]);
    expect(shapes(found)).toEqual(expected);
  });

  it("are those of Hugging Face's GPT-2 at its width and depth", () => {
    const { config, ...found } = untrained("gpt2", kaimingNormal, { seed: 1, width: 768, depth: 12 });
    expect(shapes(found)).toEqual(shapes({ tensors: published.gpt2() }));
    expect(config).toMatchObject({ n_head: 12, n_layer: 12, vocab_size: 50257 });
  });

  it("are those of VGG-11's convolutions at its width", () => {
    const found = shapes(untrained("vgg11", kaimingNormal, { seed: 1, width: 64 }));
    const places = [0, 3, 6, 8, 11, 13, 16, 18];
    const channels = [3, 64, 128, 256, 256, 512, 512, 512, 512];
    places.forEach((place, i) =>
      expect(found.get(`features.${place}.weight`)).toEqual([channels[i + 1], channels[i], 3, 3])
    );
    expect([...found.keys()].filter((name) => name.endsWith("weight")).slice(8)).toEqual(
      ["classifier.0.weight", "classifier.3.weight", "classifier.6.weight"],
    );
  });

  it("are those of torchvision's MobileNetV2 at its width, some of them", () => {
    const model = untrained("mobilenetv2", kaimingNormal, { seed: 1, width: 32 });
    const found = shapes(model);
    // 52 convolutions and a classifier, a normalization of five tensors behind each convolution.
    expect(found.size).toBe(52 * 6 + 2);
    expect([
      ...[
        "features.0.0",
        "features.1.conv.0.0",
        "features.1.conv.1",
        "features.2.conv.0.0",
        "features.2.conv.1.0",
      ],
      ...["features.2.conv.2", "features.17.conv.2", "features.18.0"],
    ].map((name) => found.get(`${name}.weight`)?.join(" "))).toEqual([
      ...["32 3 3 3", "32 1 3 3", "16 32 1 1", "96 16 1 1", "96 1 3 3", "24 96 1 1", "320 960 1 1"],
      "1280 320 1 1",
    ]);
    // Published: 3,504,872 parameters, of them 1,281,000 in the classifier, and 34,112 running means and variances, not counted.
    const counted = model.tensors.filter(({ name }) => !/running|batches|^classifier/.test(name));
    const sum = counted.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);
    expect(sum).toBe(3_504_872 - 1_281_000);
  });
});

describe.each(NETWORKS)("%s", (network) => {
  const model = untrained(network, kaimingNormal, { seed: 1 });
  const graph = layerGraph(model);

  it("is declared, all of it", () => {
    expect(graph.warnings).toEqual([]);
    expect(graph.connections.length).toBeGreaterThan(9);
    expect(new Set(graph.connections.map(({ evidence }) => evidence))).toEqual(new Set(["declared"]));
    const weights = model.tensors.filter(({ name, shape }) =>
      shape.length > 1 && !name.endsWith("attn.bias")
    );
    expect(new Set(graph.layers.map(({ weight }) => weight.tensor))).toEqual(
      new Set(weights.map(({ name }) => name)),
    );
  });

  it("is the same by the same seed, another by another", async () => {
    const options = { width: small[network], depth: 1 };
    const initialization = INITIALIZATIONS[1]!;
    const [a, b, c] = [1, 1, 2].map((seed) => untrained(network, initialization, { seed, ...options }));
    for (const { name, shape } of a!.tensors) {
      const values = await a!.read(name);
      expect(values).toHaveLength(shape.reduce((product, extent) => product * extent, 1));
      expect(values).toEqual(await b!.read(name));
      expect(values).toEqual(values.map(Math.fround));
      if (shape.length > 1 && !name.endsWith("attn.bias")) expect(values).not.toEqual(await c!.read(name));
    }
    expect((await a!.inputs())[0]!.sha256).not.toBe((await c!.inputs())[0]!.sha256);
  });

  it.each([false, true])("is the same in a file, exact: %s", async (exact) => {
    const path = join(folder, `${network}-${exact}.safetensors`);
    const options = { seed: 5, width: small[network], depth: 1, exact };
    await writeUntrained(path, network, kaimingNormal, options);
    const [memory, file] = [
      untrained(network, kaimingNormal, options),
      await (await formatOf(path)).open(path, "m"),
    ];
    expect(file.tensors.map(({ name, dtype, shape, byteLength }) => ({ name, dtype, shape, byteLength })))
      .toEqual(
        memory.tensors,
      );
    for (const { name } of memory.tensors) expect(await file.read(name)).toEqual(await memory.read(name));
    expect(file.config).toEqual(memory.config);
    await file.close();
  });

  it("can be filled in every way", async () => {
    for (const initialization of INITIALIZATIONS) {
      const filled = untrained(network, initialization, { seed: 1, width: small[network], depth: 1 });
      for (const { name } of filled.tensors) {
        const finite = (await filled.read(name)).every(Number.isFinite);
        expect(finite, `${initialization.name}, ${name}`).toBe(true);
      }
    }
  });
});

describe("marks", () => {
  const zeroTensors = async (network: NetworkName, initialization: typeof kaimingNormal) => {
    const model = untrained(network, initialization, { seed: 1 });
    const found: string[] = [];
    for (const { name } of model.tensors) {
      if (name.endsWith(".weight") && (await model.read(name)).every((value) => value === 0)) {
        found.push(name.slice(0, -7));
      }
    }
    return found;
  };

  it("are on the ends of residual branches", async () => {
    const ends = zeroEnds("", kaimingNormal);
    const blocks = [1, 2, 3, 4].flatMap((stage) => [`layer${stage}.0.conv2`, `layer${stage}.1.conv2`]);
    expect(await zeroTensors("resnet18", ends)).toEqual(blocks);
    expect(await zeroTensors("vgg11", ends)).toEqual([]);
    // Blocks of stride 1 that keep the width: those behind the first of each stage of several.
    expect(await zeroTensors("mobilenetv2", ends)).toEqual(
      [3, 5, 6, 8, 9, 10, 12, 13, 15, 16].map((i) => `features.${i}.conv.2`),
    );
    expect(await zeroTensors("gpt2", ends)).toEqual(
      [0, 1, 2, 3].flatMap((i) => [`h.${i}.attn.c_proj`, `h.${i}.mlp.c_proj`]),
    );
  });

  it("are on the scales behind them", async () => {
    const [last] = INITIALIZATIONS.filter(({ name }) => name === "zero last scale");
    expect((await zeroTensors("resnet18", last!)).slice(0, 2)).toEqual(["layer1.0.bn2", "layer1.1.bn2"]);
    expect(await zeroTensors("mobilenetv2", last!)).toHaveLength(10);
    expect(await zeroTensors("gpt2", last!)).toEqual([]);
  });

  it("are on the layer in the middle", async () => {
    const middle = zeroMiddle("", kaimingNormal);
    expect(await zeroTensors("resnet18", middle)).toEqual(["layer3.0.conv1", "layer3.0.bn1"]);
    expect(await zeroTensors("vgg11", middle)).toEqual(["features.13"]);
    expect(await zeroTensors("gpt2", middle)).toEqual(["h.1.mlp.c_proj"]);
  });
});

describe("MobileNetV2", () => {
  it("has its depthwise convolutions in groups, and what bypasses its blocks", () => {
    const { layers, connections } = layerGraph(untrained("mobilenetv2", kaimingNormal, { seed: 1 }));
    const depthwise = layers.filter(({ groups }) => groups > 1);
    expect(depthwise).toHaveLength(17);
    expect(
      depthwise.every((layer) => layer.groups === layer.outChannels && layer.groups === layer.inChannels),
    )
      .toBe(true);
    const into = (name: string) =>
      connections.filter(({ target }) => layers[target]!.name === name).map(({ source, via }) =>
        `${layers[source]!.name} ${via}`
      );
    expect(into("features.2.conv.1.0")).toEqual(["features.2.conv.0.0 direct"]);
    expect(into("features.7.conv.0.0")).toEqual([
      "features.4.conv.2 residual",
      "features.5.conv.2 residual",
      "features.6.conv.2 residual",
    ]);
    expect(into("classifier.1")).toEqual(["features.18.0 pool"]);
  });

  it("is said by the topology beside its file, and known by its file alone", async () => {
    const path = join(folder, "mobile.safetensors");
    await writeUntrained(path, "mobilenetv2", deltaOrthogonal, { seed: 1 });
    const { tensors } = await opened(path);
    const topology = await loadTopology(join(folder, "mobile.topology.json"));
    const expected = layerGraph(untrained("mobilenetv2", deltaOrthogonal, { seed: 1 }));
    const graph = layerGraph({ tensors }, { topology });
    expect(graph.connections).toEqual(expected.connections);
    expect(graph.layers).toEqual(expected.layers);
    expect(layerGraph({ tensors }).connections).toEqual(expected.connections);
  });
});
