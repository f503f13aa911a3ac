import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import type { TensorInfo } from "../../../../src/model/tensor.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";

/** Names, shapes and configs of small networks, as their classes write them. */
const FAMILIES = JSON.parse(
  readFileSync(new URL("../../../golden/files/families.json", import.meta.url), "utf8"),
) as Record<string, { config: Record<string, unknown>; tensors: Record<string, number[]> }>;

/** A family's tensors, and its config but for some keys. */
function model(family: string, without: readonly string[] = [], more: object = {}) {
  const { config, tensors } = FAMILIES[family]!;
  const said = Object.fromEntries(Object.entries(config).filter(([key]) => !without.includes(key)));
  const list = Object.entries(tensors).map(([name, shape]) => tensorOf(name, shape));
  return { tensors: list, config: { ...said, ...more } };
}

const pairs = ({ layers, connections }: LayerGraph) =>
  new Set(connections.map(({ source, target }) => `${layers[source]!.name} -> ${layers[target]!.name}`));

/** Connections that are missing in the second graph; it has no others. */
function missing(a: LayerGraph, b: LayerGraph): string[] {
  const [before, after] = [pairs(a), pairs(b)];
  expect([...after].filter((each) => !before.has(each))).toEqual([]);
  return [...before].filter((each) => !after.has(each)).sort();
}

describe("what a config does not say", () => {
  it("of Falcon's fused weight leaves out its values, and nothing else", () => {
    const whole = layerGraph(model("falcon-rw"));
    const graph = layerGraph(model("falcon-rw", ["multi_query", "new_decoder_architecture"]));
    const at = (block: number, name: string) => `transformer.h.${block}.self_attention.${name}`;
    expect(missing(whole, graph)).toEqual(
      [0, 1].map((block) => `${at(block, "query_key_value")} -> ${at(block, "dense")}`),
    );
    expect(graph.warnings).toEqual([expect.stringMatching(/does not say how queries, keys and values lie/)]);
  });

  it("of DeBERTa's distances leaves out who reads them", () => {
    const graph = layerGraph(model("deberta-v2", ["pos_att_type"]));
    const left = missing(layerGraph(model("deberta-v2")), graph);
    expect(left).toHaveLength(2 * 2);
    expect(left.every((each) => /rel_embeddings -> .*(query|key)_proj$/.test(each))).toBe(true);
    expect(graph.warnings).toEqual([expect.stringMatching(/pos_att_type/)]);
    const one = layerGraph(model("deberta-v2", [], { pos_att_type: "c2p|none" }));
    expect(missing(layerGraph(model("deberta-v2")), one).every((each) => /query_proj$/.test(each))).toBe(
      true,
    );
  });

  it("of a HookedTransformer's halves leaves out the one connection that depends on it", () => {
    const whole = layerGraph(model("hooked-transformer"));
    const of = (more: object) => layerGraph(model("hooked-transformer", ["parallel_attn_mlp"], more));
    const between = [0, 1].map((block) => `blocks.${block}.attn.W_O -> blocks.${block}.mlp.W_in`);
    expect(missing(whole, of({}))).toEqual(between);
    expect(missing(whole, of({ parallel_attn_mlp: true }))).toEqual(between);
    expect(of({}).skipped.some(({ reason }) => /parallel_attn_mlp/.test(reason))).toBe(true);
  });

  it("of wav2vec 2's normalizations leaves out their gains", () => {
    const graph = layerGraph(model("wav2vec2", ["do_stable_layer_norm"]));
    expect(missing(layerGraph(model("wav2vec2")), graph)).toEqual([]);
    expect(graph.warnings).toEqual([expect.stringMatching(/do_stable_layer_norm/)]);
    expect(
      graph.layers.filter(({ name }) => /encoder\.layers/.test(name)).every(({ normGain }) =>
        normGain === "none"
      ),
    )
      .toBe(true);
  });

  it("of the number of heads leaves out values, with a warning", () => {
    for (
      const family of [
        "phi3",
        "bloom",
        "falcon-40b",
        "opt",
        "gpt-j",
        "whisper",
        "t5",
        "distilbert",
        "llama-meta",
        "olmo2",
      ]
    ) {
      const keys = [
        "num_attention_heads",
        "n_head",
        "num_heads",
        "n_heads",
        "encoder_attention_heads",
        "decoder_attention_heads",
      ];
      const { tensors, config } = model(family, keys);
      const graph = layerGraph({ tensors: tensors.filter(({ name }) => name !== "rope.freqs"), config });
      expect([family, graph.evidence]).toEqual([family, "declared"]);
      expect(graph.connections.some(({ via }) => via === "attention-head")).toBe(false);
      expect(graph.warnings.join()).toMatch(/number of attention heads not known/);
    }
  });
});

