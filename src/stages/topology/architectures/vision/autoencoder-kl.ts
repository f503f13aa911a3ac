/** The autoencoder of latent diffusion (Rombach et al. 2022) under the names of diffusers' `AutoencoderKL`. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { Network } from "../network.ts";
import { type BlockOptions, gained, mapAttention, middle, stage } from "./diffusion-blocks.ts";
import { read } from "./units.ts";

const SIGNS = [
  "encoder.conv_in.weight",
  "encoder.down_blocks.0.resnets.0.conv1.weight",
  "encoder.conv_out.weight",
  "decoder.conv_in.weight",
  "decoder.up_blocks.0.resnets.0.conv1.weight",
] as const;

/** Encoder and decoder, with convolutions around the latent image or without them. */
export const autoencoderKl: Architecture = {
  name: "AutoencoderKL",
  build(facts) {
    const net = Network.find("AutoencoderKL", facts, [...SIGNS]);
    if (net === null) return null;
    const blocks: BlockOptions = {
      embedding: null,
      attention: (name) => net.fail(name, "attention", "none in a block that changes the resolution"),
    };
    const within: BlockOptions = { ...blocks, attention: (name, x) => mapAttention(net, name, x) };
    const end = (half: string, x: Signal) =>
      read(net, `${half}.conv_out`, gained(net, `${half}.conv_norm_out`, x));
    const stages = (list: string, x: Signal) =>
      net.blocks(list).reduce((y, i) => stage(net, `${list}${i}`, y, blocks), x);

    let x = stages("encoder.down_blocks.", read(net, "encoder.conv_in", net.input()));
    x = end("encoder", middle(net, "encoder.mid_block", x, within));
    x = maybe(net, "post_quant_conv", means(net, maybe(net, "quant_conv", x)));
    x = middle(net, "decoder.mid_block", read(net, "decoder.conv_in", x), within);
    end("decoder", stages("decoder.up_blocks.", x));
    return net.finish();
  },
};

const maybe = (net: Network, name: string, x: Signal): Signal => net.hasLayer(name) ? read(net, name, x) : x;

/** The latent image: a distribution's means, which are the first half of the channels. */
function means(net: Network, x: Signal): Signal {
  const width = net.channels(x)!;
  const half = Math.floor(width / 2);
  const last = net.hasLayer("quant_conv") ? "quant_conv" : "encoder.conv_out";
  if (2 * half !== width) net.fail(net.weight(last), `${width} out channels`, "means and variances");
  const next = net.hasLayer("post_quant_conv") ? "post_quant_conv" : "decoder.conv_in";
  net.noConnection(`${last} (variances)`, next, "logarithms of variances scale noise");
  return net.map(x, [{ source: 0, target: 0, length: half }], half);
}
