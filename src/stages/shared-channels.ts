/**
 * Whether two layers share channels at all: do the channels of the source resemble each other as the channels of the target do that they are
 * said to be? If they have nothing to do with each other, relabelling those of one side changes nothing. That is a statement about a
 * connection and not about an edge, and it supposes nothing about vectors.
 *
 * How channels resemble each other is told by the cosines between what the leading neurons write to them, or read from them: an output
 * channel `c` is the vector of all `s_j u_j[c]`, an input channel that of all `s_i v_i[c, k]`. The leading ones hold what training has
 * made; the RV coefficient (Escoufier 1973) of the two cosine matrices is the statistic of the permutation test.
 */

import type { CallOptions, Handed, Kernel, KernelInfo } from "../kernels/kernel.ts";
import type { Connection } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { boundedKernel } from "../stats/bounded-kernel.ts";
import {
  permutationLogP,
  permutationTest,
  type PortSums,
  portSums,
  relevantPart,
} from "../stats/permutation-test.ts";
import { channelNumbers, comparedChannels, FEW_CHANNELS } from "./compared-channels.ts";
import { liveChannels } from "./directions.ts";
import { comparisonFlops } from "./flops.ts";

/**
 * `ln p` of the permutation test of a connection.
 *
 * @returns null where there is nothing to compare: fewer than 3 channels; a layer in groups of several channels, which cannot be
 *   exchanged between groups; channels that all resemble each other alike, as of zero or orthogonal weights
 */
export async function sharedChannels(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<number | null> {
  const { channels } = connection;
  return await portsAgree(
    channels,
    { spectrum: source, port: "out" },
    { spectrum: target, port: "in" },
    kernel,
    options,
  );
}

/** One side of a layer. */
export interface Port {
  readonly spectrum: Spectrum;
  readonly port: "out" | "in";
}

/**
 * `ln p` of the permutation test of any two ports, of one model or of two.
 *
 * @param channels which channels of the first are held against which of the second
 * @returns null as `sharedChannels`
 */
export async function portsAgree(
  channels: Connection["channels"],
  first: Port,
  second: Port,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<number | null> {
  const pairs = comparedChannels({ channels });
  const { precision } = kernel.info;
  const out = channelVectors(first.spectrum, first.port, pairs.map(([from]) => from), precision);
  const into = channelVectors(second.spectrum, second.port, pairs.map(([, to]) => to), precision);
  if (out === null || into === null) return null;
  const { within } = kernel;
  if (within === undefined) return (await answer({ out, into }, kernel)).value;
  return await within<ComparedChannels, number | null>(
    import.meta.url,
    () => {
      // Asked once more, it must have them still.
      const value = { out: copyOf(out), into: copyOf(into) };
      return { value, given: [value.out.data.buffer, value.into.data.buffer] };
    },
    {
      ...options,
      flops: comparisonFlops(out.rows, out.cols) + comparisonFlops(into.rows, into.cols),
    },
  );
}

const copyOf = ({ rows, cols, data }: Matrix): Matrix => matrix(rows, cols, data.slice());

/** Both sides' channels, row by row the same ones: a unit vector each, or zeros. */
interface ComparedChannels {
  readonly out: Matrix;
  readonly into: Matrix;
}

/** Compares in a thread of the kernel's: the work that its `within` is asked to do. */
export default async function answer(
  { out, into }: ComparedChannels,
  kernel: Kernel,
): Promise<Handed<number | null>> {
  const cosines = async (channels: Matrix) =>
    boundedKernel(await kernel.multiply(channels, channels, { transposeB: true }));
  const [a, b] = [await cosines(out), await cosines(into)];
  if (out.rows <= FEW_CHANNELS) return { value: permutationTest(a, b)?.logP ?? null, given: [] };
  const [left, right] = [relevantPart(a), relevantPart(b)];
  if (left === null || right === null) return { value: null, given: [] };
  const sums = [await kernelSums(left, kernel), await kernelSums(right, kernel)] as const;
  return { value: permutationLogP(inner(left, right), ...sums), given: [] };
}

/**
 * What the moments need of a port's kernel; the one sum that is slow is a product of the linear algebra's where there are many channels.
 *
 * @param part symmetric, as `relevantPart` gives it
 */
export async function kernelSums(part: Matrix, kernel: Kernel, options: CallOptions = {}): Promise<PortSums> {
  if (part.rows <= FEW_CHANNELS) return portSums(part);
  return portSums(part, inner(await kernel.multiply(part, part, { ...options, transposeB: true }), part));
}

/** `<A, B>`. */
function inner(a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let at = 0; at < a.data.length; at++) sum += a.data[at]! * b.data[at]!;
  return sum;
}

/**
 * A unit vector per channel, by what the leading neurons write to it or read from it; zeros where that is nothing but rounding, which would
 * else have length 1 too.
 */
function channelVectors(
  spectrum: Spectrum,
  port: "out" | "in",
  channels: readonly number[],
  precision: KernelInfo["precision"],
): Matrix | null {
  const { layer, unfolding, singularValues } = spectrum;
  const vectors = port === "out" ? spectrum.left : spectrum.right;
  const compared = channelNumbers(layer, unfolding, port, singularValues.length);
  if (compared === null) return null;
  const live = liveChannels(spectrum, port, precision);
  if (layer.groups > 1) return depthwiseVectors(spectrum, channels, live);
  const { neurons, positions: z } = compared;
  const numbers = neurons * z;
  const whole = matrix(channels.length, numbers);
  channels.forEach((channel, row) => {
    if (live[channel] === 0) return;
    for (let j = 0; j < neurons; j++) {
      for (let k = 0; k < z; k++) {
        whole.data[row * numbers + j * z + k] = singularValues[j]! *
          vectors.data[j * vectors.cols + channel * z + k]!;
      }
    }
  });
  return normalized(whole);
}

/** A depthwise layer's channels by their kernels: each has its own, at the same positions. */
function depthwiseVectors(
  { layer, unfolding, left, right, group }: Spectrum,
  channels: readonly number[],
  live: Uint8Array,
): Matrix {
  const [kernels, other] = unfolding === "svr" ? [right, left] : [left, right];
  const z = layer.positions;
  const neuronOf = new Int32Array(layer.groups).fill(-1);
  group.forEach((g, neuron) => neuronOf[g] = neuron);
  const whole = matrix(channels.length, z);
  channels.forEach((channel, row) => {
    const neuron = neuronOf[channel]!;
    if (neuron < 0 || live[channel] === 0) return;
    const sign = other.data[neuron]!;
    for (let k = 0; k < z; k++) whole.data[row * z + k] = sign * kernels.data[neuron * z + k]!;
  });
  return normalized(whole);
}

/** Each row divided by its length; in place. */
function normalized(vectors: Matrix): Matrix {
  const { rows, cols, data } = vectors;
  for (let row = 0; row < rows; row++) {
    let square = 0;
    for (let at = row * cols; at < (row + 1) * cols; at++) square += data[at]! * data[at]!;
    if (square === 0) continue;
    const norm = Math.sqrt(square);
    for (let at = row * cols; at < (row + 1) * cols; at++) data[at]! /= norm;
  }
  return vectors;
}
