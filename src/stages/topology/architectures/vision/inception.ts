/**
 * Networks of branches side by side, as torchvision names them: Inception v3 (Szegedy et al. 2015; timm's too), GoogLeNet with batch
 * normalization, SqueezeNet (Iandola et al. 2016).
 */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { read, TENSORFLOW_EPSILON, unit } from "./units.ts";

/** Units one behind the other; where several stand side by side their outputs are joined. None: what arrives is passed on, pooled. */
type Branch = readonly (string | readonly string[])[];

/** The branches of a block, in the order in which they are joined. */
type Branches = readonly Branch[];

const A: Branches = [
  ["branch1x1"],
  ["branch5x5_1", "branch5x5_2"],
  ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"],
  ["branch_pool"],
];
const B: Branches = [["branch3x3"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"], []];
const C: Branches = [
  ["branch1x1"],
  ["branch7x7_1", "branch7x7_2", "branch7x7_3"],
  ["branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"],
  ["branch_pool"],
];
const D: Branches = [
  ["branch3x3_1", "branch3x3_2"],
  ["branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"],
  [],
];
const E: Branches = [
  ["branch1x1"],
  ["branch3x3_1", ["branch3x3_2a", "branch3x3_2b"]],
  ["branch3x3dbl_1", "branch3x3dbl_2", ["branch3x3dbl_3a", "branch3x3dbl_3b"]],
  ["branch_pool"],
];

const INCEPTION_STEM = [
  "Conv2d_1a_3x3",
  "Conv2d_2a_3x3",
  "Conv2d_2b_3x3",
  "Conv2d_3b_1x1",
  "Conv2d_4a_3x3",
];
const INCEPTION: readonly (readonly [name: string, branches: Branches])[] = [
  ["Mixed_5b", A],
  ["Mixed_5c", A],
  ["Mixed_5d", A],
  ["Mixed_6a", B],
  ["Mixed_6b", C],
  ["Mixed_6c", C],
  ["Mixed_6d", C],
  ["Mixed_6e", C],
  ["Mixed_7a", D],
  ["Mixed_7b", E],
  ["Mixed_7c", E],
];

const GOOGLENET: Branches = [["branch1"], ["branch2.0", "branch2.1"], ["branch3.0", "branch3.1"], [
  "branch4.1",
]];
const GOOGLENET_BLOCKS = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"];

/** Inception v3, with its auxiliary classifier or without. */
export const inception: Architecture = {
  name: "Inception v3",
  build(facts) {
    const signs = ["Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch3x3_2a.conv.weight"] as const;
    const net = Network.find("Inception v3", facts, [...signs]);
    if (net === null) return null;
    let x = INCEPTION_STEM.reduce((y, name) => convolved(net, name, y), net.input());
    for (const [name, branches] of INCEPTION) {
      x = joined(net, name, branches, x);
      if (name === "Mixed_6e" && net.hasLayer("AuxLogits.fc")) {
        const aside = convolved(net, "AuxLogits.conv1", convolved(net, "AuxLogits.conv0", x));
        net.linear("AuxLogits.fc", net.flatten(net.globalPool(aside)));
      }
    }
    head(net, ["fc"], net.flatten(net.globalPool(x)));
    return net.finish();
  },
};

/** GoogLeNet, with its auxiliary classifiers or without. */
export const googlenet: Architecture = {
  name: "GoogLeNet",
  build(facts) {
    const signs = ["conv1.conv.weight", "inception3a.branch2.0.conv.weight"] as const;
    const net = Network.find("GoogLeNet", facts, [...signs]);
    if (net === null) return null;
    let x = ["conv1", "conv2", "conv3"].reduce((y, name) => convolved(net, name, y), net.input());
    for (const name of GOOGLENET_BLOCKS) {
      x = joined(net, `inception${name}`, GOOGLENET, x);
      const aux = name === "4a" ? "aux1" : name === "4d" ? "aux2" : null;
      if (aux === null || !net.hasLayer(`${aux}.fc1`)) continue;
      net.linear(`${aux}.fc2`, net.linear(`${aux}.fc1`, net.flatten(convolved(net, `${aux}.conv`, x))));
    }
    head(net, ["fc"], net.flatten(net.globalPool(x)));
    return net.finish();
  },
};

/** SqueezeNet 1.0 and 1.1. */
export const squeezenet: Architecture = {
  name: "SqueezeNet",
  build(facts) {
    const signs = ["features.0.weight", "features.3.squeeze.weight", "classifier.1.weight"] as const;
    const net = Network.find("SqueezeNet", facts, [...signs]);
    if (net === null) return null;
    const x = net.numbers("features.").reduce((y, i) => {
      const name = `features.${i}`;
      if (net.hasLayer(name)) return read(net, name, y);
      const squeezed = read(net, `${name}.squeeze`, y);
      return net.concat(...["expand1x1", "expand3x3"].map((each) => read(net, `${name}.${each}`, squeezed)));
    }, net.input());
    read(net, "classifier.1", x);
    return net.finish();
  },
};

function convolved(net: Network, name: string, x: Signal): Signal {
  return unit(net, [`${name}.conv`, `${name}.bn`], x, { epsilon: TENSORFLOW_EPSILON });
}

function joined(net: Network, block: string, branches: Branches, x: Signal): Signal {
  return net.concat(...branches.map((branch) =>
    branch.reduce<Signal>((y, step) => {
      if (typeof step === "string") return convolved(net, `${block}.${step}`, y);
      return net.concat(...step.map((each) => convolved(net, `${block}.${each}`, y)));
    }, x)
  ));
}