describe("a config's class", () => {
  it.each(["qwen2", "gemma", "opt", "t5", "bloom", "gpt2"])("of a bare trunk has no head: %s", (family) => {
    const [name] = FAMILIES[family]!.config["architectures"] as string[];
    const heads = (architectures: string[]) =>
      layerGraph(model(family, [], { architectures })).layers.filter(({ name: each }) =>
        /lm_head$/.test(each)
      ).length;
    expect(heads([name!])).toBe(1);
    expect(heads([name!.replace(/(ForCausalLM|LMHeadModel|ForConditionalGeneration)$/, "Model")])).toBe(0);
    expect(
      heads([
        name!.replace(/(ForCausalLM|LMHeadModel|ForConditionalGeneration)$/, "ForSequenceClassification"),
      ]),
    ).toBe(0);
  });

  it("decides against halves side by side where its blocks have two normalizations", () => {
    const one = (kind: string) => layerGraph(model("cohere", [], { model_type: kind }));
    expect(one("cohere").connections.every(({ evidence }) => evidence === "declared")).toBe(true);
    expect(one("llama").connections.every(({ evidence }) => evidence === "guessed")).toBe(true);
  });
});

describe("a mixture of experts", () => {
  const mixture = (blocks: number, experts: number): TensorInfo[] => {
    const of = (name: string) =>
      Object.entries(FAMILIES["qwen3-moe"]!.tensors).filter(([each]) => each.startsWith(name));
    return [
      ...Object.entries(FAMILIES["qwen3-moe"]!.tensors).filter(([name]) => !name.includes(".layers.")),
      ...Array.from(
        { length: blocks },
        (_, block) =>
          of("model.layers.0.").flatMap(([name, shape]): [string, number[]][] => {
            const at = name.replace("layers.0.", `layers.${block}.`);
            if (name.includes("experts.0.")) {
              return Array.from(
                { length: experts },
                (_, i) => [at.replace("experts.0.", `experts.${i}.`), shape],
              );
            }
            return name.includes("experts.")
              ? []
              : [[at, name.endsWith("mlp.gate.weight") ? [experts, shape[1]!] : shape]];
          }),
      ).flat(),
    ].map(([name, shape]) => tensorOf(name, shape));
  };
  const { config } = FAMILIES["qwen3-moe"]!;

  it("connects all experts where they are few", () => {
    const { warnings, connections, layers } = layerGraph({ tensors: mixture(3, 4), config });
    expect(warnings).toEqual([]);
    const into = layers.findIndex(({ name }) => name === "model.layers.2.mlp.experts.3.up_proj");
    // The embedding, three attentions and the experts of two blocks.
    expect(connections.filter(({ target }) => target === into)).toHaveLength(1 + 3 + 2 * 4);
  });

  it("says so where they are too many to be connected, and connects the rest", () => {
    const { warnings, connections, layers } = layerGraph({ tensors: mixture(12, 48), config });
    expect(warnings).toEqual([
      expect.stringMatching(/more than 200000 connections: none of them is connected/),
    ]);
    const named = connections.map(({ source, target }) =>
      [layers[source]!.name, layers[target]!.name] as const
    );
    const through = named.filter((pair) => pair.some((name) => name.includes(".experts.")));
    expect(through).toHaveLength(12 * 48);
    expect(through.every(([from, to]) => from.replace("up_proj", "down_proj") === to)).toBe(true);
    expect(named).toContainEqual(["model.layers.0.self_attn.o_proj", "model.layers.11.mlp.gate"]);
  });

  it("is not claimed where its router has another number of experts", () => {
    const tensors = mixture(3, 4).map((each) =>
      /mlp\.gate\.weight$/.test(each.name) ? tensorOf(each.name, [5, 16]) : each
    );
    expect(layerGraph({ tensors, config }).evidence).toBe("guessed");
  });
});
