/** What a user may declare about a model's topology; the config schema parses into this shape. */

import type { ChannelRange, LayerKind, Via } from "./layer.ts";
import type { FlattenOrder, WeightLayout } from "./layer-draft.ts";

/** One layer, by the name its connections use. */
export interface DeclaredLayer {
  readonly name: string;
  /** The tensor that holds its weight; by default the tensor named `name`, or `name + ".weight"`. */
  readonly weight?: string | undefined;
  /** The weight's numbers, in their order, as a tensor of this shape; default the tensor's own. */
  readonly shape?: readonly number[] | undefined;
  /** How the axes of the weight read; default `out-in`. */
  readonly order?: WeightLayout | undefined;
  /** `z` of a fully connected layer that reads a flattened map; inferred from its source where it is left out. */
  readonly positions?: number | undefined;
  /** How the map that it reads was flattened; default `channels-first`, Keras's own matrices `channels-last`. */
  readonly flatten?: FlattenOrder | undefined;
  readonly groups?: number | undefined;
  readonly kind?: LayerKind | undefined;
  /** Indices on axes in front of those of `order`: one head of `[head, in, out]`. */
  readonly index?: readonly number[] | undefined;
  /** The out channels of the weight that are this layer's; default all. */
  readonly out?: { readonly from: number; readonly length: number } | undefined;
  /** Default: the batch normalization that is stored right behind the weight. */
  readonly batchNorm?: DeclaredBatchNorm | undefined;
  /** The tensor of the gain of the normalization in front of the layer; default none. */
  readonly gain?: string | undefined;
  /** What is added to each of its numbers; default 0. */
  readonly gainOffset?: number | undefined;
}

/** A batch normalization behind a layer: none, one that is never folded in, or its tensors. */
export type DeclaredBatchNorm = "none" | "raw" | {
  readonly gamma?: string | undefined;
  readonly variance: string;
  /** Default: 1e-5. */
  readonly epsilon?: number | undefined;
};

/** One connection, between declared or plain tensor names. */
export interface DeclaredConnection {
  readonly from: string;
  readonly to: string;
  /** Default: `flatten` where the target reads several positions of each channel of a fully connected map, else `direct`. */
  readonly via?: Via | undefined;
  /** Tells several connections between the same two layers apart. Default: 0. */
  readonly part?: number | undefined;
  /** Default: all out channels of the source are the in channels of the target, in order. */
  readonly channels?: readonly ChannelRange[] | undefined;
  /** Default: `declared`. */
  readonly evidence?: "declared" | "inferred" | "guessed" | undefined;
  /** Of a connection that the weights chose: how many pairs of ports were looked at. */
  readonly looked?: number | undefined;
}

/** A declared topology: a chain, or connections, or both; layers only where the defaults do not fit. */
export interface TopologyDeclaration {
  /** A model that lends its graph, in place of all else. */
  readonly from?: string | undefined;
  readonly chain?: readonly string[] | undefined;
  readonly layers?: readonly DeclaredLayer[] | undefined;
  readonly connections?: readonly DeclaredConnection[] | undefined;
  /** `file:line:column` of what stands at these keys of the declaration, for messages; absent where it came from no file. */
  readonly place?: ((keys: readonly (string | number)[]) => string) | undefined;
}
