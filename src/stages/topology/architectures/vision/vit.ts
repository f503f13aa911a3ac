/** Vision transformers under the names of Hugging Face, timm and torchvision. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture, ModelFacts } from "../architecture.ts";
import { attend, fusedHeads } from "../attention.ts";
import { Network } from "../network.ts";
import { layerNormalized } from "./units.ts";

/** What the parts of a vision transformer are called. Names of a block are relative to it. */
interface Names {
  readonly patches: string;
  readonly positions: string;
  readonly constants: readonly string[];
  readonly blocks: string;
  readonly before: string;
  /** Three layers, or one tensor that holds all three. */
  readonly values: readonly [q: string, k: string, v: string] | string;
  readonly output: string;
  readonly between: string;
  /** Alternatives: torchvision renamed its layers. */
  readonly up: readonly string[];
  readonly down: readonly string[];
  readonly last: string;
  readonly heads: readonly string[];
  /** Scales per channel behind a block's halves. */
  readonly scales: readonly string[];
}

const HUGGING_FACE: Names = {
  patches: "embeddings.patch_embeddings.projection",
  positions: "embeddings.position_embeddings",
  constants: ["embeddings.cls_token", "embeddings.mask_token", "embeddings.distillation_token"],
  blocks: "encoder.layer.",
  before: "layernorm_before",
  values: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
  output: "attention.output.dense",
  between: "layernorm_after",
  up: ["intermediate.dense"],
  down: ["output.dense"],
  last: "layernorm",
  heads: ["classifier", "cls_classifier", "distillation_classifier"],
  scales: [],
};

/** DINOv2 (Oquab et al. 2023), with registers or without. */
const DINO: Names = {
  ...HUGGING_FACE,
  constants: ["embeddings.cls_token", "embeddings.mask_token", "embeddings.register_tokens"],
  before: "norm1",
  between: "norm2",
  up: ["mlp.fc1"],
  down: ["mlp.fc2"],
  scales: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
};

const TIMM: Names = {
  patches: "patch_embed.proj",
  positions: "pos_embed",
  constants: ["cls_token", "dist_token", "reg_token", "mask_token", "register_tokens"],
  blocks: "blocks.",
  before: "norm1",
  values: "attn.qkv.weight",
  output: "attn.proj",
  between: "norm2",
  up: ["mlp.fc1"],
  down: ["mlp.fc2"],
  last: "norm",
  heads: ["head", "head_dist"],
  scales: ["ls1.gamma", "ls2.gamma"],
};

const TORCHVISION: Names = {
  patches: "conv_proj",
  positions: "encoder.pos_embedding",
  constants: ["class_token"],
  blocks: "encoder.layers.encoder_layer_",
  before: "ln_1",
  values: "self_attention.in_proj_weight",
  output: "self_attention.out_proj",
  between: "ln_2",
  up: ["mlp.0", "mlp.linear_1"],
  down: ["mlp.3", "mlp.linear_2"],
  last: "encoder.ln",
  heads: ["heads.head"],
  scales: [],
};

/** Patches, learned positions, pre-normalized blocks. */
export const vit: Architecture = {
  name: "vit",
  build(facts) {
    for (const names of [DINO, HUGGING_FACE, TIMM, TORCHVISION]) {
      const { patches, positions, blocks, output, up } = names;
      const signs = [`${patches}.weight`, positions, `${blocks}0.${output}.weight`];
      if (names === DINO) signs.push(`${blocks}0.${up[0]}.weight`);
      const net = Network.find("vit", facts, signs as [string, ...string[]]);
      if (net !== null) return build(net, names, facts);
    }
    return null;
  },
};

function build(net: Network, names: Names, { config }: ModelFacts) {
  net.role("a constant token", ...names.constants);
  const positions = net.embedding(names.positions);
  const embedded = net.sum(net.conv(names.patches, net.input()), positions);
  const added: Signal[] = [];
  const add = (x: Signal, more: Signal) => {
    added.push(more);
    return net.sum(x, more);
  };
  const stream = net.stack(names.blocks, layerNormalized(net, "norm_pre", embedded), (block, x) => {
    net.role("a scale per channel", ...names.scales.map((each) => `${block}.${each}`));
    const y = add(
      x,
      attention(net, block, names, layerNormalized(net, `${block}.${names.before}`, x), config),
    );
    const [up, down] = [names.up, names.down].map((alternatives) => {
      const module = alternatives.find((each) => net.hasLayer(`${block}.${each}`)) ?? alternatives[0]!;
      return `${block}.${module}`;
    }) as [string, string];
    return add(y, net.linear(down, net.linear(up, layerNormalized(net, `${block}.${names.between}`, y))));
  });
  const ended = (x: Signal) => layerNormalized(net, "fc_norm", layerNormalized(net, names.last, x));
  const all = ended(stream);
  const token = readsToken(net, names) ? ended(tokenOf(net, names, { positions, stream, added })) : all;
  for (const head of names.heads) {
    if (!net.hasLayer(head)) continue;
    const both = names === DINO && net.shape(net.weight(head))[1] === 2 * net.channels(all)!;
    // DINOv2 joins the class's token and the mean of the others.
    net.linear(head, both ? net.concat(token, all) : token);
  }
  return net.finish();
}

/** Whether the head reads the class's token, not the mean of the patches: timm's networks that take the mean normalize it. */
function readsToken(net: Network, { constants: [token] }: Names): boolean {
  return net.has(token!) && !net.has("fc_norm.weight");
}

/** What a token is summed from. */
interface Sum {
  readonly positions: Signal;
  readonly stream: Signal;
  readonly added: readonly Signal[];
}

/** What stands at the position of the class's token, where no patch does: patches reach it through attention alone. */
function tokenOf(net: Network, names: Names, { positions, stream, added }: Sum): Signal {
  if (net.inPart) return net.stop("a block before is not known", net.channels(stream), stream);
  return hasPosition(net, names)
    ? net.sum(layerNormalized(net, "norm_pre", positions), ...added)
    : net.sum(...added);
}

/** Whether the class's token has a position: positions of patches alone are a square, as of DeiT III. */
function hasPosition(net: Network, { positions }: Names): boolean {
  return !Number.isInteger(Math.sqrt(net.shape(positions).at(-2)!));
}

function attention(
  net: Network,
  block: string,
  { values, output }: Names,
  x: Signal,
  config: unknown,
): Signal {
  const width = net.channels(x)!;
  const fused = typeof values === "string";
  const module = fused ? `${block}.${values.replace(/[._]weight$/, "")}` : block;
  const parts = fused
    ? ["q", "k", "v"].map((part) => `${module}.${part}`)
    : values.map((each) => `${block}.${each}`);
  const found = fused
    ? fusedHeads(net, `${block}.${values}`, parts, x)
    : separateHeads(parts.map((name) => net.linear(name, x)));
  const ends = { queries: parts.slice(0, 2), output: `${block}.${output}`, scores: found.scores };
  const heads = attend(net, found.values, width, ends, { config, key: "num_attention_heads" });
  return net.linear(ends.output, heads);
}

function separateHeads(parts: readonly Signal[]) {
  const [queries, keys, values] = parts as [Signal, Signal, Signal];
  return { values, scores: { queries, keys } };
}
