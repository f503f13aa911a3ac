import { describe, expect, it } from "vitest";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";
import { torchvisionResnet } from "./published.ts";

/** What a layer reads: names, without the numbers of heads. */
const readBy = ({ layers, connections }: LayerGraph, to: string) => [
  ...new Set(
    connections.filter(({ target }) => layers[target]!.name === to).map(({ source }) => layers[source]!.name),
  ),
];

const guessed = ({ connections }: LayerGraph) => connections.every(({ evidence }) => evidence === "guessed");

const C = 16, F = 32;

/** A decoder of two blocks with llama's names. */
const decoder = (prefix: string, norms: readonly string[], values = C) => [
  tensorOf(`${prefix}embed_tokens.weight`, [40, C]),
  tensorOf(`${prefix}norm.weight`, [C]),
  ...[0, 1].flatMap((block) => {
    const at = `${prefix}layers.${block}.`;
    return [
      ...norms.map((name) => tensorOf(`${at}${name}.weight`, [C])),
      ...["q", "o"].map((each) => tensorOf(`${at}self_attn.${each}_proj.weight`, [C, C])),
      ...["k", "v"].map((each) => tensorOf(`${at}self_attn.${each}_proj.weight`, [values, C])),
      ...["gate", "up"].map((each) => tensorOf(`${at}mlp.${each}_proj.weight`, [F, C])),
      tensorOf(`${at}mlp.down_proj.weight`, [C, F]),
    ];
  }),
];

/** A BERT of one block per number of channels that its heads have together. */
const encoder = (prefix: string, ...heads: readonly number[]) => [
  tensorOf(`${prefix}embeddings.word_embeddings.weight`, [40, C]),
  ...heads.flatMap((width, block) => {
    const at = `${prefix}encoder.layer.${block}.`;
    return [
      ...["query", "key", "value"].map((each) => tensorOf(`${at}attention.self.${each}.weight`, [width, C])),
      tensorOf(`${at}attention.output.dense.weight`, [C, width]),
      tensorOf(`${at}intermediate.dense.weight`, [F, C]),
      tensorOf(`${at}output.dense.weight`, [C, F]),
    ];
  }),
];

