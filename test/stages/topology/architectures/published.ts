/** Names and shapes of published networks' weights, as their files have them; no weights. */

import type { TensorInfo } from "../../../../src/model/tensor.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";

type Entry = readonly [name: string, shape: readonly number[]];

const named = (entries: readonly Entry[]): TensorInfo[] =>
  entries.map(([name, shape]) => tensorOf(name, shape));

const norm = (name: string, channels: number): Entry[] => [
  [`${name}.weight`, [channels]],
  [`${name}.bias`, [channels]],
];

const batchNorm = (name: string, channels: number): Entry[] => [
  ...norm(name, channels),
  [`${name}.running_mean`, [channels]],
  [`${name}.running_var`, [channels]],
  [`${name}.num_batches_tracked`, []],
];

const linear = (name: string, out: number, inputs: number): Entry[] => [
  [`${name}.weight`, [out, inputs]],
  [`${name}.bias`, [out]],
];

const each = (count: number, entries: (i: number) => readonly Entry[]): Entry[] =>
  Array.from({ length: count }, (_, i) => entries(i)).flat();

/** torchvision's ResNets: numbers of blocks; bottlenecks and ResNeXt by groups and width per group. */
export function torchvisionResnet(
  counts: readonly number[],
  bottleneck: { readonly groups: number; readonly width: number } | null,
  prefix = "",
): TensorInfo[] {
  const entries: Entry[] = [["conv1.weight", [64, 3, 7, 7]], ...batchNorm("bn1", 64)];
  let inputs = 64;
  counts.forEach((count, at) => {
    const planes = 64 * 2 ** at;
    const out = bottleneck === null ? planes : 4 * planes;
    for (let i = 0; i < count; i++) {
      const block = `layer${at + 1}.${i}`;
      const inner = bottleneck === null ? planes : planes * bottleneck.width / 64 * bottleneck.groups;
      const shapes = bottleneck === null
        ? [[planes, inputs, 3, 3], [planes, planes, 3, 3]]
        : [[inner, inputs, 1, 1], [inner, inner / bottleneck.groups, 3, 3], [out, inner, 1, 1]];
      shapes.forEach((shape, j) => {
        entries.push([`${block}.conv${j + 1}.weight`, shape], ...batchNorm(`${block}.bn${j + 1}`, shape[0]!));
      });
      if (i === 0 && (inputs !== out || at > 0)) {
        entries.push(
          [`${block}.downsample.0.weight`, [out, inputs, 1, 1]],
          ...batchNorm(`${block}.downsample.1`, out),
        );
      }
      inputs = out;
    }
  });
  return named([...entries, ...linear("fc", 1000, inputs)].map(([name, shape]) => [prefix + name, shape]));
}

/** torchvision's VGG-16 with batch normalization. */
export function vgg16Bn(): TensorInfo[] {
  const entries: Entry[] = [];
  let [at, inputs] = [0, 3];
  for (const out of [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]) {
    if (out > 0) {
      entries.push([`features.${at}.weight`, [out, inputs, 3, 3]], [`features.${at}.bias`, [out]]);
      entries.push(...batchNorm(`features.${at + 1}`, out));
      inputs = out;
    }
    at += out > 0 ? 3 : 1;
  }
  entries.push(...linear("classifier.0", 4096, 512 * 49), ...linear("classifier.3", 4096, 4096));
  return named([...entries, ...linear("classifier.6", 1000, 4096)]);
}

/** torchvision's AlexNet. */
export function alexnet(): TensorInfo[] {
  return named([
    ...([[0, 64, 3, 11], [3, 192, 64, 5], [6, 384, 192, 3], [8, 256, 384, 3], [10, 256, 256, 3]] as const)
      .flatMap(([i, out, inputs, k]): Entry[] => [
        [`features.${i}.weight`, [out, inputs, k, k]],
        [`features.${i}.bias`, [out]],
      ]),
    ...linear("classifier.1", 4096, 256 * 36),
    ...linear("classifier.4", 4096, 4096),
    ...linear("classifier.6", 1000, 4096),
  ]);
}

