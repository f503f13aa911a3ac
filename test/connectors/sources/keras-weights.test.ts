import { describe, expect, it } from "vitest";
import type { Hdf5File } from "../../../connectors/sources/hdf5/hdf5.ts";
import { kerasWeights } from "../../../connectors/sources/keras/weights.ts";
import { layerGraph } from "../../../src/stages/layers.ts";

/** A file of weights as Keras 1 and 2 write it: no config, and groups that are called as the layers. */
function weightsFile(shapes: Readonly<Record<string, readonly number[]>>): Hdf5File {
  return {
    groups: new Map([["", new Map([["layer_names", []]])]]),
    datasets: Object.entries(shapes).map(([path, shape]) => ({
      path,
      name: path.split("/").at(-1)!,
      dtype: "F32",
      shape,
      byteLength: 4 * shape.reduce((product, each) => product * each, 1),
      read: () => Promise.reject(new Error("not read")),
    })),
  };
}

/** Out channels, in channels and positions of each layer, and strides of out and in channels. */
const layersOf = (shapes: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(
    layerGraph({ tensors: kerasWeights(weightsFile(shapes)).tensors.map(({ info }) => info) }).layers.map((
      { name, outChannels, inChannels, positions, weight: { strides } },
    ) => [name, [outChannels, inChannels, positions, strides.out, strides.in]]),
  );

describe("the axes of a kernel in a file of weights", () => {
  it("are Theano's where the bias is as long as the first, as Keras 1 wrote them", () => {
    expect(layersOf({
      "conv1/conv1_W_1": [64, 1, 3, 3],
      "conv1/conv1_b_1": [64],
      "conv2/conv2_W": [128, 64, 3, 3],
      "conv2/conv2_b": [128],
      "deconv/deconv_W": [128, 32, 5, 5],
      "deconv/deconv_b": [32],
      "dense/dense_W": [32, 50],
      "dense/dense_b": [50],
    })).toEqual({
      "conv1/conv1_W_1": [64, 1, 9, 9, 9],
      "conv2/conv2_W": [128, 64, 9, 576, 9],
      "deconv/deconv_W": [32, 128, 25, 25, 800],
      "dense/dense_W": [50, 32, 1, 1, 50],
    });
  });

  it("are TensorFlow's where the bias is as long as the last, or says nothing", () => {
    expect(layersOf({
      "conv/conv_W:0": [3, 3, 3, 16],
      "conv/conv_b:0": [16],
      "conv2d/kernel:0": [3, 3, 16, 16],
      "melgram/Variable:0": [512, 1, 1, 257],
      "out/kernel:0": [3, 3, 16, 3],
      "out/bias:0": [3],
    })).toMatchObject({
      "conv/conv_W": [16, 3, 9, 1, 16],
      "conv2d/kernel": [16, 16, 9, 1, 16],
      "melgram/Variable": [257, 1, 512, 1, 257],
      "out/kernel": [3, 16, 9, 1, 3],
    });
  });

  it("are those of a transposed convolution where the bias says so and no name does", () => {
    expect(layersOf({
      "conv/kernel:0": [2, 3, 64, 128],
      "conv/bias:0": [128],
      "dconv/kernel:0": [2, 3, 64, 256],
      "dconv/bias:0": [64],
    })).toMatchObject({ "dconv/kernel": [64, 256, 6, 256, 1] });
  });
});
