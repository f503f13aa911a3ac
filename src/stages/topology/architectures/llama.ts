/** Decoders of the llama family: llama, mistral, qwen2 and whatever names its tensors as they do (Hugging Face's names). */

import type { Signal } from "../../../model/operators.ts";
import type { Architecture } from "./architecture.ts";
import { attend, gated, saidOf, unembed } from "./attention.ts";
import { Network } from "./network.ts";

/** Pre-normalized blocks; rotary positions; grouped queries; a gated feed-forward layer. */
export const llama: Architecture = {
  name: "llama",
  build(facts) {
    const signs = [
      "embed_tokens.weight",
      "layers.0.self_attn.v_proj.weight",
      "layers.0.mlp.gate_proj.weight",
    ] as const;
    const net = Network.find("llama", facts, [...signs]);
    if (net === null) return null;
    const config = textConfig(facts.config);
    const norm = (name: string, y: Signal) => normalized(net, name, y, config);
    const stream = net.stack("layers.", net.embedding("embed_tokens.weight"), (block, y) => {
      const [before, between] = [`${block}.input_layernorm`, `${block}.post_attention_layernorm`] as const;
      const mlp = `${block}.mlp`;
      const names = { gate: `${mlp}.gate_proj`, up: `${mlp}.up_proj`, down: `${mlp}.down_proj` };
      const x = norm(before, y);
      const attended = attention(net, `${block}.self_attn`, x, config);
      // Of one normalization in a block both halves are readers, side by side: Cohere, StableLM's 12B.
      if (net.hasLayer(before) && !net.hasLayer(between)) return net.sum(y, attended, gated(net, names, x));
      const z = net.sum(y, attended);
      return net.sum(z, gated(net, names, norm(between, z)));
    });
    const x = norm("norm", stream);
    unembed(net, "lm_head", "embed_tokens.weight", tied(config), x);
    if (net.hasLayer("score")) net.linear("score", x);
    return net.finish();
  },
};

function attention(net: Network, name: string, x: Signal, config: unknown): Signal {
  const [q, k, v, o] = [`${name}.q_proj`, `${name}.k_proj`, `${name}.v_proj`, `${name}.o_proj`] as const;
  net.linear(q, x);
  net.linear(k, x);
  net.role("the gain of a normalization of heads", `${name}.q_norm.weight`, `${name}.k_norm.weight`);
  // Rotary frequencies: one per pair of a head's channels. Older files hold them.
  const frequencies = `${name}.rotary_emb.inv_freq`;
  const [pairs] = net.shape(frequencies);
  net.role("rotary frequencies", frequencies);
  const [perHead] = net.shape(`${name}.q_norm.weight`);
  const width = net.tensor(`${o}.weight`).shape[1]!;
  const each = pairs === undefined ? perHead ?? null : 2 * pairs;
  const heads = attend(
    net,
    net.linear(v, x),
    width,
    { queries: [q, k], output: o },
    { config, key: "num_attention_heads" },
    each,
  );
  return net.linear(o, heads);
}

/** The config of the decoder: within that of a model that sees and hears too. */
function textConfig(config: unknown): unknown {
  const text = ["text_config", "llm_config", "language_config"].map((key) => saidOf(config, key))
    .find((each) => typeof each === "object" && each !== null);
  if (text === undefined) return config;
  return { model_type: saidOf(config, "model_type"), ...text };
}

function isGemma(config: unknown): boolean {
  return /gemma/.test(String(saidOf(config, "model_type")));
}

/** Whether the unembedding is the embedding: as the config says, else as its class has it by default. */
function tied(config: unknown): boolean {
  const said = saidOf(config, "tie_word_embeddings");
  return said === undefined
    ? isGemma(config) || /^cohere/.test(String(saidOf(config, "model_type")))
    : said === true;
}

/** Gemma's gain is one more than what its file holds, which folding knows nothing of. */
function normalized(net: Network, name: string, x: Signal, config: unknown): Signal {
  if (!isGemma(config)) return net.norm(name, x);
  net.role("the gain of a normalization, less one", `${name}.weight`);
  return x;
}
