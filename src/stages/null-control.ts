/**
 * The null control: the analysis repeated with every layer's output channels turned by a random rotation (in `cosvr`: its input channels), so
 * that every figure stands beside what chance gives. Singular values, the other side's vectors and all spatial profiles stay; nothing is
 * aligned any more.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import { random } from "../model/random.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { liveChannels } from "./directions.ts";
import { turnedEnd } from "./overlap-geometry.ts";

/**
 * Both ends of a connection in the null control of a seed. The end that the null turns has its vectors turned; the other is as it was. A rotation
 * depends on the seed, the layer and the group only: all connections of a layer meet the same.
 *
 * @param seed any integer
 */
export async function turnedEnds(
  source: Spectrum,
  target: Spectrum,
  seed: number,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<readonly [source: Spectrum, target: Spectrum]> {
  const randomOf = (name: "left" | "right", { layer }: Spectrum) => ({
    seed,
    stream: `null control/${layer.index}/${name}`,
  });
  if (turnedEnd(source.layer, target.layer, source.unfolding) === "source") {
    const left = await turned(source, "left", randomOf("left", source), kernel, options);
    return [{ ...source, left }, target];
  }
  const right = await turned(target, "right", randomOf("right", target), kernel, options);
  return [source, { ...target, right }];
}

/**
 * One side's vectors with the live channels of each group turned by a Haar rotation `Q` of its own: `u <- Q u` at every position.
 *
 * @param side `left`: output channels; `right`: input channels
 * @param stream names the random numbers; different for each layer and side of a run
 * @returns as many rows and columns as before
 */
export async function turned(
  spectrum: Spectrum,
  side: "left" | "right",
  { seed, stream }: { readonly seed: number; readonly stream: string },
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Matrix> {
  const { layer, group } = spectrum;
  const vectors = spectrum[side];
  const live = liveChannels(spectrum, side === "left" ? "out" : "in", kernel.info.precision);
  const perGroup = live.length / layer.groups;
  const out = matrix(vectors.rows, vectors.cols);
  for (const [number, rows] of Map.groupBy(group.keys(), (row) => group[row]!)) {
    const channels = Int32Array.from({ length: perGroup }, (_, channel) => channel)
      .filter((channel) => live[number * perGroup + channel] === 1);
    if (channels.length === 0) continue;
    const rotation = await haarRotation(
      channels.length,
      random(seed, `${stream}/${number}`),
      kernel,
      options,
    );
    const places = placesOf(rows, channels, vectors.cols, vectors.cols / perGroup);
    const before = matrix(places.length / channels.length, channels.length);
    places.forEach((place, at) => before.data[at] = vectors.data[place]!);
    // Row j of the product is Q applied to row j.
    const after = await kernel.multiply(before, rotation, { transposeB: true, ...options });
    places.forEach((place, at) => out.data[place] = after.data[at]!);
  }
  return out;
}

/** Where the numbers of some vectors stand, by vector, position and channel. */
function placesOf(
  rows: readonly number[],
  channels: Int32Array,
  cols: number,
  positions: number,
): Int32Array {
  const out = new Int32Array(rows.length * positions * channels.length);
  let at = 0;
  for (const row of rows) {
    for (let k = 0; k < positions; k++) {
      for (const channel of channels) out[at++] = row * cols + channel * positions + k;
    }
  }
  return out;
}

/**
 * An orthogonal matrix, uniformly distributed: Gram and Schmidt's basis of a Gaussian matrix (Stewart 1980).
 *
 * @returns `n x n`
 */
export async function haarRotation(
  n: number,
  numbers: ReturnType<typeof random>,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Matrix> {
  const gaussian = matrix(n, n);
  numbers.normals(gaussian.data);
  return await kernel.orthonormalize(gaussian, options);
}