describe("a family", () => {
  it("feeds attention and feed-forward layers side by side where a block has one normalization (Cohere, StableLM)", () => {
    const config = { model_type: "cohere", num_attention_heads: 4 };
    const parallel = layerGraph({ tensors: decoder("model.", ["input_layernorm"]), config });
    expect(parallel.warnings).toEqual([]);
    const stream = ["model.embed_tokens", "model.layers.0.self_attn.o_proj", "model.layers.0.mlp.down_proj"];
    for (const reader of ["self_attn.q_proj", "mlp.gate_proj", "mlp.up_proj"]) {
      expect(readBy(parallel, `model.layers.0.${reader}`)).toEqual(["model.embed_tokens"]);
      expect(readBy(parallel, `model.layers.1.${reader}`)).toEqual(stream);
    }
    const gains = parallel.layers.map(({ name, normGain }) => [name, normGain] as const);
    expect(gains).toContainEqual(["model.layers.0.mlp.up_proj", "raw"]);
    const sequential = decoder("model.", ["input_layernorm", "post_attention_layernorm"]);
    expect(readBy(layerGraph({ tensors: sequential, config }), "model.layers.0.mlp.up_proj"))
      .toEqual(stream.slice(0, 2));
  });

  it("reads the text's config within another, and ties the head where the class does so by default", () => {
    const norms = ["input_layernorm", "post_attention_layernorm"];
    const text = { model_type: "gemma", num_attention_heads: 4 };
    const nested = layerGraph({
      tensors: decoder("language_model.model.", norms, 4),
      config: { model_type: "paligemma", text_config: text },
    }, { normGain: "folded" });
    const alone = layerGraph({ tensors: decoder("model.", norms, 4), config: text }, { normGain: "folded" });
    for (const graph of [nested, alone]) {
      expect(graph.warnings.filter((warning) => !warning.startsWith("normalizations are folded"))).toEqual(
        [],
      );
      expect(graph.connections.filter(({ via }) => via === "attention-head")).toHaveLength(2 * 4);
      expect(graph.layers.at(-1)!.name).toMatch(/lm_head$/);
      const up = graph.layers.find(({ name }) => name.endsWith("layers.1.mlp.up_proj"))!;
      expect(up.folding?.gain).toMatch(/layers\.1\.post_attention_layernorm\.weight$/);
      expect(up.folding?.gainOffset).toBe(1);
    }
    expect(layerGraph({ tensors: decoder("model.", norms), config: { model_type: "llama" } }).layers)
      .toHaveLength(15);
  });

  it("reads the normalization right before each half where there is one behind it too (Gemma 2 and 3)", () => {
    const norms = ["input_layernorm", "post_attention_layernorm"];
    const both = [...norms, "pre_feedforward_layernorm", "post_feedforward_layernorm"];
    const config = { model_type: "gemma2", num_attention_heads: 4 };
    const [gemma2, gemma] = [both, norms].map((each) =>
      layerGraph({ tensors: decoder("model.", each), config }, { normGain: "folded" })
    ) as [LayerGraph, LayerGraph];
    const gain = (name: string) => gemma2.layers.find((layer) => layer.name === name)?.folding;
    expect(gain("model.layers.1.mlp.up_proj"))
      .toEqual({ gain: "model.layers.1.pre_feedforward_layernorm.weight", gainOffset: 1 });
    expect(gain("model.layers.1.self_attn.v_proj"))
      .toEqual({ gain: "model.layers.1.input_layernorm.weight", gainOffset: 1 });
    expect(gemma2.connections).toEqual(gemma.connections);
    const text = { model_type: "gemma3n_text" };
    const gemma3n = layerGraph({ tensors: decoder("model.", norms), config: text }, { normGain: "folded" });
    expect(gemma3n.layers.map(({ folding }) => folding?.gainOffset)).not.toContain(1);
  });

  it("counts the heads that are left where some were pruned", () => {
    const config = { num_attention_heads: 4, pruned_heads: { 0: [1, 3] } };
    const graph = layerGraph({ tensors: encoder("bert.", C / 2, C), config });
    expect(graph.warnings).toEqual([]);
    const heads = graph.connections.filter(({ via }) => via === "attention-head");
    expect(heads.map(({ part, channels }) => [part, channels[0]!.source, channels[0]!.length])).toEqual([
      ...[0, 1].map((head) => [head, 4 * head, 4]),
      ...[0, 1, 2, 3].map((head) => [head, 4 * head, 4]),
    ]);
  });

  it("feeds a classifier as the class named by the config does, and doubts where none is named", () => {
    const tensors = [
      ...encoder("bert.", C),
      tensorOf("bert.pooler.dense.weight", [C, C]),
      tensorOf("classifier.weight", [9, C]),
    ];
    const of = (architecture?: string) =>
      layerGraph({
        tensors,
        config: { num_attention_heads: 4, ...architecture && { architectures: [architecture] } },
      });
    expect(readBy(of("BertForTokenClassification"), "classifier")).toContain(
      "bert.encoder.layer.0.output.dense",
    );
    expect(readBy(of("BertForSequenceClassification"), "classifier")).toEqual(["bert.pooler.dense"]);
    expect(of("BertForSequenceClassification").warnings).toEqual([]);
    expect(readBy(of(), "classifier")).toEqual([]);
    expect(of().skipped).toContainEqual({
      subject: "connection",
      name: expect.stringMatching(/-> classifier$/) as string,
      reason: expect.stringMatching(/pooler.*architectures/) as string,
    });
    const roberta = layerGraph({
      tensors: [
        ...encoder("roberta.", C),
        tensorOf("classifier.dense.weight", [C, C]),
        tensorOf("classifier.out_proj.weight", [3, C]),
      ],
      config: { num_attention_heads: 4, architectures: ["RobertaForSequenceClassification"] },
    });
    expect(roberta.warnings).toEqual([]);
    expect(readBy(roberta, "classifier.out_proj")).toEqual(["classifier.dense"]);
    expect(readBy(roberta, "classifier.dense")).toContain("roberta.encoder.layer.0.output.dense");
  });

  const resnet = torchvisionResnet([1, 1, 1, 1], null);
  const trunk = resnet.filter(({ name }) => !name.startsWith("fc."));

  it.each([
    ["outside its blocks", tensorOf("conv2.weight", [64, 64, 3, 3])],
    ["of a stage that it does not have", tensorOf("layer5.0.conv1.weight", [512, 512, 3, 3])],
    ["behind its head", tensorOf("aux.weight", [10, 512])],
  ])("does not claim a network with one weight more, %s", (_, more) => {
    for (const prefix of ["", "backbone."]) {
      const tensors = [...resnet, more].map((each) => ({ ...each, name: prefix + each.name }));
      const graph = layerGraph({ tensors });
      expect(graph.warnings[0]).toBe(
        `looks like a known architecture, but does not fit it: ResNet: found a weight "${prefix}${more.name}", ` +
          "required only what the family has a place for",
      );
      expect(guessed(graph)).toBe(true);
    }
  });

  it("does not claim a network that begins as it does and goes on otherwise (HRNet)", () => {
    const weights: readonly (readonly [name: string, ...shape: number[]])[] = [
      ["conv1", 16, 3, 3, 3],
      ["conv2", 16, 16, 3, 3],
      ["layer1.0.conv1", 16, 16, 1, 1],
      ["layer1.0.conv2", 16, 16, 3, 3],
      ["layer1.0.conv3", 64, 16, 1, 1],
      ["layer1.0.downsample.0", 64, 16, 1, 1],
      ["transition1.0.0", 8, 64, 3, 3],
      ["transition1.1.0.0", 16, 64, 3, 3],
      ["stage2.0.branches.0.0.conv1", 8, 8, 3, 3],
      ["stage2.0.branches.0.0.conv2", 8, 8, 3, 3],
      ["stage2.0.branches.1.0.conv1", 16, 16, 3, 3],
      ["stage2.0.branches.1.0.conv2", 16, 16, 3, 3],
      ["stage2.0.fuse_layers.0.1.0", 8, 16, 1, 1],
      ["classifier", 10, 24],
    ];
    const tensors = weights.flatMap(([name, ...shape]) => [
      tensorOf(`${name}.weight`, shape),
      ...(name === "classifier" ? [] : ["weight", "running_mean", "running_var"]).map((part) =>
        tensorOf(`${name.replace(/conv(\d)$/, "bn$1").replace(/\.0$/, ".1")}.${part}`, [shape[0]!])
      ),
    ]);
    const graph = layerGraph({ tensors });
    expect(graph.layers).toHaveLength(weights.length);
    expect(guessed(graph)).toBe(true);
    expect(graph.warnings[0]).toMatch(/ResNet: .* required only what the family has a place for/);
    // It is said whether or not the weights are asked who feeds whom.
    const inferred = { ...graph, warnings: [] };
    expect(layerGraph({ tensors }, { inferred }).warnings).toEqual(graph.warnings.slice(0, 1));
  });

  it("follows an exchanged head: a sequence that fits what comes before it", () => {
    const tensors = [
      ...trunk,
      tensorOf("fc.0.weight", [32, 512]),
      ...["weight", "running_mean", "running_var"].map((each) => tensorOf(`fc.1.${each}`, [32])),
      tensorOf("fc.4.weight", [5, 32]),
    ];
    const graph = layerGraph({ tensors });
    expect(graph.warnings).toEqual([]);
    expect(readBy(graph, "fc.0")).toEqual(readBy(layerGraph({ tensors: resnet }), "fc"));
    expect(readBy(graph, "fc.4")).toEqual(["fc.0"]);
    expect(graph.layers.find(({ name }) => name === "fc.0")!.batchNorm).toBe("raw");
    const misfit = layerGraph({ tensors: [...trunk, tensorOf("fc.0.weight", [32, 500])] });
    expect(guessed(misfit)).toBe(true);
  });
});

