/**
 * Networks of inverted residuals: MobileNetV2 (Sandler et al. 2018), MobileNetV3 (Howard et al. 2019) and EfficientNet, the second
 * version too (Tan and Le 2019, 2021), as torchvision names them.
 *
 * A block is bypassed where its stride is 1 and its widths are equal. Weights do not tell strides: where widths are equal and the published
 * networks do not tell either, a model is not claimed.
 */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { head } from "../heads.ts";
import { Network } from "../network.ts";
import { sequence, TENSORFLOW_EPSILON, unit } from "./units.ts";

/** MobileNets of torchvision. Their blocks have one number each: those that halve the map's extent, by how many blocks there are. */
const MOBILENETS = [
  { name: "MobileNetV2", inner: "conv", strided: new Map([[17, [2, 4, 7, 14]]]), epsilon: 1e-5 },
  {
    name: "MobileNetV3",
    inner: "block",
    strided: new Map([[15, [2, 4, 7, 13]], [11, [1, 2, 4, 9]]]),
    epsilon: TENSORFLOW_EPSILON,
  },
] as const;

/** MobileNetV2 and V3 of torchvision, at any width. */
export const mobilenet: Architecture = {
  name: "MobileNet",
  build(facts) {
    for (const { name, inner, strided, epsilon } of MOBILENETS) {
      const signs = ["features.0.0.weight", `features.1.${inner}.0.0.weight`] as const;
      const net = Network.find(name, facts, [...signs]);
      if (net === null) continue;
      const blocks = net.blocks("features.");
      const strides = strided.get(blocks.length - 2) ??
        net.fail("features.", `${blocks.length - 2} blocks`, [...strided.keys()].join(" or "));
      const x = blocks.reduce((y, i) => {
        const block = `features.${i}`;
        if (net.hasLayer(`${block}.0`)) return unit(net, [`${block}.0`, `${block}.1`], y, { epsilon });
        return bypassed(
          net,
          y,
          sequence(net, `${block}.${inner}.`, y, { grouping: "depthwise", epsilon }),
          !strides.includes(i),
        );
      }, net.input());
      head(net, ["classifier"], net.flatten(net.globalPool(x)));
      return net.finish();
    }
    return null;
  },
};

/** EfficientNet of torchvision: a number for the stage and one for the block within. */
export const efficientnet: Architecture = {
  name: "EfficientNet",
  build(facts) {
    const net = Network.find("EfficientNet", facts, [
      "features.0.0.weight",
      "features.1.0.block.0.0.weight",
      "features.1.0.block.0.1.running_var",
      "features.2.0.block.0.0.weight",
    ]);
    if (net === null) return null;
    // The second version begins with dense convolutions; B5 to B7 have three blocks or more where others have one or two.
    const [, inputs] = net.shape("features.1.0.block.0.0.weight");
    const ported = inputs !== 1 || net.numbers("features.1.").length > 2;
    const epsilon = ported ? TENSORFLOW_EPSILON : 1e-5;
    const x = net.blocks("features.").reduce((y, stage) => {
      const list = `features.${stage}.`;
      if (net.hasLayer(`${list}0`)) return unit(net, [`${list}0`, `${list}1`], y, { epsilon });
      return net.blocks(list).reduce((z, i) => {
        const name = `${list}${i}`;
        return inStage(net, name, [stage - 1, i], z, sequence(net, `${name}.block.`, z, { epsilon }));
      }, y);
    }, net.input());
    head(net, ["classifier"], net.flatten(net.globalPool(x)));
    return net.finish();
  },
};

/** What comes out of a block, with what bypasses it where its stride is 1 and its widths are equal. */
export function bypassed(net: Network, x: Signal, y: Signal, unstrided: boolean): Signal {
  return unstrided && net.channels(x) === net.channels(y) ? net.sum(x, y) : y;
}

/**
 * The same where blocks have numbers within a stage: only the first one may have a stride, and that of the first stage has none.
 *
 * @throws {RangeError} when a later stage begins with a block of equal widths: its weights do not tell whether it is bypassed
 */
export function inStage(
  net: Network,
  name: string,
  [stage, i]: readonly [stage: number, block: number],
  x: Signal,
  y: Signal,
): Signal {
  if (i === 0 && stage > 0 && net.channels(x) === net.channels(y)) {
    net.fail(name, `${net.channels(x)} channels in and out`, "different numbers at the beginning of a stage");
  }
  return bypassed(net, x, y, true);
}
