/**
 * Networks of inverted residuals as timm names them, all alike: MobileNetV2 and V3, EfficientNet of both versions, MNASNet, FBNet, LCNet,
 * MobileNetV1.
 */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { inStage } from "./mobilenet.ts";
import { excite, type Grouping, read, unit } from "./units.ts";

/** A convolution, its normalization, and how it reads; an excitation where there is one. */
type Step = readonly [conv: string, norm: string, grouping: Grouping] | "excite";

type Kind = "dense expansion" | "inverted residual" | "separable" | "plain";

/** What a block is made of, by the layer that no other kind has; the first that is there. */
const BLOCKS: readonly (readonly [sign: string, kind: Kind, steps: readonly Step[]])[] = [
  ["conv_exp", "dense expansion", [["conv_exp", "bn1", "dense"], "excite", ["conv_pwl", "bn2", "dense"]]],
  ["conv_pwl", "inverted residual", [
    ["conv_pw", "bn1", "dense"],
    ["conv_dw", "bn2", "depthwise"],
    "excite",
    ["conv_pwl", "bn3", "dense"],
  ]],
  ["conv_pw", "separable", [["conv_dw", "bn1", "depthwise"], "excite", ["conv_pw", "bn2", "dense"]]],
  ["conv", "plain", [["conv", "bn1", "dense"]]],
];

/** EfficientNet and MobileNets of timm. */
export const timmMobile: Architecture = {
  name: "EfficientNet",
  build(facts) {
    const net = Network.find("EfficientNet", facts, ["conv_stem.weight", "blocks.0.0.bn1.running_var"]);
    if (net === null) return null;
    const stages = net.blocks("blocks.").map((stage) =>
      net.blocks(`blocks.${stage}.`).map((i) => `blocks.${stage}.${i}`)
    );
    // LCNet and MobileNetV1, of separable convolutions alone, have nothing that bypasses one.
    const chain = stages.flat().every((name) => kindOf(net, name)?.[1] === "separable");
    let x = unit(net, ["conv_stem", "bn1"], net.input());
    stages.forEach((names, stage) =>
      names.forEach((name, i) => {
        const { y, kind } = block(net, name, x);
        const bypassed = !chain && mayBypass(net, kind, [stage, i]);
        x = bypassed ? inStage(net, name, [stage, i], x, y) : y;
      })
    );
    // MobileNetV3 pools first.
    if (!net.has("bn2.running_var")) x = net.globalPool(x);
    if (net.hasLayer("conv_head")) x = read(net, "conv_head", x);
    if (net.has("bn2.running_var")) x = net.globalPool(net.batchNorm("bn2", x));
    head(net, ["classifier"], net.flatten(x));
    return net.finish();
  },
};

function kindOf(net: Network, name: string): typeof BLOCKS[number] | undefined {
  return BLOCKS.find(([sign]) => net.hasLayer(`${name}.${sign}`));
}

function block(net: Network, name: string, x: Signal): { readonly y: Signal; readonly kind: Kind } {
  const [, kind, steps] = kindOf(net, name) ?? net.fail(name, "no convolution", "a block's");
  const excitation = excitationOf(name);
  const excited = net.hasLayer(excitation[0]);
  const y = steps.reduce<Signal>((z, step) => {
    if (step === "excite") return excited ? excite(net, `${name}.se`, excitation, z) : z;
    const [conv, norm, grouping] = step;
    return unit(net, [`${name}.${conv}`, `${name}.${norm}`], z, { grouping });
  }, x);
  return { y, kind };
}

const excitationOf = (name: string) => [`${name}.se.conv_reduce`, `${name}.se.conv_expand`] as const;

/** Whether a block of equal widths may be bypassed, where the published networks differ in what their weights do not tell. */
function mayBypass(net: Network, kind: Kind, [stage, i]: readonly [stage: number, block: number]): boolean {
  // EfficientNetV2 begins with bypassed convolutions; MobileNetV3 ends with others, which are not.
  if (kind === "plain") return stage === 0;
  // EfficientNet-EdgeTPU begins with dense convolutions that make a map wider and that nothing bypasses.
  if (kind === "dense expansion") {
    const [out, inputs] = net.shape(`blocks.${stage}.${i}.conv_exp.weight`);
    return stage > 0 || out === inputs;
  }
  if (kind !== "separable" || stage > 0 || i > 0) return true;
  // MobileNetV3-Small halves the map there: it alone excites such a block, and has six stages.
  if (net.hasLayer(excitationOf("blocks.0.0")[0])) return false;
  const pooledBefore = !net.has("bn2.running_var");
  if (pooledBefore && net.numbers("blocks.").length === 6) return false;
  // A variant of the large one has no bias behind its pooling, as FBNetV3, which has more such blocks.
  return !pooledBefore || net.has("conv_head.bias") || net.numbers("blocks.0.").length > 1;
}
