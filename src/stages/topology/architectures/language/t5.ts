/** T5, and whoever names its tensors so: an encoder and a decoder that reads it; positions are biases of attention. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { unembed } from "../attention.ts";
import { Network } from "../network.ts";
import type { AttentionNames } from "./attention-block.ts";
import { transformerBlock } from "./block.ts";
import { said, unembeds } from "./config.ts";
import type { FeedForwardNames } from "./feed-forward.ts";

const attention = (module: string): AttentionNames => ({
  queries: `${module}.q`,
  keys: `${module}.k`,
  values: `${module}.v`,
  output: `${module}.o`,
  heads: ["num_heads"],
  roles: { [`${module}.relative_attention_bias.weight`]: "a bias of attention by distance, per head" },
});

/** Since version 1.1 the feed-forward layer is gated. */
function feedForward(net: Network, block: string, layer: number): FeedForwardNames {
  const at = `layer.${layer}.DenseReluDense`;
  return net.hasLayer(`${block}.${at}.wi`)
    ? { up: `${at}.wi`, down: `${at}.wo` }
    : { gate: `${at}.wi_0`, up: `${at}.wi_1`, down: `${at}.wo` };
}

/** With or without its decoder. */
export const t5: Architecture = {
  name: "t5",
  build(facts) {
    const net = Network.find("t5", facts, [
      "shared.weight",
      "encoder.block.0.layer.0.SelfAttention.q.weight",
    ]);
    if (net === null) return null;
    const { config } = facts;
    net.role("the shared table once more", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight");
    const table = net.embedding("shared.weight");
    const stack = (part: "encoder" | "decoder", memory?: Signal) => {
      const y = net.stack(`${part}.block.`, table, (block, x) => {
        const last = memory === undefined ? 1 : 2;
        return transformerBlock(net, {
          attention: ["layer.0.layer_norm", attention("layer.0.SelfAttention")],
          cross: ["layer.1.layer_norm", attention("layer.1.EncDecAttention")],
          feedForward: [`layer.${last}.layer_norm`, feedForward(net, block, last)],
        }, { block, x, config, ...memory === undefined ? {} : { memory } });
      });
      return net.norm(`${part}.final_layer_norm`, y);
    };
    const encoded = stack("encoder");
    const hasDecoder = net.numbers("decoder.block.").length > 0;
    const x = hasDecoder ? stack("decoder", encoded) : encoded;
    const tied = hasDecoder && said(config, "tie_word_embeddings") !== false && unembeds(config);
    unembed(net, "lm_head", "shared.weight", tied, x);
    if (net.hasLayer("classifier")) net.linear("classifier", x);
    return net.finish();
  },
};
