/**
 * The null control: the analysis repeated with every layer's output channels turned by a random rotation, so that every figure stands beside
 * what chance gives. Singular values, the other side's vectors and all spatial profiles stay; nothing is aligned any more.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import type { Connection, Layer, LayerGraph } from "../model/layer.ts";
import { random } from "../model/random.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

/** At which end of a connection the control has turned vectors: the left ones of its source, or the right ones of its target. */
export type TurnedEnd = "source" | "target";

/**
 * The source's output channels are turned. Where it is depthwise, with one output channel per group, there is nothing to turn: there the
 * input channels of the target are. (Where those are single too, nothing is tested.)
 */
export function turnedEnd({ source }: Connection, { layers }: Pick<LayerGraph, "layers">): TurnedEnd {
  const from = layers[source]!;
  return from.outChannels > from.groups ? "source" : "target";
}

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
export function controlPlan({ index }: Pick<Layer, "index">, graph: LayerGraph): ControlPlan {
  const plan = { left: false, right: false, turnedUses: 0, ownUses: 0 };
  for (const connection of graph.connections) {
    const turned = turnedEnd(connection, graph);
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
 * One side's vectors with the channels of each group turned by a Haar rotation `Q` of its own: `u <- Q u` at every position.
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
  const { layer, unfolding, group } = spectrum;
  const vectors = spectrum[side];
  const channels = (side === "left" ? layer.outChannels : layer.inChannels) / layer.groups;
  const carries = (side === "right") === (unfolding === "svr");
  const positions = carries ? layer.positions : 1;
  const out = matrix(vectors.rows, vectors.cols);
  for (const [number, rows] of Map.groupBy(group.keys(), (row) => group[row]!)) {
    const rotation = await haarRotation(channels, random(seed, `${stream}/${number}`), kernel, options);
    const before = byChannel(vectors, rows, channels, positions);
    // Row j of the product is Q applied to row j.
    const after = await kernel.multiply(before, rotation, { transposeB: true, ...options });
    rows.forEach((row, at) => {
      for (let k = 0; k < positions; k++) {
        for (let c = 0; c < channels; c++) {
          out.data[row * vectors.cols + c * positions + k] = after.data[(at * positions + k) * channels + c]!;
        }
      }
    });
  }
  return out;
}

/** Some vectors, a row for each of their positions. */
function byChannel(vectors: Matrix, rows: readonly number[], channels: number, positions: number): Matrix {
  const out = matrix(rows.length * positions, channels);
  rows.forEach((row, at) => {
    for (let k = 0; k < positions; k++) {
      for (let c = 0; c < channels; c++) {
        out.data[(at * positions + k) * channels + c] = vectors.data[row * vectors.cols + c * positions + k]!;
      }
    }
  });
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
