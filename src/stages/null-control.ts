/**
 * The null control: the analysis repeated with every layer's output channels turned by a random rotation (in `cosvr`: its input channels), so
 * that every figure stands beside what chance gives. Singular values, the other side's vectors and all spatial profiles stay; nothing is
 * aligned any more.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import type { Layer, LayerGraph, Unfolding } from "../model/layer.ts";
import { random } from "../model/random.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { liveChannels } from "./directions.ts";
import { type TurnedEnd, turnedEnd } from "./overlap-geometry.ts";

/** What the control needs of one layer. */
export interface ControlPlan {
  /** Which of its vectors are turned. */
  readonly left: boolean;
  readonly right: boolean;
  /** How many connections of the control use the turned vectors, and how many the layer's own. */
  readonly turnedUses: number;
  readonly ownUses: number;
}

/** The part of a layer in the control of its model. */
export function controlPlan(
  { index }: Pick<Layer, "index">,
  graph: LayerGraph,
  unfolding: Unfolding,
): ControlPlan {
  const plan = { left: false, right: false, turnedUses: 0, ownUses: 0 };
  for (const connection of graph.connections) {
    const turned = turnedEnd(graph.layers[connection.source]!, graph.layers[connection.target]!, unfolding);
    const ends: TurnedEnd[] = [];
    if (connection.source === index) ends.push("source");
    if (connection.target === index) ends.push("target");
    plan.left ||= turned === "source" && ends.includes("source");
    plan.right ||= turned === "target" && ends.includes("target");
    // A connection from a layer to itself uses a spectrum once, at both ends.
    if (ends.includes(turned)) plan.turnedUses++;
    if (ends.some((end) => end !== turned)) plan.ownUses++;
  }
  return plan;
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
