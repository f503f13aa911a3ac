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

/** How many neurons of each group of a layer are wanted at most: of every layer, or of each. */
export type MostNeurons = number | ((layer: Layer) => number);

const mostOf = (most: MostNeurons, layer: Layer): number => typeof most === "number" ? most : most(layer);

/** Vectors that leading triplets take to converge, by experience with ordinary spectra: so many, and so many more for each triplet. */
const KRYLOV_VECTORS = 320;
const VECTORS_EACH = 4;

/**
 * Operations of a thin SVD, values and both sides' vectors: `6 L r^2 + 20 r^3` for an `r x L` matrix (Golub and Van Loan, Matrix
 * Computations, figure 8.6.1, R-SVD). A kernel that needs fewer shows more of them per second.
 *
 * @param rank so many leading triplets: about the products of the vectors that find them, with the matrix and its transpose
 */
export function svdFlops(rows: number, cols: number, rank = Infinity): number {
  const [r, long] = [Math.min(rows, cols), Math.max(rows, cols)];
  const whole = 6 * long * r * r + 20 * r ** 3;
  return rank >= r
    ? whole
    : Math.min(whole, 2 * productFlops(rows, cols, KRYLOV_VECTORS + VECTORS_EACH * rank));
}

/** Operations of the product of a `rows x inner` and an `inner x cols` matrix: a multiplication and an addition each. */
export function productFlops(rows: number, inner: number, cols: number): number {
  return 2 * rows * inner * cols;
}

/** Operations of a layer's decomposition, group by group; of a circuit those of its factors' bases, of taking vectors back, and of its core. */
export function layerFlops(layer: Layer, unfolding: Unfolding, rank: MostNeurons = Infinity): number {
  const { rows, cols } = unfoldedShape(layer, unfolding);
  const { circuit } = layer;
  if (circuit !== undefined) {
    const { width } = circuit;
    return 4 * productFlops(width, rows + cols, width) + svdFlops(width, width);
  }
  return layer.groups * svdFlops(rows, cols, mostOf(rank, layer));
}

/** Neurons of a layer: all triplets of all groups, or at most `rank` of each. */
export function neuronsOf(layer: Layer, unfolding: Unfolding, rank: MostNeurons = Infinity): number {
  return Math.min(rankOf(layer, unfolding), mostOf(rank, layer) * layer.groups);
}

/**
 * Operations of a connection's overlaps: `2 r' r n z`, an inner product for each pair of neurons over the channels `n` of one group
 * and the positions `z` of the side that carries them.
 */
export function connectionFlops(
  source: Layer,
  target: Layer,
  unfolding: Unfolding,
  rank: MostNeurons = Infinity,
): number {
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
  rank: MostNeurons = Infinity,
): number {
  const told = (layer: Layer, port: "out" | "in") =>
    channelNumbers(layer, unfolding, port, neuronsOf(layer, unfolding, rank));
  const [out, into] = [told(layers[connection.source]!, "out"), told(layers[connection.target]!, "in")];
  if (out === null || into === null || isOfCircuits(connection, layers)) return 0;
  const { length } = comparedChannels(connection);
  return comparisonFlops(length, out.neurons * out.positions) +
    comparisonFlops(length, into.neurons * into.positions);
}

/** Whether one of the ends is a circuit: of these the test is not made. */
function isOfCircuits({ source, target }: Connection, layers: readonly Layer[]): boolean {
  return [source, target].some((at) => layers[at]!.circuit !== undefined);
}

/**
 * Operations of a whole model: of its decompositions, of its overlaps, and of the tests whether layers share channels (the latter two once; a
 * null control does them again, and makes its rotations besides, which are not counted).
 */
export function graphFlops(
  { layers, connections }: LayerGraph,
  unfolding: Unfolding,
  rank: MostNeurons = Infinity,
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