/** GPT-2's 124M, as published: no prefix, causal masks, no `lm_head`. */
export function gpt2(layers = 12, width = 768, prefix = ""): TensorInfo[] {
  return named(
    ([
      ["wte.weight", [50257, width]],
      ["wpe.weight", [1024, width]],
      ...each(layers, (i) => [
        ...norm(`h.${i}.ln_1`, width),
        [`h.${i}.attn.bias`, [1, 1, 1024, 1024]],
        [`h.${i}.attn.c_attn.weight`, [width, 3 * width]],
        [`h.${i}.attn.c_attn.bias`, [3 * width]],
        [`h.${i}.attn.c_proj.weight`, [width, width]],
        [`h.${i}.attn.c_proj.bias`, [width]],
        ...norm(`h.${i}.ln_2`, width),
        [`h.${i}.mlp.c_fc.weight`, [width, 4 * width]],
        [`h.${i}.mlp.c_fc.bias`, [4 * width]],
        [`h.${i}.mlp.c_proj.weight`, [4 * width, width]],
        [`h.${i}.mlp.c_proj.bias`, [width]],
      ]),
      ...norm("ln_f", width),
    ] as Entry[]).map(([name, shape]) => [prefix + name, shape]),
  );
}

/** BERT base, uncased, as published: with its pooler and the heads it was trained with, the decoder tied. */
export function bertBase(layers = 12, width = 768): TensorInfo[] {
  const old = (name: string): Entry[] => [[`${name}.gamma`, [width]], [`${name}.beta`, [width]]];
  return named([
    ["bert.embeddings.word_embeddings.weight", [30522, width]],
    ["bert.embeddings.position_embeddings.weight", [512, width]],
    ["bert.embeddings.token_type_embeddings.weight", [2, width]],
    ...old("bert.embeddings.LayerNorm"),
    ...each(layers, (i) => {
      const block = `bert.encoder.layer.${i}`;
      return [
        ...["query", "key", "value"].flatMap((name) =>
          linear(`${block}.attention.self.${name}`, width, width)
        ),
        ...linear(`${block}.attention.output.dense`, width, width),
        ...old(`${block}.attention.output.LayerNorm`),
        ...linear(`${block}.intermediate.dense`, 4 * width, width),
        ...linear(`${block}.output.dense`, width, 4 * width),
        ...old(`${block}.output.LayerNorm`),
      ];
    }),
    ...linear("bert.pooler.dense", width, width),
    ["cls.predictions.bias", [30522]],
    ...linear("cls.predictions.transform.dense", width, width),
    ...old("cls.predictions.transform.LayerNorm"),
    ...linear("cls.seq_relationship", 2, width),
  ]);
}

/** What sets one decoder of the llama family apart from another. */
export interface Decoder {
  readonly layers: number;
  readonly width: number;
  readonly inner: number;
  readonly vocabulary: number;
  /** Out channels of keys and of values. */
  readonly values: number;
  readonly biases?: boolean;
  readonly tied?: boolean;
  /** Rotary frequencies in the file, and how many. */
  readonly frequencies?: number;
}

/** llama-2-7b, mistral-7b-v0.1 and qwen2-0.5b, by their configs. */
export const DECODERS = {
  "llama-7b": {
    layers: 32,
    width: 4096,
    inner: 11008,
    vocabulary: 32000,
    values: 4096,
    frequencies: 64,
  },
  "mistral-7b": { layers: 32, width: 4096, inner: 14336, vocabulary: 32000, values: 1024 },
  "qwen2-0.5b": {
    layers: 24,
    width: 896,
    inner: 4864,
    vocabulary: 151936,
    values: 128,
    biases: true,
    tied: true,
  },
} as const satisfies Record<string, Decoder>;

