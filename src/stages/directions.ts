/**
 * Which neurons have a direction of their own. A singular value that is rounding has none, and of equal singular values only the subspace is
 * known: each kernel returns a basis of its own. The basis is made one that depends on the subspace alone.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import { unfoldedShape } from "../model/layer.ts";
import { random } from "../model/random.ts";
import { fixSigns } from "../model/signs.ts";
import type { Spectrum, Svd } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

/** What is computed in double precision is known to this, relative to the largest; single: to the other. */
const EPSILON = { f64: 2 ** -52, f32: 2 ** -23 } as const;

/**
 * Values that are equal come out as far apart as nine `eps`, of small matrices too. In single precision there can be no more room:
 * `max(rows, cols) * eps` exceeds the distances in an ordinary spectrum of a few thousand neurons, and all of it would be one cluster.
 */
const EQUAL = 16;

/** Singular values closer than this share of the largest are one; and up to the other they are rounding. */
interface Tolerances {
  readonly cluster: number;
  readonly nullNeuron: number;
}

function tolerances({ rows, cols }: Shape, precision: keyof typeof EPSILON): Tolerances {
  const side = Math.max(rows, cols);
  const eps = EPSILON[precision];
  return {
    nullNeuron: side * eps,
    cluster: (precision === "f64" ? Math.max(side, EQUAL) : EQUAL) * eps,
  };
}

/** Rows and columns of one group's matrix. */
type Shape = Pick<Matrix, "rows" | "cols">;

/** Consecutive positions `[from, to)`. */
interface Run {
  readonly from: number;
  readonly to: number;
}

/** Runs of singular values of one matrix that are one value, two or more each, and all that are rounding as the last. */
function runs(
  values: ArrayLike<number>,
  { cluster, nullNeuron }: Tolerances,
): { clusters: Run[]; nulls: Run } {
  const largest = values[0] ?? 0;
  let known = values.length;
  while (known > 0 && values[known - 1]! <= nullNeuron * largest) known--;
  const clusters: Run[] = [];
  for (let from = 0, to = 1; from < known; from = to, to++) {
    while (to < known && values[to - 1]! - values[to]! <= cluster * largest) to++;
    if (to - from > 1) clusters.push({ from, to });
  }
  return { clusters, nulls: { from: known, to: values.length } };
}

/**
 * Which neurons of a layer are null, and which share a singular value.
 *
 * Null: `s_j <= max(rows, cols) * eps * s_1`, `s_1` that of the neuron's group; all of a zero matrix. Clustered: neighbours within a group that
 * are no farther apart than that, or than `16 eps s_1`; null neurons among themselves.
 *
 * @param shape of each group's matrix
 * @param precision in which it was decomposed
 */
export function directions(
  { singularValues, group }: Pick<Spectrum, "singularValues" | "group">,
  shape: Shape,
  precision: keyof typeof EPSILON,
): Pick<Spectrum, "nullNeurons" | "clustered"> {
  const nullNeurons = new Uint8Array(singularValues.length);
  const clustered = new Uint8Array(singularValues.length);
  const limits = tolerances(shape, precision);
  for (const members of Map.groupBy(group.keys(), (neuron) => group[neuron]!).values()) {
    const found = runs(members.map((neuron) => singularValues[neuron]!), limits);
    const mark = (flags: Uint8Array, { from, to }: Run) => {
      for (let at = from; at < to; at++) flags[members[at]!] = 1;
    };
    mark(nullNeurons, found.nulls);
    for (const each of found.clusters) mark(clustered, each);
    if (found.nulls.to - found.nulls.from > 1) mark(clustered, found.nulls);
  }
  return { nullNeurons, clustered };
}

/** A neuron of one of several groups, and its place among those of its group. */
export interface GroupNeuron {
  readonly group: number;
  readonly at: number;
}

/**
 * The neurons of all groups, in an order upon which rounding has no say: by singular value, descending; of those that are one value up to
 * rounding first the first group's; null neurons last, group by group.
 *
 * @param groups the singular values of each, descending
 */
export function neuronOrder(
  groups: readonly Float64Array[],
  shape: Shape,
  precision: keyof typeof EPSILON,
): readonly GroupNeuron[] {
  const limits = tolerances(shape, precision);
  const known: (GroupNeuron & { readonly value: number })[] = [];
  const nullNeurons: GroupNeuron[] = [];
  groups.forEach((values, group) => {
    const { nulls } = runs(values, limits);
    values.forEach((value, at) => {
      if (at < nulls.from) known.push({ group, at, value });
      else nullNeurons.push({ group, at });
    });
  });
  known.sort((a, b) => b.value - a.value);
  const near = (a: number, b: number) => {
    const [before, behind] = [known[a]!, known[b]!];
    const largest = Math.max(groups[before.group]![0]!, groups[behind.group]![0]!);
    return before.value - behind.value <= limits.cluster * largest;
  };
  const ordered: GroupNeuron[] = [];
  for (let from = 0, to = 1; from < known.length; from = to, to++) {
    while (to < known.length && near(to - 1, to)) to++;
    ordered.push(...known.slice(from, to).sort((a, b) => a.group - b.group || a.at - b.at));
  }
  return [...ordered, ...nullNeurons];
}

