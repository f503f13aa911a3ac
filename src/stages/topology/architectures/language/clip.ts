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

const TOKENS = "embeddings.token_embedding.weight";
const PATCHES = "embeddings.patch_embedding";
const TEXT_SIGNS = [TOKENS, "encoder.layers.0.layer_norm1.weight", "final_layer_norm.weight"] as const;
const VISION_SIGNS = [
  `${PATCHES}.weight`,
  "encoder.layers.0.layer_norm1.weight",
  "pre_layrnorm.weight",
] as const;

/** Each tower ends in a projection to the space that both share. */
export const clip: Architecture = {
  name: "clip",
  build(facts) {
    const { config } = facts;
    const [text, vision] = ["text_config", "vision_config"].map((key) => saidOf(config, key) ?? config);
    const both = Network.find("clip", facts, [`text_model.${TOKENS}`, `vision_model.${PATCHES}.weight`]);
    if (both !== null) {
      textTower(both, "text_model.", text);
      visionTower(both, "vision_model.", vision);
      return both.finish();
    }
    const alone = Network.find("clip", facts, TEXT_SIGNS);
    if (alone !== null) {
      textTower(alone, "", text);
      return alone.finish();
    }
    const net = Network.find("clip", facts, VISION_SIGNS);
    if (net === null) return null;
    visionTower(net, "", vision);
    return net.finish();
  },
};

function textTower(net: Network, at: string, config: unknown): void {
  net.role("numbers of positions", `${at}embeddings.position_ids`);
  const first = net.sum(
    net.embedding(at + TOKENS),
    net.embedding(`${at}embeddings.position_embedding.weight`),
  );
  const x = net.stack(
    `${at}encoder.layers.`,
    first,
    (block, y) => transformerBlock(net, BLOCK, { block, x: y, config }),
  );
  const y = net.norm(`${at}final_layer_norm`, x);
  if (net.hasLayer("text_projection")) net.linear("text_projection", y);
}

function visionTower(net: Network, at: string, config: unknown): void {
  net.role("numbers of positions", `${at}embeddings.position_ids`);
  net.role("a constant token", `${at}embeddings.class_embedding`);
  const positions = net.embedding(`${at}embeddings.position_embedding.weight`);
  const norm = `${at}pre_layrnorm`;
  const added: Signal[] = [];
  const x = net.stack(
    `${at}encoder.layers.`,
    net.norm(norm, net.sum(net.conv(at + PATCHES, net.input()), positions)),
    (block, y) => transformerBlock(net, BLOCK, { block, x: y, config, onAdd: (each) => added.push(each) }),
  );
  // The projection reads the constant token, where no patch stands: patches reach it through attention alone.
  const token = net.inPart
    ? net.stop("a block before is not known", net.channels(x), x)
    : net.sum(net.norm(norm, positions), ...added);
  const y = net.norm(`${at}post_layernorm`, token);
  if (net.hasLayer("visual_projection")) net.linear("visual_projection", y);
}
