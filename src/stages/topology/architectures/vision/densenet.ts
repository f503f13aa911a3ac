/** DenseNet (Huang et al. 2017) as torchvision and timm name it: every layer of a block reads what all before it made. */

import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { normalized, read, unit } from "./units.ts";

/** DenseNet-121 to -201 and their kin. */
export const densenet: Architecture = {
  name: "DenseNet",
  build(facts) {
    const net = Network.find("DenseNet", facts, [
      "features.conv0.weight",
      "features.norm0.running_var",
      "features.denseblock1.denselayer1.conv1.weight",
    ]);
    if (net === null) return null;
    let x = net.input();
    // A deeper stem has three of them.
    for (let i = 0; net.hasLayer(`features.conv${i}`); i++) {
      x = unit(net, [`features.conv${i}`, `features.norm${i}`], x);
    }
    for (const block of net.blocks("features.denseblock", { first: 1 })) {
      const list = `features.denseblock${block}.denselayer`;
      for (const layer of net.blocks(list, { first: 1 })) {
        const name = `${list}${layer}`;
        const inner = read(net, `${name}.conv1`, normalized(net, `${name}.norm1`, x));
        x = net.concat(x, read(net, `${name}.conv2`, normalized(net, `${name}.norm2`, inner)));
      }
      const transition = `features.transition${block}`;
      if (net.hasLayer(`${transition}.conv`)) {
        x = read(net, `${transition}.conv`, normalized(net, `${transition}.norm`, x));
      }
    }
    head(net, ["classifier"], net.flatten(net.globalPool(normalized(net, "features.norm5", x))));
    return net.finish();
  },
};
