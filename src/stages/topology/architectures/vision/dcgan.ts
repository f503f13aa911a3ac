/** DCGAN (Radford et al. 2016) under the names of PyTorch's example: a generator and a discriminator, each one list of modules. */

import type { OperatorGraph } from "../../../../model/operators.ts";
import type { Architecture, ModelFacts } from "../architecture.ts";
import { Network } from "../network.ts";
import { normalized, read } from "./units.ts";

/** Numbers of the convolutions in `main`; a batch normalization stands right behind those that have one. */
const GENERATOR = [0, 3, 6, 9, 12] as const;
const DISCRIMINATOR = [0, 2, 5, 8, 11] as const;

/** Both halves of DCGAN. */
export const dcgan: Architecture = {
  name: "DCGAN",
  build: (facts) => generator(facts) ?? discriminator(facts),
};

function found(facts: ModelFacts, numbers: readonly number[], normalization: number): Network | null {
  const weights = numbers.map((i) => `main.${i}.weight`);
  return Network.find("DCGAN", facts, [`main.${normalization}.running_var`, ...weights]);
}

/** Transposed convolutions from a vector to an image: each has half as many out channels as the one before. */
function generator(facts: ModelFacts): OperatorGraph | null {
  const net = found(facts, GENERATOR, 1);
  if (net === null) return null;
  let x = net.input();
  for (const i of GENERATOR) {
    const before = net.channels(x);
    const [inputs = 0, outputs = 0] = kernel(net, i);
    const isInner = i !== GENERATOR[0] && i !== GENERATOR.at(-1);
    if (before !== null && inputs !== before || isInner && 2 * outputs !== inputs) {
      net.fail(`main.${i}.weight`, `${inputs} x ${outputs} channels`, `${before} and half as many`);
    }
    x = net.convTransposed(`main.${i}`, x);
    if (i !== GENERATOR.at(-1)) x = normalized(net, `main.${i + 1}`, x);
  }
  return net.finish();
}

/** Convolutions from an image to one number: each but the last has twice as many out channels as the one before. */
function discriminator(facts: ModelFacts): OperatorGraph | null {
  const net = found(facts, DISCRIMINATOR, 3);
  if (net === null) return null;
  let x = net.input();
  for (const i of DISCRIMINATOR) {
    const before = net.channels(x);
    const [outputs] = kernel(net, i);
    const expected = i === DISCRIMINATOR.at(-1) ? 1 : before === null ? outputs : 2 * before;
    if (outputs !== expected) {
      net.fail(`main.${i}.weight`, `${outputs} out channels`, `${expected}`);
    }
    x = read(net, `main.${i}`, x);
    if (i !== DISCRIMINATOR[0] && i !== DISCRIMINATOR.at(-1)) x = normalized(net, `main.${i + 1}`, x);
  }
  return net.finish();
}

/** The shape of a kernel, of 4 x 4 positions as all of them are. */
function kernel(net: Network, i: number): readonly number[] {
  const [first = 0, second = 0, ...extents] = net.shape(`main.${i}.weight`);
  if (extents.join() !== "4,4") net.fail(`main.${i}.weight`, `a kernel of ${extents.join(" x ")}`, "4 x 4");
  return [first, second];
}
