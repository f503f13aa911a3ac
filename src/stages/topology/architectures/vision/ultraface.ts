/** UltraFace RFB (Linzaer 2019): separable convolutions, one block of parallel branches, detectors at four resolutions. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { Network } from "../network.ts";

/** Detectors read the trunk before these of its blocks, at its end, and behind the extra layers. */
const DETECTED_BEFORE: readonly number[] = [8, 11];

/** UltraFace RFB-320 and -640. */
export const ultraface: Architecture = {
  name: "UltraFace RFB",
  build(facts) {
    const signs = ["base_net.7.ConvLinear.conv.weight", "classification_headers.3.weight"] as const;
    const net = Network.find("UltraFace RFB", facts, [...signs]);
    if (net === null) return null;
    const found: Signal[] = [];
    let x = net.batchNorm("base_net.0.1", net.conv("base_net.0.0", net.input()));
    for (const i of net.blocks("base_net.").slice(1)) {
      if (DETECTED_BEFORE.includes(i)) found.push(x);
      const name = `base_net.${i}`;
      x = net.hasLayer(`${name}.ConvLinear.conv`) ? branches(net, name, x) : separable(net, name, x);
    }
    found.push(x);
    found.push(net.conv("extras.0.2.2", net.conv("extras.0.2.0", net.conv("extras.0.0", x))));
    for (const list of ["classification_headers", "regression_headers"]) {
      found.slice(0, 3).forEach((map, i) => net.conv(`${list}.${i}.2`, net.conv(`${list}.${i}.0`, map)));
      net.conv(`${list}.3`, found[3]!);
    }
    return net.finish();
  },
};

/** A depthwise convolution, then a pointwise one. */
function separable(net: Network, name: string, x: Signal): Signal {
  const deep = net.batchNorm(`${name}.1`, net.conv(`${name}.0`, x));
  return net.batchNorm(`${name}.4`, net.conv(`${name}.3`, deep));
}

/** Branches with different fields of view, joined, projected and added to a projection of what they read. */
function branches(net: Network, name: string, x: Signal): Signal {
  const unit = (each: string, from: Signal) => net.batchNorm(`${each}.bn`, net.conv(`${each}.conv`, from));
  const joined = net.concat(...[0, 1, 2].map((branch) => {
    const list = `${name}.branch${branch}.`;
    return net.numbers(list).reduce((y, i) => unit(`${list}${i}`, y), x);
  }));
  return net.sum(unit(`${name}.ConvLinear`, joined), unit(`${name}.shortcut`, x));
}
