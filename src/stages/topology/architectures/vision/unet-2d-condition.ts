/** The network of latent diffusion (Rombach et al. 2022) under the names of diffusers' `UNet2DConditionModel`. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { saidOf } from "../attention.ts";
import { Network } from "../network.ts";
import { gained, mapTransformer, middle, stage } from "./diffusion-blocks.ts";
import { read } from "./units.ts";

const SIGNS = [
  "conv_in.weight",
  "time_embedding.linear_1.weight",
  "down_blocks.0.resnets.0.time_emb_proj.weight",
  "mid_block.resnets.0.conv1.weight",
  "up_blocks.0.resnets.0.conv1.weight",
  "conv_out.weight",
] as const;

/** Blocks down, in the middle and up again; those up read what those down left behind. */
export const unet2dCondition: Architecture = {
  name: "UNet2DConditionModel",
  build(facts) {
    const net = Network.find("UNet2DConditionModel", facts, [...SIGNS]);
    if (net === null) return null;
    const embedding = stepEmbedding(net);
    const words = net.input();
    const memory = net.hasLayer("encoder_hid_proj") ? read(net, "encoder_hid_proj", words) : words;
    const down = net.blocks("down_blocks.");
    /** @param at the number of the block down, or of that on the other side */
    const attention = (at: number | "middle") => (name: string, x: Signal) =>
      mapTransformer(net, name, x, {
        memory,
        heads: headsOf(facts.config, at === "middle" ? -1 : at),
        onlyCross: at === "middle" ? false : onlyCrossOf(facts.config, at),
      });

    let x = read(net, "conv_in", net.input());
    const skips = [x];
    const seen = (each: Signal) => void skips.push(each);
    for (const i of down) x = stage(net, `down_blocks.${i}`, x, { embedding, attention: attention(i), seen });
    x = middle(net, "mid_block", x, { embedding, attention: attention("middle") });
    const joined = (each: Signal) => {
      const skip = skips.pop();
      return skip === undefined
        ? net.fail("up_blocks.", "more blocks", "one for each that leaves something behind")
        : net.concat(each, skip);
    };
    for (const i of net.blocks("up_blocks.")) {
      const across = down.length - 1 - i;
      x = stage(net, `up_blocks.${i}`, x, { embedding, attention: attention(across), joined });
    }
    if (skips.length > 0) {
      net.fail("up_blocks.", `${skips.length} blocks less`, "one for each that leaves something behind");
    }
    read(net, "conv_out", gained(net, "conv_norm_out", x));
    return net.finish();
  },
};

/** What is made of the step, and of a class or sizes beside it. */
function stepEmbedding(net: Network): Signal {
  const perceptron = (name: string, x: Signal) =>
    read(net, `${name}.linear_2`, read(net, `${name}.linear_1`, x));
  const guidance = "time_embedding.cond_proj";
  const step = net.input();
  const embeddings = [
    perceptron(
      "time_embedding",
      net.hasLayer(guidance) ? net.sum(step, read(net, guidance, net.input())) : step,
    ),
    ...["class_embedding", "add_embedding"].flatMap((name) =>
      net.hasLayer(`${name}.linear_1`) ? [perceptron(name, net.input())] : []
    ),
  ];
  return embeddings.length === 1 ? embeddings[0]! : net.sum(...embeddings);
}

/** The number of heads in a block down, which diffusers calls `attention_head_dim`; null where the config does not say. */
function headsOf(config: unknown, block: number): number | null {
  const heads = entryOf(saidOf(config, "attention_head_dim"), block);
  return typeof heads === "number" && Number.isSafeInteger(heads) && heads > 0 ? heads : null;
}

/** Whether all attention of a block down reads the words; null where the config does not say. */
function onlyCrossOf(config: unknown, block: number): boolean | null {
  const only = entryOf(saidOf(config, "only_cross_attention"), block);
  return typeof only === "boolean" ? only : null;
}

/** One for all blocks, or one for each. */
const entryOf = (said: unknown, block: number): unknown => Array.isArray(said) ? said.at(block) : said;
