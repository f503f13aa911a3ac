/** CLIP (Hugging Face's names): a tower for texts and one for pictures, together or alone. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { saidOf } from "../attention.ts";
import { Network } from "../network.ts";
import { type BlockNames, transformerBlock } from "./block.ts";

const BLOCK: BlockNames = {
  attention: ["layer_norm1", {
    queries: "self_attn.q_proj",
    keys: "self_attn.k_proj",
    values: "self_attn.v_proj",
    output: "self_attn.out_proj",
    heads: ["num_attention_heads"],
  }],
  feedForward: ["layer_norm2", { up: "mlp.fc1", down: "mlp.fc2" }],
};

const TEXT = "text_model.embeddings.token_embedding.weight";
const PATCHES = "vision_model.embeddings.patch_embedding";

/** Each tower ends in a projection to the space that both share. */
export const clip: Architecture = {
  name: "clip",
  build(facts) {
    const net = Network.find("clip", facts, [TEXT, "text_model.final_layer_norm.weight"]) ??
      Network.find("clip", facts, [`${PATCHES}.weight`, "vision_model.pre_layrnorm.weight"]);
    if (net === null) return null;
    const tower = (list: string, first: Signal, key: string) => {
      const config = saidOf(facts.config, key) ?? facts.config;
      return net.stack(list, first, (block, x) => transformerBlock(net, BLOCK, { block, x, config }));
    };
    if (net.has(TEXT)) {
      net.role("numbers of positions", "text_model.embeddings.position_ids");
      const positions = net.embedding("text_model.embeddings.position_embedding.weight");
      const x = tower("text_model.encoder.layers.", net.sum(net.embedding(TEXT), positions), "text_config");
      const y = net.norm("text_model.final_layer_norm", x);
      if (net.hasLayer("text_projection")) net.linear("text_projection", y);
    }
    if (net.hasLayer(PATCHES)) {
      net.role("numbers of positions", "vision_model.embeddings.position_ids");
      net.role("a constant token", "vision_model.embeddings.class_embedding");
      const positions = net.embedding("vision_model.embeddings.position_embedding.weight");
      const patches = net.sum(net.conv(PATCHES, net.input()), positions);
      const first = net.norm("vision_model.pre_layrnorm", patches);
      const x = tower("vision_model.encoder.layers.", first, "vision_config");
      const y = net.norm("vision_model.post_layernorm", x);
      if (net.hasLayer("visual_projection")) net.linear("visual_projection", y);
    }
    return net.finish();
  },
};