/**
 * The same decomposition with canonical vectors where any would do. In a cluster: Gaussian vectors, projected on its left subspace and made
 * orthonormal; the right ones follow. Null neurons: the same, on both sides, in what the other neurons leave over.
 *
 * @param seed of the Gaussian vectors; from the matrix (`contentSeed`), so that two layers do not choose alike
 * @param found of one matrix; its vectors are overwritten
 */
export async function canonical(
  found: Svd,
  shape: Shape,
  seed: number,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Svd> {
  const { left, right, singularValues } = found;
  const { clusters, nulls } = runs(singularValues, tolerances(shape, kernel.info.precision));
  for (const run of clusters) {
    const gaussian = normals(run, left.cols, seed, "left");
    const along = await kernel.multiply(gaussian, rowsAt(left, run), { transposeB: true, ...options });
    const turn = await kernel.orthonormalize(along, options);
    for (const side of [left, right]) {
      rowsAt(side, run).data.set((await kernel.multiply(turn, rowsAt(side, run), options)).data);
    }
    fixSigns(rowsAt(left, run), rowsAt(right, run));
    turnResiduals(found, run);
  }
  if (nulls.from === nulls.to) return found;
  const others = { from: 0, to: nulls.from };
  for (const [name, side] of [["left", left], ["right", right]] as const) {
    const gaussian = normals(nulls, side.cols, seed, name);
    // What rounding leaves of the others is taken away a second time.
    for (let pass = 0; pass < 2 && others.to > 0; pass++) {
      await clear(gaussian, rowsAt(side, others), kernel, options);
    }
    rowsAt(side, nulls).data.set((await kernel.orthonormalize(gaussian, options)).data);
  }
  fixSigns(rowsAt(left, nulls), rowsAt(right, nulls));
  return found;
}

/** What is known of turned vectors: no residual is larger than that of all together, and none has converged where one has not. */
function turnResiduals({ singularValues, residuals, converged }: Svd, { from, to }: Run): void {
  if (residuals === undefined || converged === undefined) return;
  const spread = (singularValues[from]! - singularValues[to - 1]!) / singularValues[0]!;
  residuals.fill(Math.hypot(...residuals.subarray(from, to)) + spread, from, to);
  if (converged.subarray(from, to).includes(0)) converged.fill(0, from, to);
}

function normals({ from, to }: Run, cols: number, seed: number, name: string): Matrix {
  const out = matrix(to - from, cols);
  random(seed, `direction/${name}/${from}`).normals(out.data);
  return out;
}

/** Takes from each row its components along those of `basis`. */
async function clear(rows: Matrix, basis: Matrix, kernel: Kernel, options: CallOptions): Promise<void> {
  const along = await kernel.multiply(rows, basis, { transposeB: true, ...options });
  const { data } = await kernel.multiply(along, basis, options);
  for (let at = 0; at < data.length; at++) rows.data[at]! -= data[at]!;
}

/** Some rows of a matrix; they share its memory. */
function rowsAt({ cols, data }: Matrix, { from, to }: Run): Matrix {
  return matrix(to - from, cols, data.subarray(from * cols, to * cols));
}

/**
 * Channels that any neuron of a layer writes to, or reads: with a part of the weight that is more than rounding. On the others all vectors
 * are zero, whatever else they are.
 *
 * @returns per channel of the layer, over all groups, 1 where it is alive
 */
export function liveChannels(
  spectrum: Spectrum,
  port: "out" | "in",
  precision: keyof typeof EPSILON,
): Uint8Array {
  const { layer, unfolding, singularValues, group, nullNeurons } = spectrum;
  const { data, cols } = port === "out" ? spectrum.left : spectrum.right;
  const live = new Uint8Array(port === "out" ? layer.outChannels : layer.inChannels);
  const perGroup = live.length / layer.groups;
  const positions = cols / perGroup;
  const { nullNeuron } = tolerances(unfoldedShape(layer, unfolding), precision);
  const largest = new Float64Array(layer.groups);
  let dead = live.length;
  // The leading neurons reach nearly every channel: the others need not be looked at.
  for (let neuron = 0; neuron < group.length && dead > 0; neuron++) {
    const g = group[neuron]!;
    // Null neurons have vectors on dead channels too.
    if (nullNeurons[neuron] === 1) continue;
    const s = singularValues[neuron]!;
    largest[g] = Math.max(largest[g]!, s);
    const least = s > 0 ? nullNeuron * largest[g] / s : Infinity;
    for (let at = 0; at < cols; at++) {
      const channel = g * perGroup + Math.floor(at / positions);
      if (live[channel] === 1 || Math.abs(data[neuron * cols + at]!) <= least) continue;
      live[channel] = 1;
      dead--;
    }
  }
  return live;
}

/** Entries that a seed is made of, at most. */
const MOST_SAMPLES = 4096;

/** A seed that tells a matrix from others: FNV-1a over some of its numbers, evenly spread. */
export function contentSeed({ rows, cols, data }: Matrix): number {
  const words = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
  // An odd step meets high and low words, and all columns.
  const step = 2 * Math.floor(words.length / (2 * MOST_SAMPLES)) + 1;
  let hash = Math.imul(rows ^ 0x811c9dc5, 0x01000193) ^ cols;
  for (let at = 0; at < words.length; at += step) hash = Math.imul(hash ^ words[at]!, 0x01000193);
  return hash >>> 0;
}
