import { describe, expect, it } from "vitest";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import type { TensorInfo } from "../../../../src/model/tensor.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";
import { bertBase, type Decoder, decoder, DECODERS, gpt2, vitB16 } from "./published.ts";

/** Connections by `via`. */
function counts({ connections }: LayerGraph): Record<string, number> {
  const out: Record<string, number> = {};
  for (const { via } of connections) out[via] = (out[via] ?? 0) + 1;
  return out;
}

/** `to#part via`, of whatever the layer feeds. */
function readersOf({ layers, connections }: LayerGraph, from: string): string[] {
  return connections.filter(({ source }) => layers[source]!.name === from)
    .map(({ target, part, via }) => `${layers[target]!.name}#${part} ${via}`);
}

function readBy({ layers, connections }: LayerGraph, to: string): string[] {
  return connections.filter(({ target }) => layers[target]!.name === to).map(({ source }) =>
    layers[source]!.name
  );
}

/**
 * Ways from writers to readers of the residual stream of `L` blocks, `E` embeddings before them: the attention of block `l` has 3
 * readers that see `E + 2l` writers, its feed-forward layer `r` that see one more, and `u` readers at the end see all.
 */
const streamConnections = (L: number, E: number, r: number, u: number) =>
  L * ((3 + r) * E + r) + (3 + r) * L * (L - 1) + u * (E + 2 * L);

const accounted = (graph: LayerGraph, tensors: readonly TensorInfo[]) => {
  const used = graph.layers.map(({ weight }) => weight.tensor);
  const skipped = graph.skipped.filter(({ subject }) => subject === "tensor").map(({ name }) => name);
  expect([...new Set([...used, ...skipped])].sort()).toEqual(tensors.map(({ name }) => name).sort());
};

