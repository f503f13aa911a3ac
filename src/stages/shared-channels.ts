/**
 * Whether two layers share channels at all: do the channels of the source resemble each other as the channels of the target do that they are
 * said to be? If they have nothing to do with each other, relabelling those of one side changes nothing. That is a statement about a
 * connection and not about an edge, and it supposes nothing about vectors.
 *
 * How channels resemble each other is told by the cosines between what the leading neurons write to them, or read from them: an output
 * channel `c` is the vector of all `s_j u_j[c]`, an input channel that of all `s_i v_i[c, k]`. The leading ones hold what training has
 * made; the RV coefficient (Escoufier 1973) of the two cosine matrices is the statistic of the permutation test.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import type { Connection } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { permutationLogP, permutationTest, portSums, relevantPart } from "../stats/permutation-test.ts";

/** Numbers that tell a channel: of as many leading neurons as give so many. More cost more than they tell. */
const MOST_NUMBERS = 256;

/** Of more channels an evenly spread part is looked at: the test is as valid, and its matrices stay small. */
const MOST_CHANNELS = 1024;

/** Up to so many channels the moments cost nothing. */
const FEW = 96;

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
  const pairs = sharedPairs(connection);
  const out = channelVectors(source, "out", pairs.map(([from]) => from));
  const into = channelVectors(target, "in", pairs.map(([, to]) => to));
  if (out === null || into === null || pairs.length < 3) return null;
  const cosines = ({ centred: _, whole }: ChannelVectors) =>
    kernel.multiply(whole, whole, { transposeB: true, ...options });
  const [a, b] = [await cosines(out), await cosines(into)];
  if (pairs.length <= FEW) return permutationTest(a, b)?.logP ?? null;
  const [relevantA, relevantB] = [relevantPart(a), relevantPart(b)];
  if (relevantA === null || relevantB === null) return null;
  return permutationLogP(
    inner(relevantA, relevantB),
    portSums(relevantA, await cubeTrace(out, relevantA, kernel, options)),
    portSums(relevantB, await cubeTrace(into, relevantB, kernel, options)),
  );
}

/** Each source channel once, with the first channel of the target that it feeds; at most `MOST_CHANNELS`. */
function sharedPairs({ channels }: Connection): readonly (readonly [source: number, target: number])[] {
  const met = new Map<number, number>();
  for (const { source, target, length } of channels) {
    for (let c = 0; c < length; c++) if (!met.has(source + c)) met.set(source + c, target + c);
  }
  const step = Math.ceil(met.size / MOST_CHANNELS);
  return [...met].filter((_, at) => at % step === 0);
}

/** Channels by what tells them. */
interface ChannelVectors {
  /** A unit vector per channel, or zeros for one that carries nothing. */
  readonly whole: Matrix;
  /** The same less their mean. */
  readonly centred: Matrix;
}

function channelVectors(
  spectrum: Spectrum,
  port: "out" | "in",
  channels: readonly number[],
): ChannelVectors | null {
  const { layer, unfolding, singularValues } = spectrum;
  const vectors = port === "out" ? spectrum.left : spectrum.right;
  const carries = (port === "in") === (unfolding === "svr");
  const z = carries ? layer.positions : 1;
  if (layer.groups > 1) return depthwiseVectors(spectrum, channels);
  const neurons = Math.min(singularValues.length, Math.max(1, Math.floor(MOST_NUMBERS / z)));
  const numbers = neurons * z;
  const whole = matrix(channels.length, numbers);
  channels.forEach((channel, row) => {
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
): ChannelVectors | null {
  if (layer.groups !== layer.outChannels || layer.groups !== layer.inChannels) return null;
  const [kernels, other] = unfolding === "svr" ? [right, left] : [left, right];
  const z = layer.positions;
  const neuronOf = new Int32Array(layer.groups).fill(-1);
  group.forEach((g, neuron) => neuronOf[g] = neuron);
  const whole = matrix(channels.length, z);
  channels.forEach((channel, row) => {
    const neuron = neuronOf[channel]!;
    if (neuron < 0) return;
    const sign = other.data[neuron]!;
    for (let k = 0; k < z; k++) whole.data[row * z + k] = sign * kernels.data[neuron * z + k]!;
  });
  return normalized(whole);
}

function normalized(whole: Matrix): ChannelVectors {
  const { rows, cols, data } = whole;
  const mean = new Float64Array(cols);
  for (let row = 0; row < rows; row++) {
    let square = 0;
    for (let at = row * cols; at < (row + 1) * cols; at++) square += data[at]! * data[at]!;
    if (square === 0) continue;
    const norm = Math.sqrt(square);
    for (let col = 0; col < cols; col++) mean[col]! += (data[row * cols + col]! /= norm) / rows;
  }
  return { whole, centred: matrix(rows, cols, data.map((value, at) => value - mean[at % cols]!)) };
}

/**
 * `tr A^3` of a relevant part `A = (H C H - t H) / |…|`, `C = X X'`, `H` the centring: from the smaller of `X' H X` and `A`.
 */
async function cubeTrace(
  { centred }: ChannelVectors,
  relevant: Matrix,
  kernel: Kernel,
  options: CallOptions,
): Promise<number> {
  const { rows: n, cols } = centred;
  if (cols >= n) return inner(await kernel.multiply(relevant, relevant, options), relevant);
  const transposed = matrix(cols, n);
  for (let row = 0; row < n; row++) {
    for (let col = 0; col < cols; col++) transposed.data[col * n + row] = centred.data[row * cols + col]!;
  }
  const gram = await kernel.multiply(transposed, transposed, { transposeB: true, ...options });
  let first = 0;
  for (let at = 0; at < gram.data.length; at += cols + 1) first += gram.data[at]!;
  const second = inner(gram, gram);
  const third = inner(await kernel.multiply(gram, gram, options), gram);
  const t = first / (n - 1);
  const square = second - 2 * t * first + t * t * (n - 1);
  return (third - 3 * t * second + 3 * t * t * first - t ** 3 * (n - 1)) / square ** 1.5;
}

/** `<A, B>`. */
function inner(a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let at = 0; at < a.data.length; at++) sum += a.data[at]! * b.data[at]!;
  return sum;
}
