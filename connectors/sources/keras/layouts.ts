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
