/**
 * The null control: the analysis repeated with random vectors in place of those that are tested, so that every figure stands beside
 * what chance gives.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import type { Connection, Layer, LayerGraph, Unfolding } from "../model/layer.ts";
import { random } from "../model/random.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

/** Which of a connection's vectors are random in the control: left ones of its source, right ones of its target. */
export interface ControlledEnds {
  readonly source: boolean;
  readonly target: boolean;
}

/**
 * The tested vectors are: right ones of the target in `svr`, left ones of the source in `cosvr`. Where each of these lies on a single
 * channel (depthwise layers), the overlap does not depend on them; the null speaks of the other vector there, and both are random.
 */
export function controlledEnds(
  { source, target }: Connection,
  { layers }: Pick<LayerGraph, "layers">,
  unfolding: Unfolding,
): ControlledEnds {
  const from = layers[source]!;
  const to = layers[target]!;
  return unfolding === "svr"
    ? { source: to.inChannels === to.groups, target: true }
    : { source: true, target: from.outChannels === from.groups };
}

/** What the control needs of one layer. */
export interface ControlPlan {
  /** Which of its vectors are replaced. */
  readonly left: boolean;
  readonly right: boolean;
  /** How many connections of the control use the random vectors, and how many the layer's own. */
  readonly randomUses: number;
  readonly ownUses: number;
}

/** The part of a layer in the control of its model. */
export function controlPlan(
  { index }: Pick<Layer, "index">,
  graph: LayerGraph,
  unfolding: Unfolding,
): ControlPlan {
  const plan = { left: false, right: false, randomUses: 0, ownUses: 0 };
  for (const connection of graph.connections) {
    const { source, target } = controlledEnds(connection, graph, unfolding);
    const ends: boolean[] = [];
    if (connection.source === index) {
      ends.push(source);
      plan.left ||= source;
    }
    if (connection.target === index) {
      ends.push(target);
      plan.right ||= target;
    }
    // A connection from a layer to itself uses a spectrum once, at both ends.
    if (ends.includes(true)) plan.randomUses++;
    if (ends.includes(false)) plan.ownUses++;
  }
  return plan;
}

/**
 * A Haar frame per group of neurons: orthonormal rows, uniformly distributed, independent between groups. The right singular vectors of a
 * Gaussian matrix: turned by any rotation it is as likely as before, and so are they, whatever their signs and order.
 *
 * @param group the group of each neuron (`rows` of them); none has more neurons than `cols`
 * @param stream names the random numbers; different for each frame of a run
 * @returns `rows x cols`: in the rows of a group its frame
 */
export async function haarFrames(
  group: Int32Array,
  cols: number,
  { seed, stream }: { readonly seed: number; readonly stream: string },
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Matrix> {
  const members = Map.groupBy(group.keys(), (row) => group[row]!);
  const out = matrix(group.length, cols);
  for (const [number, rows] of members) {
    const draws = new Float64Array(rows.length * cols);
    random(seed, `${stream}/${number}`).normals(draws);
    const { right } = await kernel.svd(matrix(rows.length, cols, draws), options);
    rows.forEach((row, at) => out.data.set(right.data.subarray(at * cols, (at + 1) * cols), row * cols));
  }
  return out;
}