describe("decoders of the llama family", () => {
  const models: readonly [keyof typeof DECODERS, number][] = [["llama-7b", 32], ["mistral-7b", 32], [
    "qwen2-0.5b",
    14,
  ]];

  it.each(models)("%s has the connections of the closed form", (name, heads) => {
    const shape: Decoder = DECODERS[name];
    const L = shape.layers;
    const tied = shape.tied === true;
    const config = { model_type: "any", num_attention_heads: heads, tie_word_embeddings: tied };
    const tensors = decoder(shape);
    const graph = layerGraph({ tensors, config });
    expect(graph.warnings).toEqual([]);
    // 5 L^2 + 4 L + 1 in the stream. Nothing is added yet where the first block's q, k and v read the embedding; where it is tied,
    // the embedding's own way to the unembedding is called so.
    expect(streamConnections(L, 1, 2, 1)).toBe(5 * L * L + 4 * L + 1);
    expect(counts(graph)).toEqual({
      residual: 5 * L * L + 4 * L - 2 - (tied ? 1 : 0),
      direct: 3 + L,
      "attention-head": L * heads,
      ...tied ? { tied: 1 } : {},
    });
    accounted(graph, tensors);
  });

  it("lets heads share values, in their order", () => {
    const graph = layerGraph({
      tensors: decoder(DECODERS["qwen2-0.5b"]),
      config: { num_attention_heads: 14 },
    });
    const heads = graph.connections.filter(({ via }) => via === "attention-head").slice(0, 14);
    expect(heads.map(({ part, channels }) => [part, channels])).toEqual(
      Array.from({ length: 14 }, (_, h) => [h, [{ source: h < 7 ? 0 : 64, target: 64 * h, length: 64 }]]),
    );
  });

  it("follows up through the gate, and says what ends in a product", () => {
    const graph = layerGraph({
      tensors: decoder(DECODERS["mistral-7b"]),
      config: { num_attention_heads: 32 },
    });
    expect(readersOf(graph, "model.layers.3.mlp.up_proj")).toEqual(["model.layers.3.mlp.down_proj#0 direct"]);
    for (const name of ["self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj"]) {
      expect(readersOf(graph, `model.layers.3.${name}`)).toEqual([]);
      expect(graph.skipped.filter((each) => each.name.startsWith(`model.layers.3.${name} -> `))).toHaveLength(
        1,
      );
    }
  });

  it("gives gains to the readers right behind them, which can take them in", () => {
    const graph = layerGraph({ tensors: decoder(DECODERS["mistral-7b"]) }, { normGain: "folded" });
    const gains = new Map(graph.layers.map(({ name, folding }) => [name, folding?.gain]));
    expect(gains.get("model.layers.2.self_attn.q_proj")).toBe("model.layers.2.input_layernorm.weight");
    expect(gains.get("model.layers.2.mlp.gate_proj")).toBe("model.layers.2.post_attention_layernorm.weight");
    expect(gains.get("lm_head")).toBe("model.norm.weight");
    expect(gains.get("model.layers.2.self_attn.o_proj")).toBeUndefined();
    const tensors = decoder(DECODERS["mistral-7b"]);
    const gemma = layerGraph({ tensors, config: { model_type: "gemma" } }, { normGain: "folded" });
    // Gemma's files hold gains less 1.
    const query = gemma.layers.find(({ name }) => name === "model.layers.2.self_attn.q_proj");
    expect(query).toMatchObject({
      normGain: "folded",
      folding: { gain: "model.layers.2.input_layernorm.weight", gainOffset: 1 },
    });
  });

  it("finds the heads in a file that holds rotary frequencies, and else says that it does not know them", () => {
    const known = layerGraph({ tensors: decoder(DECODERS["llama-7b"]) });
    expect(counts(known)["attention-head"]).toBe(32 * 32);
    expect(known.warnings).toEqual([]);
    const unknown = layerGraph({ tensors: decoder(DECODERS["mistral-7b"]) });
    expect(counts(unknown)["attention-head"]).toBeUndefined();
    expect(unknown.warnings).toEqual([expect.stringMatching(/number of attention heads not known/)]);
    expect(counts(unknown)["residual"]).toBe(
      counts(layerGraph({
        tensors: decoder(DECODERS["mistral-7b"]),
        config: { num_attention_heads: 32 },
      }))["residual"],
    );
  });

  it.each<[string, unknown]>([
    ["a number that does not divide", { num_attention_heads: 7 }],
    ["more than there can be", { num_attention_heads: 4096 * 4096 }],
    ["a fraction", { num_attention_heads: 3.5 }],
    ["a text", { num_attention_heads: "32" }],
    ["less than nothing", { num_attention_heads: -32 }],
    ["an array", []],
    ["nothing", null],
    ["inherited", Object.create({ num_attention_heads: 32 })],
  ])("makes no heads of a config with %s", (_, config) => {
    const graph = layerGraph({ tensors: decoder({ ...DECODERS["mistral-7b"], layers: 2 }), config });
    expect(counts(graph)["attention-head"]).toBeUndefined();
    expect(graph.warnings).toHaveLength(1);
  });

  it("is not said of a model with more in its blocks, or none of its weights where they should be", () => {
    const small = decoder({ ...DECODERS["mistral-7b"], layers: 2 });
    const more = layerGraph({ tensors: [...small, tensorOf("model.layers.1.mlp.router.weight", [8, 4096])] });
    expect(more.warnings[0]).toMatch(
      /looks like a known architecture.*"model\.layers\.1\.mlp\.router\.weight"/,
    );
    const gap = layerGraph({ tensors: small.filter(({ name }) => !name.includes("layers.1.mlp.up")) });
    expect(gap.warnings[0]).toMatch(/"model\.layers\.1\.mlp\.up_proj\.weight": found none/);
    const misfit = layerGraph({
      tensors: small.map((each) =>
        each.name.endsWith("1.mlp.down_proj.weight") ? tensorOf(each.name, [4096, 5]) : each
      ),
    });
    expect(misfit.warnings[0]).toMatch(/1\.mlp\.down_proj\.weight": found 5 in channels, required 14336/);
    for (const { connections } of [more, gap, misfit]) {
      expect(connections.every(({ evidence }) => evidence === "guessed")).toBe(true);
    }
  });

  it("leaves out what stands beside it, with a warning, and keeps its own connections", () => {
    const config = { num_attention_heads: 32 };
    const small = decoder({ ...DECODERS["mistral-7b"], layers: 2 });
    const head = layerGraph({ tensors: [...small, tensorOf("v_head.summary.weight", [1, 4096])], config });
    expect(head.warnings).toEqual([
      expect.stringMatching(/llama: 1 weight is not part of it.*"v_head\.summary\.weight"/),
    ]);
    expect(head.connections).toEqual(layerGraph({ tensors: small, config }).connections);
  });

  it("does not follow a file into more blocks than any network has", () => {
    const one = decoder({ ...DECODERS["mistral-7b"], layers: 1 });
    const tensors = Array.from(
      { length: 300 },
      (_, i) => one.map((each) => ({ ...each, name: each.name.replace("layers.0.", `layers.${i}.`) })),
    ).flat();
    expect(layerGraph({ tensors }).warnings[0]).toMatch(/found 300 blocks, required at most 256/);
  });
});

describe("gpt2", () => {
  it.each(["", "transformer."])("has the connections of the closed form (prefix '%s')", (prefix) => {
    const tensors = gpt2(12, 768, prefix);
    const graph = layerGraph({ tensors, config: { n_head: 12 } });
    expect(graph.warnings).toEqual([]);
    // 4 L^2 + 7 L + 2 in the stream, one of them from the embedding to itself.
    expect(streamConnections(12, 2, 1, 1)).toBe(4 * 144 + 7 * 12 + 2);
    expect(counts(graph)).toEqual({ residual: 661, tied: 1, direct: 12, "attention-head": 144 });
    accounted(graph, tensors);
  });

  it("takes queries, keys and values out of one weight, and reads it as [in, out]", () => {
    const graph = layerGraph({ tensors: gpt2(), config: { n_head: 12 } });
    const v = graph.layers.find(({ name }) => name === "h.0.attn.c_attn.v")!;
    expect(v).toMatchObject({ outChannels: 768, inChannels: 768 });
    expect(v.weight).toMatchObject({ offset: 1536, strides: { out: 1, in: 2304 } });
    const down = graph.layers.find(({ name }) => name === "h.0.mlp.c_proj")!;
    expect(down).toMatchObject({ outChannels: 768, inChannels: 3072 });
    expect(readBy(graph, "h.1.attn.c_attn.v")).toEqual(["wte", "wpe", "h.0.attn.c_proj", "h.0.mlp.c_proj"]);
    const [embedding, unembedding] = ["wte", "lm_head"].map((name) =>
      graph.layers.find((each) => each.name === name)!
    );
    expect(embedding).toMatchObject({ kind: "embedding", inChannels: 50257, outChannels: 768 });
    expect(unembedding).toMatchObject({ kind: "linear", inChannels: 768, outChannels: 50257 });
    expect(unembedding!.weight.tensor).toBe(embedding!.weight.tensor);
  });
});

describe("bert", () => {
  it("has the connections of the closed form, and normalizes behind the additions", () => {
    const tensors = bertBase();
    const graph = layerGraph({ tensors, config: { num_attention_heads: 12 } });
    expect(graph.warnings).toEqual([]);
    const L = 12;
    // 4 L^2 + 9 L of the blocks (three embeddings), 2 (3 + 2 L) of the pooler and the head for masked words.
    expect(streamConnections(L, 3, 1, 2)).toBe(4 * L * L + 9 * L + 2 * (3 + 2 * L));
    expect(counts(graph)).toEqual({
      residual: streamConnections(L, 3, 1, 2),
      // up to down; pooler to next sentence; the transform to the decoder
      direct: L + 2,
      "attention-head": L * 12,
    });
    expect(readBy(graph, "cls.predictions.decoder")).toEqual(["cls.predictions.transform.dense"]);
    expect(readBy(graph, "cls.seq_relationship")).toEqual(["bert.pooler.dense"]);
    const folded = layerGraph({ tensors, config: { num_attention_heads: 12 } }, { normGain: "folded" });
    const query = folded.layers.find(({ name }) => name === "bert.encoder.layer.1.attention.self.query");
    expect(query?.folding?.gain).toBe("bert.encoder.layer.0.output.LayerNorm.gamma");
    accounted(graph, tensors);
  });
});

describe("vit", () => {
  it.each(["torchvision", "timm", "huggingface"] as const)("under the names of %s", (names) => {
    const tensors = vitB16(names);
    const graph = layerGraph({ tensors, config: { num_attention_heads: 12 } });
    expect(graph.warnings).toEqual([]);
    expect(counts(graph)).toEqual({
      // The head reads the class's token, where no patch stands.
      residual: streamConnections(12, 2, 1, 1) - 1,
      direct: 12,
      "attention-head": 144,
    });
    expect(graph.layers.find(({ kind }) => kind === "embedding")).toMatchObject({
      inChannels: 197,
      outChannels: 768,
    });
    accounted(graph, tensors);
  });

  it.each([[197, true], [196, false]])(
    "of %i positions and 196 patches the class's token has one: %s",
    (positions, has) => {
      const tensors = vitB16("timm", 2).map((each) =>
        each.name === "pos_embed" ? tensorOf("pos_embed", [1, positions, 768]) : each
      );
      const graph = layerGraph({ tensors, config: { num_attention_heads: 12 } });
      expect(graph.warnings).toEqual([]);
      expect(readersOf(graph, "pos_embed").includes("head#0 residual")).toBe(has);
      expect(readersOf(graph, "pos_embed")).toContain("blocks.1.mlp.fc1#0 residual");
      expect(readBy(graph, "head")).toHaveLength(has ? 5 : 4);
    },
  );
});
