/** A layer before its place in the graph is known. */

import type { LayerKind } from "../model/layer.ts";
import type { TensorInfo } from "../model/tensor.ts";

/** A layer before its place in the graph is known. `inputs` is `n*z` per group; `positions` is null while unknown. */
export interface LayerDraft {
  readonly name: string;
  readonly kind: LayerKind;
  readonly tensor: TensorInfo;
  readonly order: "out-in" | "in-out";
  readonly outChannels: number;
  readonly inputs: number;
  readonly groups: number;
  readonly positions: number | null;
}

/** `z` of a layer that reads all out channels of `source`, or null where they do not fit. */
export function positionsFrom(source: LayerDraft, target: LayerDraft): number | null {
  const inputs = target.inputs * target.groups;
  if (target.positions !== null) {
    return inputs === source.outChannels * target.positions ? target.positions : null;
  }
  if (inputs % source.outChannels !== 0) return null;
  const positions = inputs / source.outChannels;
  // A vector has one position; only a feature map is flattened.
  return positions === 1 || source.kind === "conv" ? positions : null;
}
