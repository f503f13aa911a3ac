/** How much work a model is: floating-point operations of its decompositions and overlaps, whatever way a kernel does them. */

import {
  type Connection,
  type Layer,
  type LayerGraph,
  rankOf,
  unfoldedShape,
  type Unfolding,
} from "../model/layer.ts";
import { channelNumbers, comparedChannels, FEW_CHANNELS } from "./compared-channels.ts";

/** A randomized method forms this many products with the matrix: a sketch, two power iterations and a projection. */
const PASSES = 6;

/**
 * Operations of a thin SVD, values and both sides' vectors: `6 L r^2 + 20 r^3` for an `r x L` matrix (Golub and Van Loan, Matrix
 * Computations, figure 8.6.1, R-SVD). A kernel that needs fewer shows more of them per second.
 *
 * @param rank about so many leading triplets, by a randomized method: its products, and the SVD of the sketch
 */
export function svdFlops(rows: number, cols: number, rank = Infinity): number {
  const [r, long] = [Math.min(rows, cols), Math.max(rows, cols)];
  if (rank >= r) return 6 * long * r * r + 20 * r ** 3;
  return PASSES * productFlops(rows, cols, rank) + svdFlops(rank, long);
}

/** Operations of the product of a `rows x inner` and an `inner x cols` matrix: a multiplication and an addition each. */
export function productFlops(rows: number, inner: number, cols: number): number {
  return 2 * rows * inner * cols;
}

/** Operations of a layer's decomposition, group by group. */
export function layerFlops(layer: Layer, unfolding: Unfolding, rank = Infinity): number {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  return layer.groups * svdFlops(rows, cols, rank);
}

/** Neurons of a layer: all triplets of all groups, or about `rank` of each. */
export function neuronsOf(layer: Layer, unfolding: Unfolding, rank = Infinity): number {
  return Math.min(rankOf(layer, unfolding), rank * layer.groups);
}

/**
 * Operations of a connection's overlaps: `2 r' r n z`, an inner product for each pair of neurons over the channels `n` of one group
 * and the positions `z` of the side that carries them.
 */
export function connectionFlops(source: Layer, target: Layer, unfolding: Unfolding, rank = Infinity): number {
  const pairs = neuronsOf(source, unfolding, rank) * neuronsOf(target, unfolding, rank);
  const vector = unfolding === "svr"
    ? target.inChannels / target.groups * target.positions
    : source.outChannels / source.groups * source.positions;
  return 2 * pairs * vector;
}

/**
 * Operations of comparing channels on one side of a connection: the cosines between `rows` channels of `cols` numbers each, and for the
 * moments of many of them the square of these.
 */
export function comparisonFlops(rows: number, cols: number): number {
  return productFlops(rows, cols, rows) + (rows > FEW_CHANNELS ? productFlops(rows, rows, rows) : 0);
}

/** Operations of the test whether two layers share channels. */
export function sharedChannelFlops(
  connection: Connection,
  { layers }: Pick<LayerGraph, "layers">,
  unfolding: Unfolding,
  rank = Infinity,
): number {
  const told = (layer: Layer, port: "out" | "in") =>
    channelNumbers(layer, unfolding, port, neuronsOf(layer, unfolding, rank));
  const [out, into] = [told(layers[connection.source]!, "out"), told(layers[connection.target]!, "in")];
  if (out === null || into === null) return 0;
  const { length } = comparedChannels(connection);
  return comparisonFlops(length, out.neurons * out.positions) +
    comparisonFlops(length, into.neurons * into.positions);
}

/**
 * Operations of a whole model: of its decompositions, of its overlaps, and of the tests whether layers share channels (the latter two once; a
 * null control does them again, and makes its rotations besides, which are not counted).
 */
export function graphFlops(
  { layers, connections }: LayerGraph,
  unfolding: Unfolding,
  rank = Infinity,
): { readonly spectra: number; readonly overlaps: number; readonly comparisons: number } {
  const between = ({ source, target }: Connection) =>
    connectionFlops(layers[source]!, layers[target]!, unfolding, rank);
  return {
    spectra: layers.reduce((sum, layer) => sum + layerFlops(layer, unfolding, rank), 0),
    overlaps: connections.reduce((sum, connection) => sum + between(connection), 0),
    comparisons: connections.reduce(
      (sum, connection) => sum + sharedChannelFlops(connection, { layers }, unfolding, rank),
      0,
    ),
  };
}
