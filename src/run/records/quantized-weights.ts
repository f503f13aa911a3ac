/** Which weights of a model were quantized, and how they were read. */

import type { TensorInfo } from "../../model/tensor.ts";

/** Weights that were read by one rule. */
export interface QuantizedWeights {
  /** How their real numbers are computed, and what says so. */
  readonly rule: string;
  readonly tensors: number;
  /** The first of them in the file. */
  readonly first: string;
}

/** Quantized weights by their rules, in the order of the file. */
export function quantizedWeights(
  tensors: readonly Pick<TensorInfo, "name" | "rule">[],
): readonly QuantizedWeights[] {
  const quantized = tensors.filter(({ rule }) => rule !== undefined);
  return Array.from(Map.groupBy(quantized, ({ rule }) => rule!), ([rule, all]) => ({
    rule,
    tensors: all.length,
    first: all[0]!.name,
  }));
}
