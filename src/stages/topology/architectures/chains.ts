/** Networks in which each layer feeds the next: small ones that are named so and no other way. */

import type { OperatorGraph, Signal } from "../../../model/operators.ts";
import type { Architecture, ModelFacts } from "./architecture.ts";
import { Network } from "./network.ts";

/** TinyVGG: blocks of convolutions, one fully connected layer. */
export const tinyVgg: Architecture = {
  name: "TinyVGG",
  build(facts) {
    const net = Network.find("TinyVGG", facts, ["conv_1.0.weight", "conv_2.0.weight", "classifier.1.weight"]);
    if (net === null) return null;
    let x = net.input();
    for (const list of ["conv_1.", "conv_2."]) {
      for (const i of net.numbers(list)) x = net.conv(`${list}${i}`, x);
    }
    net.linear("classifier.1", net.flatten(x));
    return net.finish();
  },
};

/** VDSR (Kim et al. 2016): what comes out is added to the network's input, which no layer reads again. */
export const vdsr: Architecture = {
  name: "VDSR",
  build(facts) {
    const signs = ["residual_layer.0.conv.weight", "input.weight", "output.weight"] as const;
    const net = Network.find("VDSR", facts, [...signs]);
    if (net === null) return null;
    const x = net.stack(
      "residual_layer.",
      net.conv("input", net.input()),
      (name, y) => net.conv(`${name}.conv`, y),
    );
    net.conv("output", x);
    return net.finish();
  },
};

/** The network of burn's examples; the first normalization stands behind the activation. */
export const burnMnist: Architecture = {
  name: "burn MNIST",
  build(facts) {
    const signs = ["conv3.weight", "norm1.running_var", "fc2.weight", "norm2.running_var"] as const;
    const net = Network.find("burn MNIST", facts, [...signs]);
    if (net === null) return null;
    let x = net.input();
    for (const name of ["conv1", "conv2", "conv3"]) x = net.act(net.conv(name, x));
    x = net.flatten(net.batchNorm("norm1", x));
    net.batchNorm("norm2", net.linear("fc2", net.linear("fc1", x)));
    return net.finish();
  },
};

/** Policies of stable-baselines3: a network for actions and one for values, on whatever they share. */
export const stableBaselines: Architecture = {
  name: "stable-baselines3 policy",
  build(facts) {
    const signs = ["action_net.weight", "value_net.weight"] as const;
    const net = Network.find("stable-baselines3 policy", facts, [...signs]);
    if (net === null || net.numbers("mlp_extractor.policy_net.").length === 0) return null;
    const sequence = (list: string, from: Signal) =>
      net.numbers(list).reduce((x, i) => net.linear(`${list}${i}`, x), from);
    const x = sequence("mlp_extractor.shared_net.", imageFeatures(net));
    net.linear("action_net", sequence("mlp_extractor.policy_net.", x));
    net.linear("value_net", sequence("mlp_extractor.value_net.", x));
    return net.finish();
  },
};

/** The convolutions of a policy that sees images; else the observation itself. */
function imageFeatures(net: Network): Signal {
  const list = "features_extractor.cnn.";
  const x = net.numbers(list).reduce((map, i) => net.conv(`${list}${i}`, map), net.input());
  return net.hasLayer("features_extractor.linear.0")
    ? net.linear("features_extractor.linear.0", net.flatten(x))
    : x;
}

/** Chains whose weights have consecutive names: VGG-7 and UpConv-7 of waifu2x, whose last layer may be transposed. */
export const waifu2xChain: Architecture = {
  name: "waifu2x",
  build: (facts) => chainerChain(facts, 0) ?? chainerChain(facts, 1),
};

function chainerChain(facts: ModelFacts, first: 0 | 1): OperatorGraph | null {
  const names = Array.from({ length: 7 }, (_, i) => `conv${first + i}`);
  const net = Network.find(
    "waifu2x",
    facts,
    [`${names[0]}/W`, ...names.slice(1).map((name) => `${name}/W`)],
    "/W",
  );
  if (net === null) return null;
  const last = names.pop()!;
  const x = names.reduce((map, name) => net.conv(name, map), net.input());
  // The transposed convolution doubles the resolution by a 4 x 4 kernel.
  if (net.shape(`${last}/W`)[2] === 4) net.convTransposed(last, x);
  else net.conv(last, x);
  return net.finish();
}
