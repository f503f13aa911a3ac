import { expect, it } from "vitest";
import { random } from "../../../../src/model/random.ts";
import { matrix } from "../../../../src/model/tensor.ts";
import { inVectors } from "../../../../src/stages/topology/inference/channel-vectors.ts";
import { channelWeights } from "../../../../src/stages/topology/inference/channel-weights.ts";
import { layerOf } from "../../../support/layer-fixture.ts";

it("reads a bias of the out channels whose weights are looked at", () => {
  // Of 50 out channels every twelfth is looked at: 4,096 numbers of each in channel are 4.3 kernels of 31 x 31.
  const [inputs, positions] = [8, 31 * 31];
  const source = random(1, "large kernels");
  const [weight, bias] = [new Float64Array(50 * inputs * positions), new Float64Array(50)];
  source.normals(weight);
  source.normals(bias);
  const at = Array.from({ length: inputs }, (_, channel) => channel);
  const layer = layerOf(0, 50, inputs, { positions });
  const weights = channelWeights(layer, [matrix(50, inputs * positions, weight)], "in", at);
  const cosines = matrix(inputs, inputs);
  const { drive } = inVectors(weights, cosines, { bias });
  expect(drive).toBeDefined();
  const looked = Float64Array.of(0, 12, 24, 36, 48).map((out) => bias[out]!);
  expect(inVectors({ ...weights, step: 1 }, cosines, { bias: looked }).drive).toEqual(drive);
});
