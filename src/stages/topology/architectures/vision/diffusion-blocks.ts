/** Blocks of diffusers' networks of images: residual blocks, attention over a map, and transformers in the middle of one. */

import type { Signal } from "../../../../model/operators.ts";
import { type AttentionNames, selfAttention } from "../language/attention-block.ts";
import { fusedUp } from "../language/feed-forward.ts";
import type { Network } from "../network.ts";
import { layerNormalized, read } from "./units.ts";

/**
 * A layer or group normalization that is there.
 *
 * @throws {RangeError} when it is missing, or its gain is not one number per channel
 */
export function gained(net: Network, module: string, x: Signal): Signal {
  if (!net.hasLayer(module)) net.fail(net.weight(module), "none", `${net.channels(x)} gains`);
  return layerNormalized(net, module, x);
}

/** Two convolutions, each behind a normalization, and what bypasses them. An embedding of the step is added between them. */
function residualBlock(net: Network, name: string, x: Signal, embedding: Signal | null): Signal {
  let y = read(net, `${name}.conv1`, gained(net, `${name}.norm1`, x));
  if (embedding !== null) y = net.sum(y, read(net, `${name}.time_emb_proj`, embedding));
  y = read(net, `${name}.conv2`, gained(net, `${name}.norm2`, y));
  const shortcut = `${name}.conv_shortcut`;
  return net.sum(net.hasLayer(shortcut) ? read(net, shortcut, x) : x, y);
}

/** What stands in the blocks of a network. */
export interface BlockOptions {
  /** The embedding of the step; null where the network has none. */
  readonly embedding: Signal | null;
  /** The map behind the attention of this name, which reads `x`. */
  readonly attention: (name: string, x: Signal) => Signal;
  /** What a residual block reads where `x` comes to it. Default: `x`. */
  readonly joined?: (x: Signal) => Signal;
  /** Told of what a block leaves behind: of each residual block, and of what changes the resolution. */
  readonly seen?: (x: Signal) => void;
}

/** Residual blocks, an attention behind each where the block has any, and a change of resolution at the end. */
export function stage(net: Network, name: string, x: Signal, options: BlockOptions): Signal {
  const { embedding, attention, joined = (each) => each, seen } = options;
  let y = x;
  const isAttentive = net.numbers(`${name}.attentions.`).length > 0;
  for (const i of net.blocks(`${name}.resnets.`)) {
    y = residualBlock(net, `${name}.resnets.${i}`, joined(y), embedding);
    if (isAttentive) y = attention(`${name}.attentions.${i}`, y);
    seen?.(y);
  }
  for (const sampler of [`${name}.downsamplers.0.conv`, `${name}.upsamplers.0.conv`]) {
    if (!net.hasLayer(sampler)) continue;
    y = read(net, sampler, y);
    seen?.(y);
  }
  return y;
}

/** Residual blocks, an attention between each two of them where there is any. */
export function middle(net: Network, name: string, x: Signal, options: BlockOptions): Signal {
  const attentions = net.numbers(`${name}.attentions.`);
  return net.blocks(`${name}.resnets.`).reduce((y, i) => {
    const z = attentions.includes(i - 1) ? options.attention(`${name}.attentions.${i - 1}`, y) : y;
    return residualBlock(net, `${name}.resnets.${i}`, z, options.embedding);
  }, x);
}

const ATTENTION: AttentionNames = {
  queries: "to_q",
  keys: "to_k",
  values: "to_v",
  output: "to_out.0",
  heads: ["attention_head_dim"],
};

/** Names before version 0.17 of diffusers. */
const FORMERLY: AttentionNames = {
  ...ATTENTION,
  queries: "query",
  keys: "key",
  values: "value",
  output: "proj_attn",
};

/** Attention of one head over all places of a map. */
export function mapAttention(net: Network, name: string, x: Signal): Signal {
  const names = net.hasLayer(`${name}.proj_attn`) ? FORMERLY : ATTENTION;
  const place = { block: name, x: gained(net, `${name}.group_norm`, x), config: { attention_head_dim: 1 } };
  return net.sum(x, selfAttention(net, names, place));
}

/** What a transformer in the middle of a map is beside its names. */
export interface TransformerOptions {
  /** What cross-attention reads: the words. */
  readonly memory: Signal;
  /** The number of heads; null where the config does not say. */
  readonly heads: number | null;
  /** Whether the first attention of a block reads the words too; null where the config would have to say. */
  readonly onlyCross: boolean | null;
}

/** A transformer over all places of a map: blocks of self-attention, cross-attention and a gated feed-forward layer. */
export function mapTransformer(net: Network, name: string, x: Signal, options: TransformerOptions): Signal {
  const { memory, heads } = options;
  const config = heads === null ? {} : { attention_head_dim: heads };
  const attention = (block: string, y: Signal, reads: Signal) =>
    selfAttention(net, ATTENTION, { block, x: y, memory: reads, config });
  let y = read(net, `${name}.proj_in`, gained(net, `${name}.norm`, x));
  for (const i of net.blocks(`${name}.transformer_blocks.`)) {
    const block = `${name}.transformer_blocks.${i}`;
    const first = gained(net, `${block}.norm1`, y);
    y = net.sum(y, attention(`${block}.attn1`, first, readsWords(net, block, y, options) ? memory : first));
    y = net.sum(y, attention(`${block}.attn2`, gained(net, `${block}.norm2`, y), memory));
    const [fused, down] = [`${block}.ff.net.0.proj`, `${block}.ff.net.2`];
    const gated = fusedUp(net, { fused, down, x: gained(net, `${block}.norm3`, y), gateLast: true });
    y = net.sum(y, read(net, down, gated));
  }
  return net.sum(x, read(net, `${name}.proj_out`, y));
}

/**
 * Whether the first attention of a block reads the words: its width tells, where words and map differ in theirs.
 *
 * @throws {RangeError} where they do not, and the config does not say
 */
function readsWords(net: Network, block: string, x: Signal, { onlyCross }: TransformerOptions): boolean {
  const [first, second] = ["attn1", "attn2"].map((name) => net.shape(`${block}.${name}.to_k.weight`)[1]);
  if (first !== net.channels(x)) return true;
  if (second !== first) return false;
  if (onlyCross === null) {
    net.fail(
      `${block}.attn1.to_k.weight`,
      `${first} in channels, as many as words have`,
      "only_cross_attention",
    );
  }
  return onlyCross;
}
