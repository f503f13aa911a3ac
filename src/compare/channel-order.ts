/**
 * Hidden channels that stand in another order in one model than in the other. Whoever reorders the rows of a layer and the columns of those that
 * read it changes no output, but every vector. Where each channel's weights have their like in the other model, the order is known.
 */

import type { Kernel } from "../kernels/kernel.ts";
import type { Connection, Layer } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

/** By channel of the base: which channel of the other model it is. */
export type ChannelOrder = Int32Array;

/** Channels whose weights agree so are the same, in the median; networks that were trained apart have none. */
const SAME = 0.9;
/** Where those of equal numbers agree so, channels are in the same order. */
const IN_ORDER = 0.5;
/** Of fewer channels, or with fewer weights each, some are alike by chance. */
const FEWEST = 8;

/** In which orders another model's layer is to be taken, null as it stands; and its weight in these orders. */
export interface LayerOrder {
  readonly out: ChannelOrder | null;
  readonly into: ChannelOrder | null;
  readonly other: readonly Matrix[];
}

/**
 * Whether a layer's out channels may stand in another order: those that a layer reads, and those beside them, of a layer that is fed by the same
 * ones, such as gates, queries and keys. Others are the model's own outputs, which keep their order.
 */
export function mayBeReordered(
  { index }: Pick<Layer, "index">,
  connections: readonly Pick<Connection, "source" | "target">[],
): boolean {
  const read = new Set(connections.map(({ source }) => source));
  if (read.has(index)) return true;
  const fed = Map.groupBy(connections, ({ target }) => target);
  const feeders = (layer: number) => (fed.get(layer) ?? []).map(({ source }) => source).sort().join();
  return fed.has(index) &&
    [...fed.keys()].some((layer) => read.has(layer) && feeders(layer) === feeders(index));
}

/**
 * The order of a layer's channels in another model. A layer in groups stays as it is, and so do the model's own outputs.
 *
 * @param layer of the base
 * @param connections of the base
 * @param weights a matrix per group, each model's, a row per out channel
 * @param orders of the out channels of layers before it; others are in the same order
 */
export async function layerOrder(
  layer: Pick<Layer, "index" | "inChannels">,
  connections: readonly Connection[],
  weights: { readonly base: readonly Matrix[]; readonly other: readonly Matrix[] },
  orders: ReadonlyMap<number, ChannelOrder>,
  kernel: Kernel,
): Promise<LayerOrder> {
  const [[own, ...groups], [others]] = [weights.base, weights.other];
  if (own === undefined || others === undefined || groups.length > 0) {
    return { out: null, into: null, other: weights.other };
  }
  const fed = fedOrder(connections.filter(({ target }) => target === layer.index), layer.inChannels, orders);
  const asFed = fed === null ? null : columnsInOrder(others, fed);
  const isSought = mayBeReordered(layer, connections);
  const orderOf = async (other: Matrix) =>
    inOrder(own, other) ? null : isSought ? await channelOrder(own, other, kernel) : undefined;
  const found = asFed === null ? undefined : await orderOf(asFed);
  // Where a guessed topology is wrong, channels agree as they stand and not as they are fed.
  const standing = found === undefined ? await orderOf(others) : undefined;
  const into = standing === undefined ? fed : null;
  const ordered = into === null || asFed === null ? others : asFed;
  const out = found ?? standing ?? null;
  return { out, into, other: [out === null ? ordered : rowsInOrder(ordered, out)] };
}

/** Cosines of row `i` of one matrix with row `j` of another, from their inner products; 0 where one of them is zero. */
function rowCosines(base: Matrix, other: Matrix) {
  const lengths = { base: rowLengths(base), other: rowLengths(other) };
  const cosine = (i: number, j: number, product: number) => {
    const length = lengths.base[i]! * lengths.other[j]!;
    return length === 0 ? 0 : product / length;
  };
  return { lengths, cosine };
}

/** Whether rows of equal numbers agree, in the median. */
function inOrder(base: Matrix, other: Matrix): boolean {
  const { cosine } = rowCosines(base, other);
  const own = Float64Array.from({ length: base.rows }, (_, i) => cosine(i, i, rowProduct(base, other, i)));
  return median(own) >= IN_ORDER;
}

