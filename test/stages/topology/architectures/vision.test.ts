/** What families of vision networks claim, and what not: torchvision's and timm's networks (`test/golden/files/vision`), and near misses. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { formatOf } from "../../../../connectors/sources/registry.ts";
import type { TensorInfo } from "../../../../src/model/tensor.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { recognized } from "../../../../src/stages/topology/architectures/registry.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";

const FOLDER = fileURLToPath(new URL("../../../golden/files/vision/", import.meta.url));
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith(".safetensors"));

async function tensorsOf(file: string): Promise<readonly TensorInfo[]> {
  const model = await (await formatOf(FOLDER + file)).open(FOLDER + file, file);
  await model.close();
  return model.tensors;
}

/** Whether all of a model is said to be of a family. */
function isClaimed(tensors: readonly TensorInfo[]): boolean {
  const { operators } = recognized({ tensors });
  return operators !== null && !operators.warnings.some((warning) => warning.includes("known in part"));
}

describe.each(FILES)("%s", (file) => {
  it("is claimed behind a prefix too, every tensor accounted for", async () => {
    const tensors = await tensorsOf(file);
    for (const prefix of ["", "module.", "backbone."]) {
      const prefixed = tensors.map((each) => ({ ...each, name: prefix + each.name }));
      expect(isClaimed(prefixed)).toBe(true);
      const graph = layerGraph({ tensors: prefixed });
      const told = [
        ...graph.layers.map(({ weight }) => weight.tensor),
        ...graph.skipped.flatMap(({ subject, name }) => subject === "tensor" ? [name] : []),
      ];
      expect([...new Set(told)].sort()).toEqual(tensors.map(({ name }) => prefix + name).sort());
    }
  });

  it("is not claimed with one weight more, renamed, or of another shape", async () => {
    const tensors = await tensorsOf(file);
    const { layers, connections } = layerGraph({ tensors });
    const claimed: string[] = [];
    const tried = (what: string, others: readonly TensorInfo[]) => {
      if (isClaimed(others)) claimed.push(what);
    };
    const feeding = new Set(connections.map(({ source }) => layers[source]!.weight.tensor));
    const fed = new Set(connections.map(({ target }) => layers[target]!.weight.tensor));
    const read = tensors.filter(({ name }) => layers.some(({ weight }) => weight.tensor === name));
    for (const { name, shape, ...rest } of read) {
      const with_ = (other: Partial<TensorInfo>) =>
        tensors.map((each) => each.name === name ? { ...rest, name, shape, ...other } : each);
      tried(`${name} with another beside it`, [
        ...tensors,
        tensorOf(name.replace(/weight$/, "more"), [2, 2]),
      ]);
      tried(`${name} renamed`, with_({ name: name.replace(/(\w+)$/, "other_$1") }));
      const [out, inputs, ...kernel] = shape as [number, number, ...number[]];
      // What nothing reads, or comes from nowhere, may have any width.
      if (feeding.has(name)) tried(`${name} wider`, with_({ shape: [out + 1, inputs, ...kernel] }));
      if (fed.has(name)) tried(`${name} of more channels`, with_({ shape: [out, inputs + 1, ...kernel] }));
    }
    expect(claimed).toEqual([]);
  });
});

it.each([
  ["torchvision-densenet.safetensors", "features.denseblock1.denselayer1"],
  ["torchvision-regnet-y.safetensors", "trunk_output.block1.block1-0"],
  ["timm-regnet-y.safetensors", "s1.b1"],
])("%s is not claimed with a normalization more in a block", async (file, block) => {
  const tensors = await tensorsOf(file);
  expect(tensors.some(({ name }) => name.startsWith(`${block}.`))).toBe(true);
  expect(isClaimed([...tensors, tensorOf("other.norm.weight", [4])])).toBe(true);
  expect(isClaimed([...tensors, tensorOf(`${block}.other.weight`, [4])])).toBe(false);
});

describe("Hugging Face's DINOv2", () => {
  const C = 8;
  const block = (at: string) => [
    ...["norm1", "norm2"].map((norm) => tensorOf(`${at}.${norm}.weight`, [C])),
    ...["query", "key", "value"].map((part) => tensorOf(`${at}.attention.attention.${part}.weight`, [C, C])),
    tensorOf(`${at}.attention.output.dense.weight`, [C, C]),
    ...[1, 2].map((i) => tensorOf(`${at}.layer_scale${i}.lambda1`, [C])),
    tensorOf(`${at}.mlp.fc1.weight`, [4 * C, C]),
    tensorOf(`${at}.mlp.fc2.weight`, [C, 4 * C]),
  ];
  const tensors = [
    tensorOf("dinov2.embeddings.cls_token", [1, 1, C]),
    tensorOf("dinov2.embeddings.register_tokens", [1, 4, C]),
    tensorOf("dinov2.embeddings.mask_token", [1, C]),
    tensorOf("dinov2.embeddings.position_embeddings", [1, 5, C]),
    tensorOf("dinov2.embeddings.patch_embeddings.projection.weight", [C, 3, 14, 14]),
    ...block("dinov2.encoder.layer.0"),
    ...block("dinov2.encoder.layer.1"),
    tensorOf("dinov2.layernorm.weight", [C]),
    tensorOf("classifier.weight", [3, 2 * C]),
  ];

  it("reads the class's token and the mean of the others in its classifier", () => {
    const { layers, connections, warnings } = layerGraph({ tensors, config: { num_attention_heads: 2 } });
    expect(warnings).toEqual([]);
    const nameOf = (layer: number) => layers[layer]!.name.replace(/^dinov2\./, "");
    const read = connections.filter(({ target }) => nameOf(target) === "classifier");
    expect(read.map(({ source }) => nameOf(source))).toEqual([
      "embeddings.position_embeddings",
      "embeddings.patch_embeddings.projection",
      ...[0, 1].flatMap((i) =>
        ["attention.output.dense", "mlp.fc2"].map((each) => `encoder.layer.${i}.${each}`)
      ),
    ]);
    for (const { source, channels } of read) {
      // Where the class stands there is no patch.
      const halves = nameOf(source).includes("patch") ? [C] : [0, C];
      expect(channels).toEqual(halves.map((target) => ({ source: 0, target, length: C })));
    }
  });
});