/** A decoder under Hugging Face's names. */
export function decoder(
  { layers, width, inner, vocabulary, values, biases, tied, frequencies }: Decoder,
): TensorInfo[] {
  return named([
    ["model.embed_tokens.weight", [vocabulary, width]],
    ...each(layers, (i) => {
      const block = `model.layers.${i}`;
      const outs = [["q", width], ["k", values], ["v", values]] as const;
      return [
        ...outs.map(([name, out]): Entry => [`${block}.self_attn.${name}_proj.weight`, [out, width]]),
        ...biases === true
          ? outs.map(([name, out]): Entry => [`${block}.self_attn.${name}_proj.bias`, [out]])
          : [],
        [`${block}.self_attn.o_proj.weight`, [width, width]] as const,
        ...frequencies === undefined
          ? []
          : [[`${block}.self_attn.rotary_emb.inv_freq`, [frequencies]] as const],
        [`${block}.mlp.gate_proj.weight`, [inner, width]],
        [`${block}.mlp.up_proj.weight`, [inner, width]],
        [`${block}.mlp.down_proj.weight`, [width, inner]],
        [`${block}.input_layernorm.weight`, [width]],
        [`${block}.post_attention_layernorm.weight`, [width]],
      ] as const;
    }),
    ["model.norm.weight", [width]],
    ...tied === true ? [] : [["lm_head.weight", [vocabulary, width]] as const],
  ]);
}

/** ViT-B/16 under the names of torchvision, timm or Hugging Face. */
export function vitB16(names: "torchvision" | "timm" | "huggingface", layers = 12, d = 768): TensorInfo[] {
  switch (names) {
    case "torchvision":
      return named([
        ["class_token", [1, 1, d]],
        ["conv_proj.weight", [d, 3, 16, 16]],
        ["conv_proj.bias", [d]],
        ["encoder.pos_embedding", [1, 197, d]],
        ...each(layers, (i) => {
          const block = `encoder.layers.encoder_layer_${i}`;
          return [
            ...norm(`${block}.ln_1`, d),
            [`${block}.self_attention.in_proj_weight`, [3 * d, d]],
            [`${block}.self_attention.in_proj_bias`, [3 * d]],
            ...linear(`${block}.self_attention.out_proj`, d, d),
            ...norm(`${block}.ln_2`, d),
            ...linear(`${block}.mlp.0`, 4 * d, d),
            ...linear(`${block}.mlp.3`, d, 4 * d),
          ];
        }),
        ...norm("encoder.ln", d),
        ...linear("heads.head", 1000, d),
      ]);
    case "timm":
      return named([
        ["cls_token", [1, 1, d]],
        ["pos_embed", [1, 197, d]],
        ["patch_embed.proj.weight", [d, 3, 16, 16]],
        ["patch_embed.proj.bias", [d]],
        ...each(layers, (i) => [
          ...norm(`blocks.${i}.norm1`, d),
          ...linear(`blocks.${i}.attn.qkv`, 3 * d, d),
          ...linear(`blocks.${i}.attn.proj`, d, d),
          ...norm(`blocks.${i}.norm2`, d),
          ...linear(`blocks.${i}.mlp.fc1`, 4 * d, d),
          ...linear(`blocks.${i}.mlp.fc2`, d, 4 * d),
        ]),
        ...norm("norm", d),
        ...linear("head", 1000, d),
      ]);
    case "huggingface":
      return named([
        ["vit.embeddings.cls_token", [1, 1, d]],
        ["vit.embeddings.position_embeddings", [1, 197, d]],
        ["vit.embeddings.patch_embeddings.projection.weight", [d, 3, 16, 16]],
        ["vit.embeddings.patch_embeddings.projection.bias", [d]],
        ...each(layers, (i) => {
          const block = `vit.encoder.layer.${i}`;
          return [
            ...["query", "key", "value"].flatMap((name) =>
              linear(`${block}.attention.attention.${name}`, d, d)
            ),
            ...linear(`${block}.attention.output.dense`, d, d),
            ...linear(`${block}.intermediate.dense`, 4 * d, d),
            ...linear(`${block}.output.dense`, d, 4 * d),
            ...norm(`${block}.layernorm_before`, d),
            ...norm(`${block}.layernorm_after`, d),
          ];
        }),
        ...norm("vit.layernorm", d),
        ...linear("classifier", 1000, d),
      ]);
  }
}
