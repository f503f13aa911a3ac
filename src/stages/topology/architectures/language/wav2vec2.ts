/** wav2vec 2 and HuBERT: convolutions over the samples, a convolution that tells positions, an encoder. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { Network } from "../network.ts";
import { type BlockNames, transformerBlock } from "./block.ts";
import { said } from "./config.ts";

const BLOCK: BlockNames = {
  attention: ["layer_norm", {
    queries: "attention.q_proj",
    keys: "attention.k_proj",
    values: "attention.v_proj",
    output: "attention.out_proj",
    heads: ["num_attention_heads"],
  }],
  feedForward: ["final_layer_norm", {
    up: "feed_forward.intermediate_dense",
    down: "feed_forward.output_dense",
  }],
};

/** The encoder, and the head that spells. */
export const wav2vec2: Architecture = {
  name: "wav2vec2",
  build(facts) {
    const list = "feature_extractor.conv_layers.";
    const net = Network.find("wav2vec2", facts, [
      `${list}0.conv.weight`,
      "feature_projection.projection.weight",
      "encoder.layers.0.attention.k_proj.weight",
    ]);
    if (net === null) return null;
    const { config } = facts;
    const stable = said(config, "do_stable_layer_norm");
    if (stable === undefined) {
      net.warn(
        "do_stable_layer_norm is not said by a config.json: it is not known which layers a gain stands before",
      );
    }
    // Whether a normalization stands before or behind its addition changes no connection, but who reads its gain.
    const norm = (module: string, x: Signal) => {
      if (stable !== undefined) return net.norm(module, x);
      net.role("the gain of a normalization whose place is not known", `${module}.weight`);
      return x;
    };
    let x = net.input();
    for (const i of net.numbers(list)) {
      x = net.act(net.norm(`${list}${i}.layer_norm`, net.conv(`${list}${i}.conv`, x)));
    }
    x = net.linear("feature_projection.projection", net.norm("feature_projection.layer_norm", x));
    x = net.sum(x, net.act(net.conv("encoder.pos_conv_embed.conv", x)));
    if (stable !== true) x = norm("encoder.layer_norm", x);
    x = net.stack(
      "encoder.layers.",
      x,
      (block, y) => transformerBlock(net, BLOCK, { block, x: y, config, norm, postNorm: stable !== true }),
    );
    if (stable === true) x = net.norm("encoder.layer_norm", x);
    if (net.hasLayer("lm_head")) net.linear("lm_head", x);
    return net.finish();
  },
};
