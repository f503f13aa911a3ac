/** Which tensors of a model may be weights, by shape and name alone: for graphs that are declared or guessed. */

import { show } from "../../model/errors.ts";
import type { BatchNorm, Folding, Skipped } from "../../model/layer.ts";
import type { LayerDraft } from "../../model/layer-draft.ts";
import type { TensorInfo } from "../../model/tensor.ts";

/** More axes than a 3-D convolution has (out, in, depth, height, width) are nothing this method knows. */
const MOST_AXES = 5;

/** PyTorch's default, which a state dict does not say. */
export const EPSILON = 1e-5;

/** Why a tensor is no layer's weight; null where it may be one. */
export function skipReason(tensor: TensorInfo): string | null {
  if (tensor.shape.length < 2) {
    return `${tensor.shape.length} dimensions: a bias, a normalization or a counter, not a linear map`;
  }
  if (tensor.shape.length > MOST_AXES) return `${tensor.shape.length} dimensions, required 2 to ${MOST_AXES}`;
  if (tensor.shape.includes(0)) return `shape ${show(tensor.shape)} holds no element`;
  if (tensor.unreadable !== undefined) return tensor.unreadable;
  return /^([IU]\d+|BOOL)$/.test(tensor.dtype)
    ? `dtype ${tensor.dtype}: indices, a mask or quantized numbers, not weights`
    : null;
}

/** Tensors that may be weights, and the others with the reason. */
export function sorted(tensors: readonly TensorInfo[]): {
  readonly weights: readonly TensorInfo[];
  readonly skipped: readonly Skipped[];
} {
  return {
    weights: tensors.filter((tensor) => skipReason(tensor) === null),
    skipped: tensors.flatMap((tensor): Skipped[] => {
      const reason = skipReason(tensor);
      return reason === null ? [] : [{ subject: "tensor", name: tensor.name, reason }];
    }),
  };
}

/** PyTorch calls a layer's weight `<module>.weight`: the module's name says more. */
export function layerName(tensor: string): string {
  return tensor.endsWith(".weight") && tensor.length > 7 ? tensor.slice(0, -7) : tensor;
}

/** A normalization with running statistics of the right size, stored right behind a weight, belongs to it. */
export function normalizationBehind(
  draft: LayerDraft,
  all: readonly TensorInfo[],
): { readonly batchNorm: BatchNorm; readonly folding?: Folding } {
  const at = all.findIndex((tensor) => tensor.name === draft.tensor.name);
  const next = all.findIndex((tensor, index) => index > at && tensor.shape.length > 1);
  const behind = all.slice(at + 1, next < 0 ? all.length : next);
  const fits = ({ shape }: TensorInfo) => shape.length === 1 && shape[0] === draft.outChannels;
  const variance = behind.find((tensor) => tensor.name.endsWith("running_var") && fits(tensor));
  if (variance === undefined) return { batchNorm: "none" };
  const gamma = `${variance.name.slice(0, -"running_var".length)}weight`;
  const known = all.some((tensor) => tensor.name === gamma && fits(tensor));
  return {
    batchNorm: "raw",
    folding: { batchNorm: { gamma: known ? gamma : null, variance: variance.name, epsilon: EPSILON } },
  };
}
