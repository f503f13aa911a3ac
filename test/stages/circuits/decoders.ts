/** Small decoders of random weights, of the shapes of GPT-2 and of llama with grouped queries. */

import { random } from "../../../src/model/random.ts";
import type { Model } from "../../../src/model/ports.ts";
import { modelInMemory, type Values } from "../../support/model-in-memory.ts";

/** Channels of the stream, heads, and channels of each head. */
export const WIDTH = 48;
export const HEADS = 4;
export const EACH = WIDTH / HEADS;

/** What a test changes in the weights before they are read. */
export type Plant = (tensors: ReadonlyMap<string, Values>) => void;

/** GPT-2's names: queries, keys and values side by side in one weight, all weights `[in, out]`. */
export function gpt2(seed: number, blocks: number, plant: Plant = () => undefined): Model {
  const shapes: [string, ...number[]][] = [["wte.weight", 64, WIDTH], ["wpe.weight", 32, WIDTH]];
  for (let block = 0; block < blocks; block++) {
    shapes.push(
      [`h.${block}.ln_1.weight`, WIDTH],
      [`h.${block}.attn.c_attn.weight`, WIDTH, 3 * WIDTH],
      [`h.${block}.attn.c_proj.weight`, WIDTH, WIDTH],
      [`h.${block}.ln_2.weight`, WIDTH],
      [`h.${block}.mlp.c_fc.weight`, WIDTH, 4 * WIDTH],
      [`h.${block}.mlp.c_proj.weight`, 4 * WIDTH, WIDTH],
    );
  }
  shapes.push(["ln_f.weight", WIDTH]);
  return decoder(seed, shapes, { model_type: "gpt2", n_head: HEADS }, plant);
}

/** GPT-NeoX's names: one weight with the queries, keys and values of each head side by side. */
export function neox(seed: number): Model {
  const at = "layers.0";
  const shapes: [string, ...number[]][] = [
    ["embed_in.weight", 64, WIDTH],
    [`${at}.input_layernorm.weight`, WIDTH],
    [`${at}.attention.query_key_value.weight`, 3 * WIDTH, WIDTH],
    [`${at}.attention.dense.weight`, WIDTH, WIDTH],
    [`${at}.post_attention_layernorm.weight`, WIDTH],
    [`${at}.mlp.dense_h_to_4h.weight`, 4 * WIDTH, WIDTH],
    [`${at}.mlp.dense_4h_to_h.weight`, WIDTH, 4 * WIDTH],
    ["final_layer_norm.weight", WIDTH],
  ];
  return decoder(seed, shapes, { model_type: "gpt_neox", num_attention_heads: HEADS }, () => undefined);
}

/** TransformerLens' names: a tensor for each of queries, keys and values, heads first. */
export function hooked(seed: number): Model {
  const at = "blocks.0";
  const shapes: [string, ...number[]][] = [
    ["embed.W_E", 64, WIDTH],
    ...["Q", "K", "V"].map((each): [string, ...number[]] => [`${at}.attn.W_${each}`, HEADS, WIDTH, EACH]),
    [`${at}.attn.W_O`, HEADS, EACH, WIDTH],
    [`${at}.mlp.W_in`, WIDTH, 4 * WIDTH],
    [`${at}.mlp.W_out`, 4 * WIDTH, WIDTH],
    ["unembed.W_U", WIDTH, 64],
  ];
  return decoder(seed, shapes, undefined, () => undefined);
}

/** Llama's names; `HEADS` heads of queries share two of keys and values. */
export function llama(seed: number, blocks: number, config: unknown, plant: Plant = () => undefined): Model {
  const shapes: [string, ...number[]][] = [["model.embed_tokens.weight", 64, WIDTH]];
  for (let block = 0; block < blocks; block++) {
    const at = `model.layers.${block}`;
    shapes.push(
      [`${at}.input_layernorm.weight`, WIDTH],
      [`${at}.self_attn.q_proj.weight`, WIDTH, WIDTH],
      [`${at}.self_attn.k_proj.weight`, 2 * EACH, WIDTH],
      [`${at}.self_attn.v_proj.weight`, 2 * EACH, WIDTH],
      [`${at}.self_attn.o_proj.weight`, WIDTH, WIDTH],
      [`${at}.post_attention_layernorm.weight`, WIDTH],
      [`${at}.mlp.gate_proj.weight`, 2 * WIDTH, WIDTH],
      [`${at}.mlp.up_proj.weight`, 2 * WIDTH, WIDTH],
      [`${at}.mlp.down_proj.weight`, WIDTH, 2 * WIDTH],
    );
  }
  shapes.push(["model.norm.weight", WIDTH], ["lm_head.weight", 64, WIDTH]);
  return decoder(seed, shapes, config, plant);
}

function decoder(
  seed: number,
  shapes: readonly (readonly [string, ...number[]])[],
  config: unknown,
  plant: Plant,
): Model {
  const tensors = new Map(shapes.map(([name, ...shape]): [string, Values] => {
    const values = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
    random(seed, name).normals(values);
    return [name, { shape, values }];
  }));
  plant(tensors);
  return {
    ...modelInMemory(tensors),
    id: "decoder",
    uri: "decoder.safetensors",
    format: "synthetic",
    metadata: new Map(),
    config,
    inputs: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

/** A direction of the stream, of length 20: far more than what random weights have. */
const direction = (seed: number) => Array.from({ length: WIDTH }, (_, c) => 20 * Math.sin((c + 1) * seed));

/** The first head of block 0 writes a direction that the third head of block 1 reads with its queries. */
export const writesForQueries: Plant = (tensors) => {
  const told = direction(1.7);
  const out = tensors.get("h.0.attn.c_proj.weight")!.values;
  const reads = tensors.get("h.1.attn.c_attn.weight")!.values;
  told.forEach((value, c) => {
    out[c] = value;
    reads[c * 3 * WIDTH + 2 * EACH] = value;
  });
};

/** The second head of block 0 writes a direction that the second group of block 1 reads with its keys. */
export const writesForKeys: Plant = (tensors) => {
  const told = direction(2.3);
  const out = tensors.get("model.layers.0.self_attn.o_proj.weight")!.values;
  const reads = tensors.get("model.layers.1.self_attn.k_proj.weight")!.values;
  told.forEach((value, c) => {
    out[c * WIDTH + EACH] = value;
    reads[EACH * WIDTH + c] = value;
  });
};
