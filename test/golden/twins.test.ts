/**
 * The same network in two files has the same connections (`onnx-twins.test.ts` compares ONNX with safetensors). burn's two files hold two
 * trainings, weights that differ by up to 0.27, so there are no overlaps to compare.
 */

import { expect, it } from "vitest";
import { formatOf } from "../../connectors/sources/registry.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { describeWithShared, shared } from "../support/shared.ts";

const FILES = ["models/burn_mnist/mnist.pt", "models/burn_mnist/mnist.safetensors"];

describeWithShared("burn's MNIST", FILES, () => {
  it("has the same connections as a pickle and as safetensors", async () => {
    const [a, b] = await Promise.all(FILES.map(async (path) => {
      const model = await (await formatOf(shared(path))).open(shared(path), path);
      await model.close();
      const { layers, connections } = layerGraph(model);
      const sizes = (index: number) => {
        const { name, outChannels, inChannels, positions, batchNorm } = layers[index]!;
        return { name, outChannels, inChannels, positions, batchNorm };
      };
      return connections.map((each) => ({ ...each, source: sizes(each.source), target: sizes(each.target) }));
    }));
    expect(a).toEqual(b);
    expect(a!.map(({ source, via }) => [source.name, via])).toEqual([
      ["conv1", "direct"],
      ["conv2", "direct"],
      ["conv3", "flatten"],
      ["fc1", "direct"],
    ]);
  });
});
