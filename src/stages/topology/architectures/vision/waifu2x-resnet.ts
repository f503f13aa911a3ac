/** UpResNet-10 of waifu2x: residual blocks whose output is scaled, channel by channel, by what the whole map says. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { Network } from "../network.ts";

/** UpResNet-10. */
export const upResNet: Architecture = {
  name: "waifu2x UpResNet",
  build(facts) {
    const signs = ["conv_pre/W", "conv_bridge/W", "conv_post/W", "res1/conv1/W"] as const;
    const net = Network.find("waifu2x UpResNet", facts, [...signs], "/W");
    if (net === null) return null;
    const skip = net.conv("conv_pre", net.input());
    let x = skip;
    for (const i of net.numbers("res")) x = block(net, `res${i}`, x);
    net.convTransposed("conv_post", net.sum(net.conv("conv_bridge", x), skip));
    return net.finish();
  },
};

function block(net: Network, name: string, x: Signal): Signal {
  const y = net.conv(`${name}/conv2`, net.conv(`${name}/conv1`, x));
  if (net.hasLayer(`${name}/fc1`)) {
    net.linear(`${name}/fc2`, net.linear(`${name}/fc1`, net.globalPool(y)));
    net.noConnection(
      `${name}/fc2`,
      name,
      "it scales the block's output, channel by channel: of a product of activations only the scaled one is followed",
    );
  }
  return net.sum(y, x);
}