describe("gpt-neox", () => {
  const block = (at: string) => [
    ...["input_layernorm", "post_attention_layernorm"].map((name) => tensorOf(`${at}.${name}.weight`, [C])),
    tensorOf(`${at}.attention.query_key_value.weight`, [3 * C, C]),
    tensorOf(`${at}.attention.dense.weight`, [C, C]),
    tensorOf(`${at}.mlp.dense_4h_to_h.weight`, [C, 4 * C]),
    tensorOf(`${at}.mlp.dense_h_to_4h.weight`, [4 * C, C]),
  ];
  const tensors = [
    tensorOf("gpt_neox.embed_in.weight", [40, C]),
    ...block("gpt_neox.layers.0"),
    ...block("gpt_neox.layers.1"),
    tensorOf("gpt_neox.final_layer_norm.weight", [C]),
    tensorOf("embed_out.weight", [40, C]),
  ];
  const at = (part: string) => `gpt_neox.layers.${part}`;

  it("has both halves of a block side by side, unless its config says otherwise", () => {
    const of = (more: object) => layerGraph({ tensors, config: { num_attention_heads: 4, ...more } });
    const [parallel, sequential] = [of({}), of({ use_parallel_residual: false })];
    const before = ["gpt_neox.embed_in", at("0.attention.dense")];
    for (const graph of [parallel, sequential]) {
      expect(graph.warnings).toEqual([]);
      expect(readBy(graph, at("0.mlp.dense_4h_to_h"))).toEqual([at("0.mlp.dense_h_to_4h")]);
      expect(readBy(graph, at("1.attention.query_key_value")).sort())
        .toEqual([...before, at("0.mlp.dense_4h_to_h")].sort());
    }
    expect(readBy(parallel, at("0.mlp.dense_h_to_4h"))).toEqual(before.slice(0, 1));
    expect(readBy(sequential, at("0.mlp.dense_h_to_4h"))).toEqual(before);
    expect(readBy(parallel, "embed_out")).toHaveLength(5);
  });

  it("takes each head's values from behind its queries and keys", () => {
    const { connections } = layerGraph({ tensors, config: { num_attention_heads: 4 } });
    const heads = connections.filter(({ via }) => via === "attention-head").slice(0, 4);
    expect(heads.map(({ part, channels }) => [part, channels])).toEqual(
      [0, 1, 2, 3].map((head) => [head, [{ source: 12 * head + 8, target: 4 * head, length: 4 }]]),
    );
    const unknown = layerGraph({ tensors });
    expect(unknown.connections.some(({ via }) => via === "attention-head")).toBe(false);
    expect(unknown.warnings).toEqual([expect.stringMatching(/number of attention heads not known/)]);
  });

  it.each([
    ["one more", [...tensors, tensorOf(at("1.mlp.gate.weight"), [C, C])]],
    [
      "one of another shape",
      tensors.map((each) =>
        each.name === at("1.attention.query_key_value.weight") ? tensorOf(each.name, [2 * C, C]) : each
      ),
    ],
  ])("is not claimed with %s", (_, others) => {
    expect(guessed(layerGraph({ tensors: others }))).toBe(true);
  });
});
