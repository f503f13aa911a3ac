/** Decoders of the llama family: llama, mistral, qwen2 and whatever names its tensors as they do (Hugging Face's names). */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { attend, gated, saidOf, unembed } from "../attention.ts";
import { Network } from "../network.ts";

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
    const norm = (name: string, y: Signal) => net.norm(name, y, gainOffset(config));
    const stream = net.stack("layers.", net.embedding("embed_tokens.weight"), (block, y) => {
      const [before, between] = [`${block}.input_layernorm`, `${block}.post_attention_layernorm`] as const;
      const mlp = `${block}.mlp`;
      const names = { gate: `${mlp}.gate_proj`, up: `${mlp}.up_proj`, down: `${mlp}.down_proj` };
      const x = norm(before, y);
      const attended = attention(net, `${block}.self_attn`, x, config);
      // Of one normalization in a block both halves are readers, side by side: Cohere, StableLM's 12B.
      if (net.hasLayer(before) && !net.hasLayer(between)) return net.sum(y, attended, gated(net, names, x));
      // Gemma 2 and 3 have normalizations on both sides of each half.
      const [inner, outer] = [
        `${block}.pre_feedforward_layernorm`,
        `${block}.post_feedforward_layernorm`,
      ] as const;
      if (net.hasLayer(inner)) {
        const z = net.sum(y, norm(between, attended));
        return net.sum(z, norm(outer, gated(net, names, norm(inner, z))));
      }
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

/** Gains of Gemma 1 to 3 are one more than what their files hold; Gemma 3n's are not. */
function gainOffset(config: unknown): number | undefined {
  return isGemma(config) && !/gemma3n/.test(String(saidOf(config, "model_type"))) ? 1 : undefined;
}
