/**
 * Layers and the topology between them.
 *
 * A layer is a linear map with weight `W`: `m` out channels, `n` in channels and `z` positions per in channel. A
 * connection says which out channels of one layer are which in channels of another. Both are plain descriptors:
 * no weights, safe to keep by the thousand.
 */

/**
 * How a weight tensor becomes a matrix (its matricization). `svr`: `m x (n*z)`, the input side carries the positions.
 * `cosvr`: `(m*z) x n`, the output side does.
 */
export type Unfolding = "svr" | "cosvr";

/** What kind of linear map a layer is. A circuit is the product of two weights of an attention head. */
export type LayerKind = "linear" | "conv" | "conv-transpose" | "embedding" | "recurrent" | "circuit";

/** How a signal gets from one layer to the next. */
export type Via =
  | "direct"
  | "residual"
  | "concat"
  | "split"
  | "flatten"
  | "pool"
  | "attention-head"
  | "recurrent"
  | "tied";

/** Where the knowledge of a connection comes from, best first. */
export type Evidence = "graph" | "declared" | "inferred" | "guessed";

/** What happened to the batch normalization behind a layer: there is none, its scaling was ignored, or it was folded in. */
export type BatchNorm = "none" | "raw" | "folded";

/** What became of the gain of a layer or RMS normalization in front of a layer, as for `BatchNorm`. */
export type NormGain = "none" | "raw" | "folded";

/** Distances, in elements of the tensor, between neighbours along each index of a weight. 0 where there is one of it only. */
export interface WeightStrides {
  readonly group: number;
  /** Between out channels of a group. */
  readonly out: number;
  /** Between in channels of a group. */
  readonly in: number;
  readonly position: number;
}

/**
 * Where a layer's weight lies in its tensor, whatever the order of its axes: the weight of out channel `o` and in channel `c` of
 * group `g` (both counted within the group) at position `k` is element
 * `offset + g*strides.group + o*strides.out + c*strides.in + k*strides.position` of the row-major tensor.
 */
