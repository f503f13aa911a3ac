/** MTCNN (Zhang et al. 2016) under the names of facenet-pytorch: its three networks, alone or together in one file. */

import type { OperatorGraph, Signal } from "../../../../model/operators.ts";
import type { Architecture, ModelFacts } from "../architecture.ts";
import { Network } from "../network.ts";
import { read } from "./units.ts";

/** Layers of a network: a chain with an activation of its own behind each, and those that read its end. */
interface Part {
  readonly chain: readonly string[];
  readonly ends: readonly string[];
}

const PARTS: Readonly<Record<"pnet" | "rnet" | "onet", Part>> = {
  pnet: { chain: ["conv1", "conv2", "conv3"], ends: ["conv4_1", "conv4_2"] },
  rnet: { chain: ["conv1", "conv2", "conv3", "dense4"], ends: ["dense5_1", "dense5_2"] },
  onet: {
    chain: ["conv1", "conv2", "conv3", "conv4", "dense5"],
    ends: ["dense6_1", "dense6_2", "dense6_3"],
  },
};

/** Proposals, refinement and output, or one of them. */
export const mtcnn: Architecture = {
  name: "MTCNN",
  build(facts) {
    const whole = Object.entries(PARTS).map(([name, part]) => [`${name}.`, part] as const);
    const alone = Object.values(PARTS).map((part) => [["", part]] as const);
    for (const parts of [whole, ...alone]) {
      const built = together(facts, parts);
      if (built !== null) return built;
    }
    return null;
  },
};

function together(
  facts: ModelFacts,
  parts: readonly (readonly [prefix: string, part: Part])[],
): OperatorGraph | null {
  const [first = "", ...more] = parts.flatMap(([prefix, { chain, ends }]) => [
    ...chain.map((name) => `${prefix}${name.replace(/^[a-z]+/, "prelu")}.weight`),
    ...[...chain, ...ends].map((name) => `${prefix}${name}.weight`),
  ]);
  const net = Network.find("MTCNN", facts, [first, ...more]);
  if (net === null) return null;
  for (const [prefix, part] of parts) detect(net, prefix, part);
  return net.finish();
}

function detect(net: Network, prefix: string, { chain, ends }: Part): void {
  let x = net.input();
  for (const name of chain) {
    // Positions come first where a map becomes a vector.
    x = name.startsWith("dense") ? net.linear(prefix + name, net.flatten(x, "channels-last")) : read(
      net,
      prefix + name,
      x,
    );
    x = sloped(net, `${prefix}${name.replace(/^[a-z]+/, "prelu")}`, x);
  }
  for (const name of ends) read(net, prefix + name, x);
}

/** An activation with a slope per channel below zero. */
function sloped(net: Network, module: string, x: Signal): Signal {
  const shape = net.shape(`${module}.weight`);
  if (shape.join() !== `${net.channels(x)}`) {
    net.fail(`${module}.weight`, `shape ${shape.join(" x ")}`, `${net.channels(x)} slopes`);
  }
  net.role("the slopes of an activation", `${module}.weight`);
  return net.act(x);
}
