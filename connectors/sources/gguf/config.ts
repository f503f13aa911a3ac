/** What the metadata of a GGUF file says of its network: as the `config.json` of Hugging Face says it, and as text. */

import type { MetadataValue } from "./header.ts";

type Values = ReadonlyMap<string, MetadataValue>;

/** Keys behind the architecture's name, and what `config.json` calls them. */
const KEYS: readonly (readonly [gguf: string, config: string])[] = [
  ["vocab_size", "vocab_size"],
  ["context_length", "max_position_embeddings"],
  ["embedding_length", "hidden_size"],
  ["block_count", "num_hidden_layers"],
  ["feed_forward_length", "intermediate_size"],
  ["attention.head_count", "num_attention_heads"],
  ["attention.head_count_kv", "num_key_value_heads"],
  ["attention.key_length", "head_dim"],
  ["attention.layer_norm_rms_epsilon", "rms_norm_eps"],
  ["attention.layer_norm_epsilon", "layer_norm_eps"],
  ["attention.sliding_window", "sliding_window"],
  ["rope.freq_base", "rope_theta"],
  ["expert_count", "num_local_experts"],
  ["expert_used_count", "num_experts_per_tok"],
];

/** Of those that are known: llama.cpp stores the two halves of a head's rotary channels in turn, which transformers has one after the other. */
const INTERLEAVED = [
  "llama",
  "mistral",
  "mistral3",
  "granite",
  "granitemoe",
  "granitehybrid",
  "smollm3",
  "arcee",
];

/** The network's kind, as llama.cpp calls it; undefined where the file does not say. */
function architectureOf(values: Values): string | undefined {
  const found = values.get("general.architecture");
  return typeof found === "string" ? found : undefined;
}

/** A number of the architecture. @param block where each block has its own */
function numberOf(values: Values, key: string, block?: number): number | undefined {
  const found = values.get(`${architectureOf(values)}.${key}`);
  if (typeof found === "number") return found;
  if (!Array.isArray(found)) return undefined;
  const each = found as readonly number[];
  if (block !== undefined) return each[block];
  return each.every((number) => number === each[0]) ? each[0] : undefined;
}

/**
 * The config, in the keys of `config.json`; undefined where the file names no architecture.
 *
 * @param names of the tensors: where no unembedding is, it is the embedding
 */
export function configOf(
  values: Values,
  names: ReadonlySet<string>,
): Readonly<Record<string, unknown>> | undefined {
  const architecture = architectureOf(values);
  if (architecture === undefined) return undefined;
  const said = KEYS.flatMap(([gguf, config]) => {
    const value = numberOf(values, gguf);
    return value === undefined ? [] : [[config, value] as const];
  });
  return {
    model_type: architecture,
    ...Object.fromEntries(said),
    tie_word_embeddings: !names.has("output.weight"),
  };
}

/** All values as text. */
export function metadataOf(values: Values): Map<string, string> {
  return new Map(Array.from(values, ([key, value]) => [key, textOf(value)]));
}

function textOf(value: MetadataValue): string {
  if (typeof value !== "object") return String(value);
  return "told" in value ? value.told : value.join(", ");
}

/** How many heads the rows of a tensor are of whose rotary channels stand in turn; null of any other tensor. */
export function interleavedHeads(values: Values, name: string): number | null {
  const found = /^blk\.(\d+)\.attn_([qk])\.(?:weight|bias)$/.exec(name);
  if (found === null || !INTERLEAVED.includes(architectureOf(values) ?? "")) return null;
  const block = Number(found[1]);
  const heads = numberOf(values, "attention.head_count", block);
  return (found[2] === "k" ? numberOf(values, "attention.head_count_kv", block) ?? heads : heads) ?? 0;
}

/**
 * Rows as transformers has them: of each head first the even rows, then the odd ones.
 *
 * @param values row-major
 * @param heads each of `rows / heads` rows, an even number
 */
export function halvesApart(values: Float64Array, rows: number, heads: number): Float64Array {
  const [width, perHead] = [values.length / rows, rows / heads];
  // In their own memory, a head at a time: they may be half of what there is.
  for (let first = 0; first < rows; first += perHead) {
    const before = values.slice(first * width, (first + perHead) * width);
    for (let row = 0; row < perHead; row++) {
      const to = first + row % 2 * (perHead / 2) + Math.floor(row / 2);
      values.set(before.subarray(row * width, (row + 1) * width), to * width);
    }
  }
  return values;
}