/**
 * The order of a layer's out channels, which are not in the same order.
 *
 * @param base weight of the base, a row per out channel
 * @param other that of the other model, of the same shape, its in channels in the base's order
 * @returns undefined where no order is known: not every channel has one that is most like it in both directions
 */
async function channelOrder(
  base: Matrix,
  other: Matrix,
  kernel: Kernel,
): Promise<ChannelOrder | undefined> {
  const { rows } = base;
  if (rows < FEWEST || base.cols < FEWEST) return undefined;
  const { lengths, cosine } = rowCosines(base, other);
  const products = await kernel.multiply(base, other, { transposeB: true });
  const [bestOther, bestBase] = [new Int32Array(rows).fill(-1), new Int32Array(rows).fill(-1)];
  const [mostOfBase, mostOfOther] = [new Float64Array(rows).fill(0), new Float64Array(rows).fill(0)];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      const each = cosine(i, j, products.data[i * rows + j]!);
      if (each > mostOfBase[i]!) [mostOfBase[i], bestOther[i]] = [each, j];
      if (each > mostOfOther[j]!) [mostOfOther[j], bestBase[j]] = [each, i];
    }
  }
  if (median(mostOfBase) < SAME) return undefined;
  // Dead channels, whose weights are zero, are like each other and like nothing else.
  const dead = [...bestBase.keys()].filter((j) => lengths.other[j] === 0);
  for (let i = 0; i < rows; i++) {
    if (lengths.base[i] === 0) bestOther[i] = dead.shift() ?? -1;
    else if (bestBase[bestOther[i]!] !== i) return undefined;
  }
  return bestOther.includes(-1) ? undefined : bestOther;
}

/**
 * The order of a layer's in channels, from the layers that feed it.
 *
 * @param connections those that lead to the layer
 * @param channels how many it reads
 * @param orders of the out channels, by layer; layers that are not among them are in the same order
 * @returns null where they are in the same order, or are not all of one layer's, or layers disagree
 */
function fedOrder(
  connections: readonly Pick<Connection, "source" | "channels">[],
  channels: number,
  orders: ReadonlyMap<number, ChannelOrder>,
): ChannelOrder | null {
  const whole = connections.every(({ channels: [range, ...others] }) =>
    range !== undefined && others.length === 0 && range.source === 0 && range.target === 0 &&
    range.length === channels
  );
  const [first, ...others] = connections.map(({ source }) => orders.get(source));
  const agree = others.every((order) => order?.join() === first?.join());
  return whole && agree && first?.length === channels ? first : null;
}

/** A matrix whose rows are put in an order. */
function rowsInOrder({ rows, cols, data }: Matrix, order: ChannelOrder): Matrix {
  const result = matrix(rows, cols);
  order.forEach((from, to) => result.data.set(data.subarray(from * cols, (from + 1) * cols), to * cols));
  return result;
}

/** A matrix whose columns are put in an order, `positions` of each channel together. */
function columnsInOrder({ rows, cols, data }: Matrix, order: ChannelOrder): Matrix {
  const result = matrix(rows, cols);
  const positions = cols / order.length;
  for (let row = 0; row < rows; row++) {
    order.forEach((from, to) => {
      const at = row * cols + from * positions;
      result.data.set(data.subarray(at, at + positions), row * cols + to * positions);
    });
  }
  return result;
}

/** A spectrum of the unfolding `svr` whose channels are put in orders: singular values stay, vectors are reordered. */
export function spectrumInOrder(
  spectrum: Spectrum,
  { out, into }: { readonly out: ChannelOrder | null; readonly into: ChannelOrder | null },
): Spectrum {
  return {
    ...spectrum,
    left: out === null ? spectrum.left : columnsInOrder(spectrum.left, out),
    right: into === null ? spectrum.right : columnsInOrder(spectrum.right, into),
  };
}

function rowLengths(weight: Matrix): Float64Array {
  return Float64Array.from({ length: weight.rows }, (_, row) => Math.sqrt(rowProduct(weight, weight, row)));
}

function rowProduct(a: Matrix, b: Matrix, row: number): number {
  let sum = 0;
  for (let at = row * a.cols; at < (row + 1) * a.cols; at++) sum += a.data[at]! * b.data[at]!;
  return sum;
}

function median(values: Float64Array): number {
  return values.toSorted()[values.length >> 1] ?? 0;
}
