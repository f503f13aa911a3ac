import { describe, expect, it } from "vitest";
import { canonicalName } from "../../../../src/compare/layer-pairs.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";

const C = 16, F = 24, KEYS = 8;

/** What is called how: by transformers, by llama.cpp. `*` is the number of a block. */
const NAMES: readonly (readonly [string, string, readonly number[]])[] = [
  ["model.embed_tokens", "token_embd", [40, C]],
  ["model.layers.*.input_layernorm", "blk.*.attn_norm", [C]],
  ["model.layers.*.self_attn.q_proj", "blk.*.attn_q", [C, C]],
  ["model.layers.*.self_attn.k_proj", "blk.*.attn_k", [KEYS, C]],
  ["model.layers.*.self_attn.v_proj", "blk.*.attn_v", [KEYS, C]],
  ["model.layers.*.self_attn.o_proj", "blk.*.attn_output", [C, C]],
  ["model.layers.*.post_attention_layernorm", "blk.*.ffn_norm", [C]],
  ["model.layers.*.mlp.gate_proj", "blk.*.ffn_gate", [F, C]],
  ["model.layers.*.mlp.up_proj", "blk.*.ffn_up", [F, C]],
  ["model.layers.*.mlp.down_proj", "blk.*.ffn_down", [C, F]],
  ["model.norm", "output_norm", [C]],
  ["lm_head", "output", [40, C]],
];

function tensors(column: 0 | 1) {
  return NAMES.flatMap((row) =>
    (row[0].includes("*") ? ["0", "1"] : [""]).map((block) =>
      tensorOf(`${row[column].replace("*", block)}.weight`, row[2])
    )
  );
}

const config = (kind: string) => ({ model_type: kind, num_attention_heads: 4, num_key_value_heads: 2 });

function wires(column: 0 | 1, kind: string) {
  const { layers, connections, warnings } = layerGraph({ tensors: tensors(column), config: config(kind) });
  expect(warnings).toEqual([]);
  const nameOf = (at: number) => canonicalName(layers[at]!.name);
  return connections.map(({ source, target, part, via, evidence, channels }) =>
    JSON.stringify([nameOf(source), nameOf(target), part, via, evidence, channels])
  ).sort();
}

describe("llama under llama.cpp's names", () => {
  it.each(["llama", "mistral", "qwen2", "qwen3"])(
    "%s has the connections that it has under transformers' names",
    (kind) => {
      const found = wires(1, kind);
      expect(found.length).toBeGreaterThan(20);
      expect(found).toEqual(wires(0, kind));
      expect(found.every((each) => each.includes('"declared"'))).toBe(true);
    },
  );

  it.each(["gemma2", "command-r", "phi3"])("%s, which computes otherwise, is not claimed", (kind) => {
    const { connections, warnings } = layerGraph({ tensors: tensors(1), config: config(kind) });
    expect(connections.every(({ evidence }) => evidence === "guessed")).toBe(true);
    expect(warnings.join("\n")).toContain(
      `found a model of kind ${kind}, required one that computes as llama`,
    );
  });
});
