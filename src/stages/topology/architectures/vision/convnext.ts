/** ConvNeXt, both versions (Liu et al. 2022, Woo et al. 2023), under the names of torchvision, timm, Meta and Hugging Face. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { layerNormalized, read } from "./units.ts";

/** What the parts are called. `stage` and `down` are asked for stage 0, 1, …; names of a block are relative to it. */
interface Names {
  readonly stem: readonly [conv: string, norm: string];
  readonly stage: (stage: number) => string;
  readonly down: (stage: number) => readonly [norm: string, conv: string];
  readonly block: readonly [deep: string, norm: string, up: string, down: string];
  /** Of a block: a scale per channel, and those of the second version's response normalization. */
  readonly scales: readonly string[];
  readonly norms: readonly string[];
  readonly heads: readonly string[];
}

const TORCHVISION: Names = {
  stem: ["features.0.0", "features.0.1"],
  stage: (stage) => `features.${2 * stage + 1}.`,
  down: (stage) => [`features.${2 * stage}.0`, `features.${2 * stage}.1`],
  block: ["block.0", "block.2", "block.3", "block.5"],
  scales: ["layer_scale"],
  norms: [],
  // The last normalization is the first of the head's list.
  heads: ["classifier"],
};

const TIMM: Names = {
  stem: ["stem.0", "stem.1"],
  stage: (stage) => `stages.${stage}.blocks.`,
  down: (stage) => [`stages.${stage}.downsample.0`, `stages.${stage}.downsample.1`],
  block: ["conv_dw", "norm", "mlp.fc1", "mlp.fc2"],
  scales: ["gamma", "mlp.grn.weight", "mlp.grn.bias"],
  norms: ["norm_pre", "head.norm"],
  heads: ["head.fc"],
};

const META: Names = {
  stem: ["downsample_layers.0.0", "downsample_layers.0.1"],
  stage: (stage) => `stages.${stage}.`,
  down: (stage) => [`downsample_layers.${stage}.0`, `downsample_layers.${stage}.1`],
  block: ["dwconv", "norm", "pwconv1", "pwconv2"],
  scales: ["gamma", "grn.gamma", "grn.beta"],
  norms: ["norm"],
  heads: ["head"],
};

const HUGGING_FACE: Names = {
  stem: ["embeddings.patch_embeddings", "embeddings.layernorm"],
  stage: (stage) => `encoder.stages.${stage}.layers.`,
  down: (stage) => [
    `encoder.stages.${stage}.downsampling_layer.0`,
    `encoder.stages.${stage}.downsampling_layer.1`,
  ],
  block: ["dwconv", "layernorm", "pwconv1", "pwconv2"],
  scales: ["layer_scale_parameter", "grn.weight", "grn.bias"],
  norms: ["layernorm"],
  heads: ["classifier"],
};

/** ConvNeXt, at any width and depth. */
export const convnext: Architecture = {
  name: "ConvNeXt",
  build(facts) {
    for (const names of [TORCHVISION, TIMM, META, HUGGING_FACE]) {
      const [deep, , up] = names.block;
      const first = `${names.stage(0)}0.`;
      const signs = [`${names.stem[0]}.weight`, `${first}${deep}.weight`, `${first}${up}.weight`] as const;
      const net = Network.find("ConvNeXt", facts, [...signs]);
      if (net !== null) return build(net, names);
    }
    return null;
  },
};

function build(net: Network, names: Names) {
  let x = layerNormalized(net, names.stem[1], read(net, names.stem[0], net.input()));
  for (let stage = 0; net.numbers(names.stage(stage)).length > 0; stage++) {
    const [norm, conv] = names.down(stage);
    if (stage > 0 && net.hasLayer(conv)) x = read(net, conv, layerNormalized(net, norm, x));
    for (const i of net.blocks(names.stage(stage))) {
      x = block(net, `${names.stage(stage)}${i}.`, names, x);
    }
  }
  const last = names.norms.reduce((y, norm) => layerNormalized(net, norm, y), net.globalPool(x));
  const hidden = "head.pre_logits.fc";
  head(net, names.heads, names === TIMM && net.hasLayer(hidden) ? read(net, hidden, last) : last);
  return net.finish();
}

function block(
  net: Network,
  name: string,
  { block: [deep, norm, up, down], scales }: Names,
  x: Signal,
): Signal {
  net.role("a scale per channel", ...scales.map((each) => name + each));
  const y = layerNormalized(net, name + norm, read(net, name + deep, x, "depthwise"));
  return net.sum(x, read(net, name + down, read(net, name + up, y)));
}
