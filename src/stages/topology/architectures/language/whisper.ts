/** Whisper, under Hugging Face's names and under its own: two convolutions, an encoder, a decoder that reads it. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { unembed } from "../attention.ts";
import { Network } from "../network.ts";
import type { AttentionNames } from "./attention-block.ts";
import { type BlockNames, transformerBlock } from "./block.ts";
import { unembeds } from "./config.ts";

interface Names {
  readonly blocks: string;
  readonly block: BlockNames;
  /** Tensors. */
  readonly positions: string;
  readonly tokens: string;
  /** The normalizations at the ends. */
  readonly last: { readonly encoder: string; readonly decoder: string };
}

const HEADS = { encoder: ["encoder_attention_heads"], decoder: ["decoder_attention_heads"] } as const;

function huggingFace(part: "encoder" | "decoder"): Names {
  const attention = (module: string): AttentionNames => ({
    queries: `${module}.q_proj`,
    keys: `${module}.k_proj`,
    values: `${module}.v_proj`,
    output: `${module}.out_proj`,
    heads: HEADS[part],
  });
  return {
    blocks: "layers.",
    block: {
      attention: ["self_attn_layer_norm", attention("self_attn")],
      cross: ["encoder_attn_layer_norm", attention("encoder_attn")],
      feedForward: ["final_layer_norm", { up: "fc1", down: "fc2" }],
    },
    positions: "embed_positions.weight",
    tokens: "embed_tokens.weight",
    last: { encoder: "layer_norm", decoder: "layer_norm" },
  };
}

function openai(part: "encoder" | "decoder"): Names {
  const attention = (module: string): AttentionNames => ({
    queries: `${module}.query`,
    keys: `${module}.key`,
    values: `${module}.value`,
    output: `${module}.out`,
    heads: HEADS[part],
  });
  return {
    blocks: "blocks.",
    block: {
      attention: ["attn_ln", attention("attn")],
      cross: ["cross_attn_ln", attention("cross_attn")],
      feedForward: ["mlp_ln", { up: "mlp.0", down: "mlp.2" }],
    },
    positions: "positional_embedding",
    tokens: "token_embedding.weight",
    last: { encoder: "ln_post", decoder: "ln" },
  };
}

/** With or without its decoder. */
export const whisper: Architecture = {
  name: "whisper",
  build(facts) {
    for (const names of [huggingFace, openai]) {
      const { blocks, block: { attention: [norm] } } = names("encoder");
      const signs = [
        "encoder.conv1.weight",
        "encoder.conv2.weight",
        `encoder.${blocks}0.${norm}.weight`,
      ] as const;
      const net = Network.find("whisper", facts, signs);
      if (net !== null) return build(net, names, facts.config);
    }
    return null;
  },
};

function build(net: Network, names: typeof huggingFace, config: unknown) {
  const sound = net.conv("encoder.conv2", net.conv("encoder.conv1", net.input()));
  const stack = (part: "encoder" | "decoder", first: Signal, memory?: Signal) => {
    const { blocks, block: parts, positions, last } = names(part);
    const stream = net.sum(first, net.embedding(`${part}.${positions}`));
    const y = net.stack(
      `${part}.${blocks}`,
      stream,
      (block, x) =>
        transformerBlock(net, parts, { block, x, config, ...memory === undefined ? {} : { memory } }),
    );
    return net.norm(`${part}.${last[part]}`, y);
  };
  const encoded = stack("encoder", sound);
  const tokens = `decoder.${names("decoder").tokens}`;
  if (!net.has(tokens)) return net.finish();
  net.role("a causal mask", "decoder.mask");
  const x = stack("decoder", net.embedding(tokens), encoded);
  unembed(net, "proj_out", tokens, unembeds(config), x);
  return net.finish();
}
