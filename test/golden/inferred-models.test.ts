/** Trained models whose graph or family is hidden: what their weights alone show, against what is known. */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openModel } from "../../src/mod.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { inferred } from "../../src/stages/topology/inference/inferred.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";
import { KERNELS } from "../support/kernels.ts";
import { hiddenModel, weightPairs } from "../support/hidden-topology.ts";
import { describeWithShared, shared } from "../support/shared.ts";

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const graphOf = async (model: InferredFrom) => (await inferred(model, kernel)).graph;

const MODELS = fileURLToPath(new URL("../../pipelines/models/", import.meta.url));

describe.each(["vgg16s-bn-wd", "vgg16s-wd"])("a trained %s without its family", (name) => {
  it.each([["with its names", false], ["with other names", true]])(
    "is found whole, %s",
    async (_, shuffled) => {
      const model = await openModel(`${MODELS}${name}/epoch-012.f16.safetensors`);
      try {
        const truth = layerGraph(model);
        // As PyTorch's state dict has it: what belongs to a weight stands behind it.
        const leaves = ["weight", "bias", "running_mean", "running_var"];
        const place = (tensor: string) => {
          const [, part, at, leaf] = /^(\w+)\.(\d+)\.(\w+)$/.exec(tensor) ?? [];
          return (part === "features" ? 0 : 1000) + Number(at) + leaves.indexOf(leaf!) / 10;
        };
        const ordered = model.tensors.filter(({ name: tensor }) => leaves.includes(tensor.split(".").at(-1)!))
          .toSorted((a, b) => place(a.name) - place(b.name));
        const { from, nameOf } = hiddenModel(model, ordered, shuffled);
        const graph = await graphOf(from);
        const renamed = weightPairs(truth).map((text) =>
          text.split(" -> ").map((each) => nameOf.get(each)!).join(" -> ")
        );
        expect(weightPairs(graph).sort()).toEqual(renamed.sort());
        expect(weightPairs(graph, "inferred").length).toBeGreaterThanOrEqual(12);
      } finally {
        await model.close();
      }
    },
  );
});

describeWithShared("real models without their family", ["models"], () => {
  it("finds every connection of ResNet-20, padded shortcuts and all, and no other", async () => {
    const model = await openModel(shared("models/resnet_cifar_akamaster/resnet20-12fca82f.th"));
    const graph = await graphOf(model);
    expect(weightPairs(graph).sort()).toEqual(weightPairs(layerGraph(model)).sort());
    expect(weightPairs(graph, "inferred").length).toBeGreaterThan(50);
    await model.close();
  });

  it("infers nothing of a detector of narrow depthwise layers that is not there", async () => {
    const model = await openModel(shared("models/ultraface/models/pretrained/version-RFB-320.pth"));
    const found = weightPairs(await graphOf(model), "inferred");
    expect(found.length).toBeGreaterThan(30);
    expect(weightPairs(layerGraph(model))).toEqual(expect.arrayContaining(found));
    await model.close();
  });
});
