/** Swin, both versions (Liu et al. 2021, 2022), as torchvision, timm and Microsoft name it. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { attend, fusedHeads } from "../attention.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { layerNormalized, read } from "./units.ts";

/** What the parts are called; those of a block relative to it. */
interface Names {
  readonly patches: readonly [conv: string, norm: string];
  readonly stage: (stage: number) => string;
  /** The merging of patches that may stand before a stage: alternatives. */
  readonly merging: (stage: number) => readonly string[];
  readonly up: string;
  readonly down: string;
  readonly heads: readonly string[];
}

const TORCHVISION: Names = {
  patches: ["features.0.0", "features.0.2"],
  stage: (stage) => `features.${2 * stage + 1}.`,
  merging: (stage) => [`features.${2 * stage}`],
  up: "mlp.0",
  down: "mlp.3",
  heads: ["head"],
};

const TIMM: Names = {
  patches: ["patch_embed.proj", "patch_embed.norm"],
  stage: (stage) => `layers.${stage}.blocks.`,
  // Once at the end of the stage before, as Microsoft has it; now where the next one begins.
  merging: (stage) => [`layers.${stage - 1}.downsample`, `layers.${stage}.downsample`],
  up: "mlp.fc1",
  down: "mlp.fc2",
  heads: ["head.fc", "head"],
};

/** Swin and Swin V2. */
export const swin: Architecture = {
  name: "Swin",
  build(facts) {
    for (const names of [TORCHVISION, TIMM]) {
      const first = `${names.stage(0)}0.`;
      const signs = [`${names.patches[0]}.weight`, `${first}attn.qkv.weight`, `${first}${names.up}.weight`];
      const net = Network.find("Swin", facts, signs as [string, ...string[]]);
      const windowed = ["relative_position_bias_table", "logit_scale"];
      if (net !== null && windowed.some((each) => net.has(`${first}attn.${each}`))) {
        return build(net, names);
      }
    }
    return null;
  },
};

function build(net: Network, names: Names) {
  let x = layerNormalized(net, names.patches[1], read(net, names.patches[0], net.input()));
  // Old models of timm merge at the end of a stage: there are no blocks without one before them.
  const old = net.hasLayer("layers.0.downsample.reduction");
  for (let stage = 0; net.numbers(names.stage(stage)).length > 0; stage++) {
    const places = names.merging(stage);
    const place = places[old ? 0 : places.length - 1]!;
    if (stage > 0 && net.hasLayer(`${place}.reduction`)) x = merged(net, place, x);
    for (const i of net.blocks(names.stage(stage))) {
      x = block(net, `${names.stage(stage)}${i}.`, names, x);
    }
  }
  head(net, names.heads, net.globalPool(layerNormalized(net, "norm", x)));
  return net.finish();
}

/** Four patches side by side are projected; the second version normalizes behind that. */
function merged(net: Network, name: string, x: Signal): Signal {
  const four = net.concat(x, x, x, x);
  const [width] = net.shape(`${name}.norm.weight`);
  return width === net.channels(four)
    ? read(net, `${name}.reduction`, layerNormalized(net, `${name}.norm`, four))
    : layerNormalized(net, `${name}.norm`, read(net, `${name}.reduction`, four));
}

function block(net: Network, name: string, { up, down }: Names, x: Signal): Signal {
  const second = net.has(`${name}attn.logit_scale`);
  const before = (norm: string, y: Signal) => second ? y : layerNormalized(net, name + norm, y);
  const behind = (norm: string, y: Signal) => second ? layerNormalized(net, name + norm, y) : y;
  const y = net.sum(x, behind("norm1", attention(net, `${name}attn`, before("norm1", x))));
  const inner = read(net, name + up, before("norm2", y));
  return net.sum(y, behind("norm2", read(net, name + down, inner)));
}

function attention(net: Network, name: string, x: Signal): Signal {
  net.role(
    "which positions look at which",
    `${name}.relative_position_bias_table`,
    `${name}.relative_position_index`,
    `${name}.relative_coords_table`,
    `${name.replace(/attn$/, "attn_mask")}`,
  );
  net.role("a scale per head", `${name}.logit_scale`);
  net.role(
    "makes a bias of positions from their distances: no activation goes through",
    `${name}.cpb_mlp.0.weight`,
    `${name}.cpb_mlp.2.weight`,
  );
  const width = net.channels(x)!;
  const heads = net.shape(`${name}.relative_position_bias_table`)[1] ?? net.shape(`${name}.logit_scale`)[0]!;
  const parts = ["q", "k", "v"].map((part) => `${name}.${part}`);
  const { values, scores } = fusedHeads(net, `${name}.qkv.weight`, parts, x);
  const ends = { queries: parts.slice(0, 2), output: `${name}.proj`, scores };
  const said = { config: null, key: "num_attention_heads" } as const;
  return read(net, ends.output, attend(net, values, width, ends, said, width / heads));
}
