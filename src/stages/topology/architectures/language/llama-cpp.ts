/** llama and its kin under the names of llama.cpp, as GGUF files have them. */

import { modelType } from "./config.ts";
import { decoder } from "./decoder.ts";
import { HEAD_NORM, ROTARY } from "./decoders.ts";

/** Kinds of models whose blocks llama.cpp computes as llama's. */
const AS_LLAMA = /^(llama|mistral3?|qwen2|qwen3)$/;

/** Without a head of its own a file shares the embedding's table. */
export const llamaCpp = decoder({
  name: "llama (llama.cpp's names)",
  signs: ["token_embd.weight", "blk.0.attn_output.weight", "blk.0.ffn_down.weight"],
  tables: ["token_embd.weight"],
  blocks: "blk.",
  attention: {
    queries: "attn_q",
    keys: "attn_k",
    values: "attn_v",
    shares: true,
    output: "attn_output",
    heads: ["num_attention_heads"],
    roles: { "attn_q_norm.weight": HEAD_NORM, "attn_k_norm.weight": HEAD_NORM },
  },
  feedForward: [{ gate: "ffn_gate", up: "ffn_up", down: "ffn_down" }],
  norms: () => ({ attention: "attn_norm", feedForward: "ffn_norm" }),
  // Others name their tensors so too, and normalize or scale in other places.
  halves: (config, net, block) => {
    const kind = modelType(config);
    if (!AS_LLAMA.test(kind)) {
      net.fail(
        `${block}.attn_output.weight`,
        `a model of kind ${kind || "unknown"}`,
        "one that computes as llama",
      );
    }
    return "sequential";
  },
  last: "output_norm",
  head: "output",
  tied: () => true,
  roles: { "rope_freqs.weight": ROTARY },
});
