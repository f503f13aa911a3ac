/**
 * Residual networks as torchvision names them (He et al. 2016; ResNeXt, wide ResNets), and those for CIFAR, whose shortcuts pad
 * channels instead of projecting them.
 */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";

/** ResNet-18 to -152 and their kin. */
export const resnet: Architecture = {
  name: "ResNet",
  build(facts) {
    const net = Network.find("ResNet", facts, ["conv1.weight", "bn1.running_var", "layer1.0.conv1.weight"]);
    if (net === null) return null;
    let x = net.batchNorm("bn1", net.conv("conv1", net.input()));
    for (const stage of ["layer1.", "layer2.", "layer3.", "layer4."]) {
      // A block may make a map wider.
      x = net.stack(stage, x, (name, y) => block(net, name, y), () => null);
    }
    head(net, ["fc", "linear"], net.flatten(net.globalPool(x)));
    return net.finish();
  },
};

/** Two convolutions (basic) or three (bottleneck), and what bypasses them. */
function block(net: Network, name: string, x: Signal): Signal {
  let y = x;
  for (const i of net.hasLayer(`${name}.conv3`) ? [1, 2, 3] : [1, 2]) {
    y = net.batchNorm(`${name}.bn${i}`, net.conv(`${name}.conv${i}`, y));
  }
  return net.sum(y, shortcut(net, name, x, net.channels(y)));
}

function shortcut(net: Network, name: string, x: Signal, width: number | null): Signal {
  const projection = [`${name}.downsample`, `${name}.shortcut`].find((each) => net.hasLayer(`${each}.0`));
  if (projection !== undefined) return net.batchNorm(`${projection}.1`, net.conv(`${projection}.0`, x));
  const inputs = net.channels(x);
  if (inputs === width || inputs === null || width === null) return x;
  // Option A: a quarter of the block's channels are zeros before, and as many behind.
  const before = Math.floor(width / 4);
  if (inputs + 2 * before !== width) {
    net.fail(name, `${inputs} channels into ${width}`, "a shortcut's weight");
  }
  return net.map(x, [{ source: 0, target: before, length: inputs }], width);
}
