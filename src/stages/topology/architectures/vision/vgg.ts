/** VGG (with batch normalization or without) and AlexNet, as torchvision and timm name them, whatever their widths and depth. */

import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { read, sequence } from "./units.ts";

/** What timm has for the first fully connected layers: convolutions over the whole map. */
const CONVOLVED = ["pre_logits.fc1", "pre_logits.fc2"];

/** VGG and AlexNet. */
export const vgg: Architecture = {
  name: "VGG",
  build(facts) {
    const net = Network.find("VGG", facts, ["features.0.weight"]);
    // Convolutions and normalizations only, all directly in `features`: other networks nest modules there.
    if (net === null || !facts.tensors.has(`${net.prefix}features.0.weight`)) return null;
    const inside = [...facts.tensors.keys()].filter((name) => name.startsWith(`${net.prefix}features.`));
    if (!inside.every((name) => /^\d+\.[a-z_]+$/.test(name.slice(net.prefix.length + 9)))) return null;
    if (!net.numbers("features.").some((i) => net.shape(`features.${i}.weight`).length === 4)) return null;
    const convolved = CONVOLVED.every((name) => net.hasLayer(name));
    if (!convolved && net.numbers("classifier.").length === 0) return null;
    const x = sequence(net, "features.", net.input());
    if (convolved) {
      const y = CONVOLVED.reduce((z, name) => read(net, name, z), x);
      head(net, ["head.fc"], net.flatten(net.globalPool(y)));
    } else head(net, ["classifier"], net.flatten(x));
    return net.finish();
  },
};