export interface WeightView {
  readonly tensor: string;
  /** The tensor's own shape. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly strides: WeightStrides;
}

/** Scaling by a batch normalization: out channel `o` is multiplied by `gamma[o] / sqrt(variance[o] + epsilon)`. */
export interface BatchNormScale {
  /** Tensor of `m` numbers; null for all ones. */
  readonly gamma: string | null;
  /** Tensor of `m` numbers. */
  readonly variance: string;
  readonly epsilon: number;
  /** Whether nothing says what epsilon is, so that it is PyTorch's default. Default: false. */
  readonly assumed?: boolean;
}

/** What normalizations do to a layer's channels, where folding can take it in. */
export interface Folding {
  readonly batchNorm?: BatchNormScale;
  /** The tensor whose entry `c`, plus `gainOffset`, multiplies in channel `c`. */
  readonly gain?: string;
  /** Default: 0. Gemma's files hold gains less 1. */
  readonly gainOffset?: number;
}

/** One linear map of a network. */
export interface Layer {
  /** Position in `LayerGraph.layers`. */
  readonly index: number;
  readonly name: string;
  readonly kind: LayerKind;
  /** Of a circuit that of its left factor. */
  readonly weight: WeightView;
  /** The weight's element type as the file spells it. */
  readonly dtype: string;
  /** `m`, over all groups. */
  readonly outChannels: number;
  /** `n`, over all groups. */
  readonly inChannels: number;
  /** `z`: kernel positions of a convolution, `H*W` of a fully connected layer that reads a flattened map, else 1. */
  readonly positions: number;
  /** Number of groups, a divisor of `m` and of `n`; 1 for a dense layer. */
  readonly groups: number;
  readonly batchNorm: BatchNorm;
  readonly normGain: NormGain;
  /** Where the factors of the normalizations around the layer are; absent where there are none that could be folded in. */
  readonly folding?: Folding;
  /** Of a circuit its two factors; absent of all other layers. */
  readonly circuit?: Circuit;
}

/** `ov`: `W_O W_V`, what a head writes of what it reads. `qk`: `W_Q' W_K`, what its queries and keys have in common, positions aside. */
export type CircuitKind = "ov" | "qk";

/** Channels `[from, from + length)`. */
export interface Channels {
  readonly from: number;
  readonly length: number;
}

/** The part of a layer's weight that is one head's: its rows (`out`) or its columns (`in`). */
export interface Factor {
  /** Dense, with one position, and with the normalizations that are folded in. */
  readonly layer: Layer;
  readonly port: "out" | "in";
  /** In the order of the head's channels. */
  readonly channels: readonly Channels[];
}

/**
 * A product `A' B` of a `width x m` and a `width x n` factor. Of an `ov` circuit `A` is from the output layer and `B` from that of the values: it writes
 * `m` channels and reads `n`. Of a `qk` circuit `A` is from the layer of the queries and `B` from that of the keys: it reads on both sides, the queries'
 * with its left vectors, the keys' with its right ones.
 */
export interface Circuit {
  readonly kind: CircuitKind;
  /** Number of the head within its block, from 0. */
  readonly head: number;
  /** Channels of the head. */
  readonly width: number;
  readonly left: Factor;
  readonly right: Factor;
}

/** Channels of a layer that are one head's. */
export interface HeadChannels {
  /** Index of the layer. */
  readonly layer: number;
  readonly channels: readonly Channels[];
}

/** Which queries of a head meet which keys. */
export interface HeadScores {
  /** The layer of the head's values. */
  readonly values: number;
  /** See `Connection.part`. */
  readonly part: number;
  readonly queries: HeadChannels;
  readonly keys: HeadChannels;
}

/** Out channels `[source, source + length)` of the source are in channels `[target, target + length)` of the target. */
export interface ChannelRange {
  readonly source: number;
  readonly target: number;
  readonly length: number;
}

/**
 * Source feeds target through a channel map.
 *
 * The ranges are disjoint on the target's side, so each in channel has at most one origin per connection; on the
 * source's side they may repeat (grouped-query heads) or leave channels out (a split, a padded shortcut).
 */
export interface Connection {
  /** Index of the source layer. */
  readonly source: number;
  /** Index of the target layer. */
  readonly target: number;
  /** Tells the connections between the same two layers apart: the number of an attention head, else 0. */
  readonly part: number;
  readonly via: Via;
  readonly evidence: Evidence;
  readonly channels: readonly ChannelRange[];
  /** Of two circuits: whether the second reads as queries, keys or values. Queries are the left side of a QK circuit, keys its right one. */
  readonly composition?: "Q" | "K" | "V";
  /** Of a connection that the weights chose: how many pairs of ports were looked at. */
  readonly looked?: number;
  /** Whether the weights support a guess of names and shapes, by a p of at most 0.01 of its own. */
  readonly supported?: boolean;
}

/** Something of a model that does not take part, and why. */
export interface Skipped {
  readonly subject: "tensor" | "layer" | "connection";
  readonly name: string;
  readonly reason: string;
}

/** Why queries and keys feed nothing: the reason of what is skipped from them to the layer behind the attention. */
export const QUERIES_AND_KEYS = "queries and keys weigh positions by a product of activations";

/** The layers of one model, who feeds whom, and everything that was left out. */
export interface LayerGraph {
  readonly layers: readonly Layer[];
  readonly connections: readonly Connection[];
  readonly skipped: readonly Skipped[];
  /** How it is known what kind of layer each is and how its weight lies, as for connections. Default: `graph`. */
  readonly evidence?: Evidence;
  /** One line each, for the user: what was guessed and on what ground. */
  readonly warnings: readonly string[];
  /** Which queries meet which keys, as far as it is known; absent where nobody asks for circuits. */
  readonly scores?: readonly HeadScores[];
}

/** `n`: the number of channels that a connection carries. */
export function sharedChannels(connection: Connection): number {
  return connection.channels.reduce((sum, range) => sum + range.length, 0);
}

/** `r = min(rows, cols)` of the unfolded weight, summed over groups: the number of spectral neurons of the layer. Of a circuit at most the head's width. */
export function rankOf(layer: Layer, unfolding: Unfolding): number {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  return layer.groups * Math.min(rows, cols, layer.circuit?.width ?? Infinity);
}

/** Rows and columns of one group's unfolded weight. */
export function unfoldedShape(layer: Layer, unfolding: Unfolding): { rows: number; cols: number } {
  const m = layer.outChannels / layer.groups;
  const n = layer.inChannels / layer.groups;
  return unfolding === "svr"
    ? { rows: m, cols: n * layer.positions }
    : { rows: m * layer.positions, cols: n };
}

/** The same graph without circuits, which come behind all other layers. */
export function withoutCircuits<T extends Pick<LayerGraph, "layers" | "connections">>(graph: T): T {
  const layers = graph.layers.filter(({ circuit }) => circuit === undefined);
  if (layers.length === graph.layers.length) return graph;
  const isThere = ({ source, target }: Connection) => Math.max(source, target) < layers.length;
  return { ...graph, layers, connections: graph.connections.filter(isThere) };
}

/** Whether every channel of a layer has a kernel of its own. */
export function isDepthwise({ groups, inChannels, outChannels }: Layer): boolean {
  return groups > 1 && groups === inChannels && groups === outChannels;
}
