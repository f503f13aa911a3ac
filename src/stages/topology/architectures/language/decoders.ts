/** Families of decoders, by what their classes in transformers call their parts. */

import type { Network } from "../network.ts";
import { modelType, said } from "./config.ts";
import { decoder } from "./decoder.ts";

const MASK = "a causal mask";
/** The role of a buffer of rotary embeddings. */
export const ROTARY = "rotary frequencies";
/** The role of a gain that is applied to each head. */
export const HEAD_NORM = "the gain of a normalization of heads";
const HEAD_SHIFT = "the shift of a normalization of heads";
const PARALLEL = () => "parallel" as const;

/** Queries, keys and values, as most classes of transformers name them. */
const SELF_ATTENTION = {
  queries: "self_attn.q_proj",
  keys: "self_attn.k_proj",
  values: "self_attn.v_proj",
  heads: ["num_attention_heads"],
} as const;

/** Feed-forward layers, as Falcon, BLOOM and GPT-NeoX name them. */
const FOUR_TIMES_WIDE = [{ up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h" }] as const;

/** What GPT-2 and GPT-Neo name alike. */
const GPT_2 = {
  feedForward: [{ up: "mlp.c_fc", down: "mlp.c_proj" }],
  norms: () => ({ attention: "ln_1", feedForward: "ln_2" }),
  last: "ln_f",
  head: "lm_head",
  tied: () => true,
} as const;

/** Numbers of channels of a head, by a file's rotary frequencies or a gain that heads share. */
function channelsOfHead(net: Network, block: string): number | null {
  const [pairs] = net.shape(`${block}.self_attn.rotary_emb.inv_freq`);
  if (pairs !== undefined) return 2 * pairs;
  const gain = net.shape(`${block}.self_attn.q_norm.weight`);
  const [queries] = net.shape(`${block}.self_attn.q_proj.weight`);
  // A gain as wide as all queries is of all heads together.
  return gain.length === 1 && queries !== undefined && gain[0]! < queries ? gain[0]! : null;
}

const headNorms = (...modules: readonly string[]) =>
  Object.fromEntries(
    modules.flatMap((module) => [[`${module}.weight`, HEAD_NORM], [`${module}.bias`, HEAD_SHIFT]]),
  );

/** StableLM's 12B normalizes each head with a gain of its own; no published model has more heads than this. */
const STABLELM_NORMS = Array.from(
  { length: 128 },
  (_, head) => ["q_layernorm", "k_layernorm"].map((name) => `self_attn.${name}.norms.${head}`),
).flat();

const isGemma = (config: unknown) => /gemma/.test(modelType(config));

/** Kinds of models that have one normalization in a block, which both halves read. */
const ONE_NORM = /^(cohere|stablelm)/;

/**
 * llama, and whoever names its tensors so: mistral, qwen 2 and 3, gemma 1 to 3, phi 3, Cohere, StableLM, OLMo 2, mixtures of experts
 * (Mixtral, Qwen 2 and 3).
 */
export const llama = decoder({
  name: "llama",
  signs: ["embed_tokens.weight", "layers.0.self_attn.o_proj.weight"],
  tables: ["embed_tokens.weight"],
  blocks: "layers.",
  attention: {
    ...SELF_ATTENTION,
    fused: "self_attn.qkv_proj",
    shares: true,
    output: "self_attn.o_proj",
    roles: {
      ...headNorms("self_attn.q_norm", "self_attn.k_norm", ...STABLELM_NORMS),
      "self_attn.rotary_emb.inv_freq": ROTARY,
    },
    perHead: channelsOfHead,
  },
  feedForward: [
    { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" },
    { up: "mlp.gate_up_proj", down: "mlp.down_proj", fused: "mlp.gate_up_proj" },
  ],
  norms: (net, block) => {
    const has = (name: string) => net.hasLayer(`${block}.${name}`);
    // Gemma 2 and 3, and OLMo 2, normalize what a half adds to the stream: the name that llama has for what the second half reads.
    const behind = has("post_feedforward_layernorm");
    return {
      attention: "input_layernorm",
      feedForward: behind ? "pre_feedforward_layernorm" : "post_attention_layernorm",
      ...behind
        ? { behindAttention: "post_attention_layernorm", behindFeedForward: "post_feedforward_layernorm" }
        : {},
    };
  },
  halves: (config, net, block) => {
    const one = net.hasLayer(`${block}.input_layernorm`) &&
      !net.hasLayer(`${block}.post_attention_layernorm`);
    const kind = modelType(config);
    if (one && kind !== "" && !ONE_NORM.test(kind)) {
      net.fail(`${block}.post_attention_layernorm.weight`, "none", `a normalization, as of ${kind}`);
    }
    return one ? "parallel" : "sequential";
  },
  last: "norm",
  head: "lm_head",
  tied: (config) => isGemma(config) || /^cohere/.test(modelType(config)),
  // Gains of Gemma 1 to 3 are one more than what their files hold; Gemma 3n's are not.
  gainOffset: (config) => isGemma(config) && !/gemma3n/.test(modelType(config)) ? 1 : undefined,
});

/** Phi 1 and 2: both halves read one normalization. */
export const phi = decoder({
  name: "phi",
  signs: ["embed_tokens.weight", "layers.0.self_attn.dense.weight", "layers.0.mlp.fc1.weight"],
  tables: ["embed_tokens.weight"],
  blocks: "layers.",
  attention: {
    ...SELF_ATTENTION,
    shares: true,
    output: "self_attn.dense",
    roles: {
      ...headNorms("self_attn.q_layernorm", "self_attn.k_layernorm"),
      "self_attn.rotary_emb.inv_freq": ROTARY,
    },
  },
  feedForward: [{ up: "mlp.fc1", down: "mlp.fc2" }],
  norms: () => ({ attention: "input_layernorm" }),
  halves: PARALLEL,
  last: "final_layernorm",
  head: "lm_head",
  tied: () => false,
});

/** Falcon: both halves side by side, but for the oldest (with ALiBi), where a second normalization stands between them. */
export const falcon = decoder({
  name: "falcon",
  signs: [
    "word_embeddings.weight",
    "h.0.self_attention.query_key_value.weight",
    "h.0.mlp.dense_h_to_4h.weight",
  ],
  without: ["word_embeddings_layernorm.weight"],
  tables: ["word_embeddings.weight"],
  blocks: "h.",
  attention: {
    fused: "self_attention.query_key_value",
    order: (config) => {
      if (said(config, "new_decoder_architecture") === true) return "groups";
      const multi = said(config, "multi_query");
      return multi === undefined ? null : multi === true ? "blocks" : "groups";
    },
    shares: true,
    output: "self_attention.dense",
    heads: ["num_attention_heads", "n_head"],
    roles: { "self_attention.rotary_emb.inv_freq": ROTARY, "self_attention.maybe_rotary.inv_freq": ROTARY },
  },
  feedForward: FOUR_TIMES_WIDE,
  norms: (net, block) =>
    net.hasLayer(`${block}.ln_attn`)
      ? { attention: "ln_attn", feedForward: "ln_mlp" }
      : { attention: "input_layernorm", feedForward: "post_attention_layernorm" },
  halves: (_, net, block) => net.hasLayer(`${block}.post_attention_layernorm`) ? "sequential" : "parallel",
  last: "ln_f",
  head: "lm_head",
  tied: () => true,
});

/** BLOOM: the table of tokens is normalized; queries, keys and values head by head. */
export const bloom = decoder({
  name: "bloom",
  signs: [
    "word_embeddings.weight",
    "word_embeddings_layernorm.weight",
    "h.0.self_attention.query_key_value.weight",
  ],
  tables: ["word_embeddings.weight"],
  embedded: "word_embeddings_layernorm",
  blocks: "h.",
  attention: {
    fused: "self_attention.query_key_value",
    order: () => "groups",
    output: "self_attention.dense",
    heads: ["n_head", "num_attention_heads"],
  },
  feedForward: FOUR_TIMES_WIDE,
  norms: () => ({ attention: "input_layernorm", feedForward: "post_attention_layernorm" }),
  normedStream: (config) => said(config, "apply_residual_connection_post_layernorm") === true,
  last: "ln_f",
  head: "lm_head",
  tied: () => true,
});

/** GPT-NeoX, and Pythia, its models: queries, keys and values head by head. */
export const gptNeox = decoder({
  name: "gpt-neox",
  signs: ["embed_in.weight", "layers.0.attention.query_key_value.weight"],
  tables: ["embed_in.weight"],
  blocks: "layers.",
  attention: {
    fused: "attention.query_key_value",
    order: () => "groups",
    output: "attention.dense",
    heads: ["num_attention_heads"],
    roles: { "attention.bias": MASK, "attention.masked_bias": MASK, "attention.rotary_emb.inv_freq": ROTARY },
  },
  feedForward: FOUR_TIMES_WIDE,
  norms: () => ({ attention: "input_layernorm", feedForward: "post_attention_layernorm" }),
  halves: (config) => said(config, "use_parallel_residual") === false ? "sequential" : "parallel",
  last: "final_layer_norm",
  head: "embed_out",
  tied: () => false,
});

const gptMasks = (module: string) => ({ [`${module}.bias`]: MASK, [`${module}.masked_bias`]: MASK });

/** GPT-2, whose weights are `[in, out]`, and nanoGPT, whose weights are not. */
export const gpt2 = decoder({
  name: "gpt2",
  signs: ["wte.weight", "wpe.weight", "h.0.attn.c_attn.weight"],
  tables: ["wte.weight", "wpe.weight"],
  blocks: "h.",
  layout: (net) => {
    const [rows, columns] = net.shape("h.0.attn.c_attn.weight");
    return rows !== undefined && rows === 3 * columns! ? "out-in" : "in-out";
  },
  attention: { fused: "attn.c_attn", output: "attn.c_proj", heads: ["n_head"], roles: gptMasks("attn") },
  ...GPT_2,
});

/** GPT-Neo. */
export const gptNeo = decoder({
  name: "gpt-neo",
  signs: ["wte.weight", "wpe.weight", "h.0.attn.attention.out_proj.weight"],
  tables: ["wte.weight", "wpe.weight"],
  blocks: "h.",
  attention: {
    queries: "attn.attention.q_proj",
    keys: "attn.attention.k_proj",
    values: "attn.attention.v_proj",
    output: "attn.attention.out_proj",
    heads: ["num_heads"],
    roles: gptMasks("attn.attention"),
  },
  ...GPT_2,
});

/** GPT-J: both halves read one normalization. */
export const gptJ = decoder({
  name: "gpt-j",
  signs: ["wte.weight", "h.0.attn.out_proj.weight", "h.0.mlp.fc_in.weight"],
  tables: ["wte.weight"],
  blocks: "h.",
  attention: {
    queries: "attn.q_proj",
    keys: "attn.k_proj",
    values: "attn.v_proj",
    output: "attn.out_proj",
    heads: ["n_head"],
    roles: { ...gptMasks("attn"), "attn.embed_positions": "a table of rotary positions" },
  },
  feedForward: [{ up: "mlp.fc_in", down: "mlp.fc_out" }],
  norms: () => ({ attention: "ln_1" }),
  halves: PARALLEL,
  last: "ln_f",
  head: "lm_head",
  tied: () => false,
});

/** OPT: learned positions; the 350M normalizes behind its additions, and its tables are narrower than its stream. */
export const opt = decoder({
  name: "opt",
  signs: [
    "decoder.embed_tokens.weight",
    "decoder.embed_positions.weight",
    "decoder.layers.0.self_attn_layer_norm.weight",
  ],
  without: ["decoder.layers.0.encoder_attn.k_proj.weight"],
  tables: ["decoder.embed_tokens.weight", "decoder.embed_positions.weight"],
  projections: { in: "decoder.project_in", out: "decoder.project_out" },
  blocks: "decoder.layers.",
  attention: {
    ...SELF_ATTENTION,
    output: "self_attn.out_proj",
  },
  feedForward: [{ up: "fc1", down: "fc2" }],
  norms: () => ({ attention: "self_attn_layer_norm", feedForward: "final_layer_norm" }),
  postNorm: (config, net) =>
    (said(config, "do_layer_norm_before") ?? net.hasLayer("decoder.final_layer_norm")) === false,
  last: "decoder.final_layer_norm",
  head: "lm_head",
  tied: () => true,
});

/** llama under the names of its first files. */
export const metaLlama = decoder({
  name: "llama (its own names)",
  signs: ["tok_embeddings.weight", "layers.0.attention.wo.weight", "layers.0.feed_forward.w2.weight"],
  tables: ["tok_embeddings.weight"],
  blocks: "layers.",
  attention: {
    queries: "attention.wq",
    keys: "attention.wk",
    values: "attention.wv",
    shares: true,
    output: "attention.wo",
    heads: ["n_heads", "num_attention_heads"],
    roles: { "attention.inner_attention.rope.freqs": ROTARY },
    perHead: (net) => {
      const [pairs] = net.shape("rope.freqs");
      return pairs === undefined ? null : 2 * pairs;
    },
  },
  feedForward: [{ gate: "feed_forward.w1", up: "feed_forward.w3", down: "feed_forward.w2" }],
  norms: () => ({ attention: "attention_norm", feedForward: "ffn_norm" }),
  last: "norm",
  head: "output",
  tied: () => false,
  roles: { "rope.freqs": ROTARY },
});
