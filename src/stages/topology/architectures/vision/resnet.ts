/**
 * Residual networks as torchvision names them (He et al. 2016; ResNeXt, wide ResNets), those of timm, whose stems may have three
 * convolutions, whose blocks may have squeeze and excitation, and whose shortcuts may pool first; and those for CIFAR, whose shortcuts pad
 * channels instead of projecting them.
 */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { excite } from "./units.ts";

/** ResNet-18 to -152 and their kin. */
export const resnet: Architecture = {
  name: "ResNet",
  build(facts) {
    const found = ["conv1.weight", "conv1.0.weight"].map((stem) =>
      Network.find("ResNet", facts, [stem, "bn1.running_var", "layer1.0.conv1.weight"])
    );
    const net = found[0] ?? found[1];
    if (net == null) return null;
    let x = net.batchNorm("bn1", stem(net));
    for (const stage of ["layer1.", "layer2.", "layer3.", "layer4."]) {
      // A block may make a map wider.
      x = net.stack(stage, x, (name, y) => block(net, name, y), () => null);
    }
    head(net, ["fc", "linear"], net.flatten(net.globalPool(x)));
    return net.finish();
  },
};

/** One convolution, or three with normalizations between them. */
function stem(net: Network): Signal {
  if (net.hasLayer("conv1")) return net.conv("conv1", net.input());
  const first = net.batchNorm("conv1.1", net.conv("conv1.0", net.input()));
  return net.conv("conv1.6", net.batchNorm("conv1.4", net.conv("conv1.3", first)));
}

/** Two convolutions (basic) or three (bottleneck), and what bypasses them. */
function block(net: Network, name: string, x: Signal): Signal {
  let y = x;
  for (const i of net.hasLayer(`${name}.conv3`) ? [1, 2, 3] : [1, 2]) {
    y = net.batchNorm(`${name}.bn${i}`, net.conv(`${name}.conv${i}`, y));
  }
  const scale = [`${name}.se.fc1`, `${name}.se.fc2`] as const;
  if (net.hasLayer(scale[0])) y = excite(net, `${name}.se`, scale, y);
  return net.sum(y, shortcut(net, name, x, net.channels(y)));
}

function shortcut(net: Network, name: string, x: Signal, width: number | null): Signal {
  const projection = [`${name}.downsample`, `${name}.shortcut`].find((each) => net.hasLayer(`${each}.0`));
  if (projection !== undefined) return net.batchNorm(`${projection}.1`, net.conv(`${projection}.0`, x));
  // Where a pooling has number 0, as timm has it.
  const pooled = `${name}.downsample`;
  if (net.hasLayer(`${pooled}.1`)) return net.batchNorm(`${pooled}.2`, net.conv(`${pooled}.1`, x));
  const inputs = net.channels(x);
  if (inputs === width || inputs === null || width === null) return x;
  // Option A: a quarter of the block's channels are zeros before, and as many behind.
  const before = Math.floor(width / 4);
  if (inputs + 2 * before !== width) {
    net.fail(name, `${inputs} channels into ${width}`, "a shortcut's weight");
  }
  return net.map(x, [{ source: 0, target: before, length: inputs }], width);
}
