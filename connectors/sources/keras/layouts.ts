/** How the axes of Keras's weights read, by their names, where no config says what they are. */

import type { WeightLayout } from "../../../src/model/tensor.ts";

/**
 * The order of a weight's axes.
 *
 * @param words names around the weight: of layers, of classes
 * @param role its own name; a number in files of Keras 3 that do not tell more
 * @returns undefined where it is no weight
 */
export function kerasLayout(words: readonly string[], role: string, rank: number): WeightLayout | undefined {
  const says = (pattern: RegExp) => words.some((each) => pattern.test(each));
  if (rank < 2 || /^(bias|gamma|beta|moving_mean|moving_variance|alpha)$/.test(role)) return undefined;
  if (rank === 2) return "in-out";
  if (role === "depthwise_kernel" || role !== "pointwise_kernel" && says(/depthwise/i)) return "depthwise";
  return says(/transpose|deconv/i) ? "kernel-out-in" : "kernel-in-out";
}

/**
 * The layout that the bias shows: as many numbers as out channels. Keras 1 writes `[out, in, ...k]` for Theano's order of axes, and layers of a user's name
 * do not say that they are transposed.
 *
 * @param layout what the names say; taken where it fits the bias, or nothing does
 */
export function layoutByBias(layout: WeightLayout, shape: readonly number[], bias: number): WeightLayout {
  const outAxes: readonly (readonly [axis: number, layout: WeightLayout])[] = [
    [-1, "kernel-in-out"],
    [-2, "kernel-out-in"],
    [0, "out-in"],
    [1, "in-out"],
  ];
  if (shape.length < 3 || layout === "depthwise") return layout;
  const fitting = outAxes.flatMap(([axis, each]) => shape.at(axis) === bias ? [each] : []);
  return fitting.includes(layout) ? layout : fitting[0] ?? layout;
}
