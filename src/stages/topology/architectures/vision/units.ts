/** Parts of which convolutional networks are made: stricter than the words of `Network`, since shapes are most of what tells a family. */

import type { Signal } from "../../../../model/operators.ts";
import type { Network } from "../network.ts";

/** How many channels of what arrives an out channel reads: all, one, or those of its group. */
export type Grouping = "dense" | "depthwise" | "grouped";

/** The epsilon of TensorFlow's networks, and of those that were ported from it. */
export const TENSORFLOW_EPSILON = 1e-3;

/**
 * A convolution or a fully connected layer that reads channels as it is said to.
 *
 * @throws {RangeError} when its weight has another number of in channels than that, or its bias another width
 */
export function read(net: Network, module: string, x: Signal, grouping: Grouping = "dense"): Signal {
  const [out = 0, inputs] = net.shape(net.weight(module));
  const arriving = net.channels(x);
  const fits = arriving === null || grouping === "grouped" ||
    (grouping === "dense" ? inputs === arriving : inputs === 1 && out === arriving);
  if (!fits) {
    net.fail(net.weight(module), `${out} x ${inputs} channels`, `a ${grouping} layer of ${arriving}`);
  }
  const [width = out] = net.shape(`${module}.bias`);
  if (width !== out) net.fail(`${module}.bias`, `${width} numbers`, `${out}`);
  return net.conv(module, x);
}

/**
 * A batch normalization that is there.
 *
 * @throws {RangeError} when it is missing, or has another width than what arrives
 */
export function normalized(net: Network, module: string, x: Signal, epsilon?: number): Signal {
  const [width] = net.shape(`${module}.running_var`);
  if (width === undefined || width !== (net.channels(x) ?? width)) {
    net.fail(`${module}.running_var`, `${width ?? "none"}`, `${net.channels(x)} variances`);
  }
  return net.batchNorm(module, x, epsilon);
}

/**
 * A layer normalization; nothing where the network has none of this name.
 *
 * @throws {RangeError} when its gain is not one number per channel
 */
export function layerNormalized(net: Network, module: string, x: Signal): Signal {
  const [width, ...more] = net.shape(net.weight(module));
  if (width !== undefined && (more.length > 0 || width !== (net.channels(x) ?? width))) {
    net.fail(net.weight(module), `shape ${[width, ...more].join(" x ")}`, `${net.channels(x)} gains`);
  }
  return net.norm(module, x);
}

/** What a convolution with its batch normalization is beside its names. */
export interface UnitOptions {
  readonly grouping?: Grouping;
  readonly epsilon?: number | undefined;
}

/** A convolution and the batch normalization behind it. */
export function unit(
  net: Network,
  [conv, norm]: readonly [conv: string, norm: string],
  x: Signal,
  { grouping, epsilon }: UnitOptions = {},
): Signal {
  return normalized(net, norm, read(net, conv, x, grouping), epsilon);
}

/**
 * Squeeze and excitation: two layers make a scale per channel of the whole map. What is scaled keeps its channels, the way of the scale
 * ends.
 *
 * @param block what the scale is part of
 * @throws {RangeError} when there are not as many scales as channels
 */
export function excite(
  net: Network,
  block: string,
  [reduce, expand]: readonly [reduce: string, expand: string],
  x: Signal,
): Signal {
  const scale = read(net, expand, read(net, reduce, net.globalPool(x)));
  if (net.channels(scale) !== net.channels(x)) {
    net.fail(net.weight(expand), `${net.channels(scale)} out channels`, `${net.channels(x)}`);
  }
  net.noConnection(expand, block, "it scales channels of another signal: only the scaled one is followed");
  return net.act(x);
}

/**
 * A list of modules by number, one behind the other: convolutions with a normalization in a list of their own (`.0`, `.1`), squeeze and
 * excitation (`.fc1`, `.fc2`), and convolutions, fully connected layers and batch normalizations by themselves.
 *
 * @param options `grouping: "depthwise"` where every kernel of more than one position is; else shapes tell
 */
export function sequence(
  net: Network,
  list: string,
  x: Signal,
  { grouping, epsilon }: UnitOptions = {},
): Signal {
  const groupingOf = (module: string, y: Signal): Grouping => {
    const [, inputs, ...kernel] = net.shape(net.weight(module));
    if (grouping === "depthwise") return kernel.some((extent) => extent > 1) ? "depthwise" : "dense";
    return inputs === 1 && (net.channels(y) ?? 1) > 1 ? "depthwise" : "dense";
  };
  return net.numbers(list).reduce((y, i) => {
    const module = `${list}${i}`;
    if (net.hasLayer(`${module}.fc1`)) return excite(net, module, [`${module}.fc1`, `${module}.fc2`], y);
    if (net.hasLayer(`${module}.0`)) {
      const names = [`${module}.0`, `${module}.1`] as const;
      return unit(net, names, y, { grouping: groupingOf(names[0], y), epsilon });
    }
    if (net.has(`${module}.running_var`)) return normalized(net, module, y, epsilon);
    return read(net, module, y, groupingOf(module, y));
  }, x);
}
