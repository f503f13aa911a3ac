/**
 * What chance gives of the overlap between the near-kernels of two layers.
 *
 * Under the rotation null the block's energy is `E = tr(P Q S Q')`, `Q` a random rotation of the turned side's channels, `P` and `S` the sums of
 * the turned and of the carried near-kernels' vectors' outer products, `n x n`. So, with `dev(A) = tr(A^2) - tr(A)^2 / n`,
 *
 *     mean = tr(P) tr(S) / n,    variance = 2 dev(P) dev(S) / ((n-1)(n+2)),
 *
 * and `E` lies between the sums of products of their eigenvalues, one side's ascending and descending. Groups are turned independently.
 */

import type { CallOptions, Kernel } from "../kernels/kernel.ts";
import type { NearKernels } from "../model/graph.ts";
import type { Connection } from "../model/layer.ts";
import type { EnergyChance, EnergyMoments } from "../model/ports.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { matrix } from "../model/tensor.ts";
import type { NullName } from "../stats/null-distribution.ts";
import { rotationNull } from "../stats/rotation-null.ts";
import { betaOnRange, subspaceNull } from "../stats/subspace-null.ts";
import { mappedVector, type Support, supports, wholeSupports } from "./mapped-vectors.ts";
import { BLOCK_BYTES } from "./memory-needs.ts";
import { liveCounts, type OverlapGeometry } from "./overlap-geometry.ts";

/** A connection's near-kernels, and who computes. */
export interface NearKernelQuestion {
  readonly null: NullName;
  readonly connection: Connection;
  readonly source: Spectrum;
  readonly target: Spectrum;
  readonly geometry: OverlapGeometry;
  readonly near: NearKernels;
}

/**
 * The null distribution of the energy between near-kernels: with the mean, variance and range above that of a Beta; of a pair of subspaces in
 * channels (one position, or one profile) as `subspaceNull` has it.
 *
 * @returns null where the block is empty, or its energy cannot vary; under `beta` and `chi2` also where the connection is not direct
 */
export async function nearKernelChance(
  question: NearKernelQuestion,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<EnergyChance | null> {
  const { null: name, source, geometry, near } = question;
  const { direct, positions: z } = geometry;
  const [a, b] = [indices(near.source).length, indices(near.target).length];
  if (a === 0 || b === 0) return null;
  const allAlive = geometry.turnedChannels === geometry.live.length;
  if (name !== "rotation" || direct && z === 1 && allAlive) {
    if (!direct) return null;
    const [P, Q] = source.unfolding === "svr" ? [a * z, b] : [a, b * z];
    return subspaceNull(P, Q, geometry.testedChannels * z);
  }
  if (geometry.turnedChannels < 2) return null;
  const blocks = geometry.otherChannels > 1
    ? await turnedBlocks(question, kernel, options)
    : await singleBlocks(question, kernel, options);
  const [only] = blocks;
  // One vector on one side: the energy is an overlap.
  if (blocks.length === 1 && only?.turned.length === 1) return single(only);
  const two = blocks.length === 1 ? subspaces(only!) : null;
  if (two !== null) return two;
  return betaOnRange(blocks.map(momentsOf).reduce(added, { mean: 0, variance: 0, least: 0, most: 0 }));
}

/** Channels that are turned together: the eigenvalues of `P` and `S`, zeros left out. */
interface Block {
  readonly channels: number;
  readonly turned: readonly number[];
  readonly carried: Float64Array;
}

/** @returns finite logarithms: an energy is known to an ulp of its range at best */
function single({ channels, turned, carried }: Block): EnergyChance | null {
  const weight = turned[0]!;
  const found = rotationNull(carried.map((value) => weight * value), channels);
  if (found === null) return null;
  const finite = (logP: number) => Math.max(logP, -Number.MAX_VALUE);
  return {
    logSurvival: (energy) => finite(found.logSurvival(energy)),
    logCdf: (energy) => finite(found.logCdf(energy)),
  };
}

/** Eigenvalues that differ by a smaller share of the largest are equal. */
const EQUAL = 1e-9;

/** Where `P` and `S` are projectors, as of kernels that all have one profile, up to factors: the energy of two subspaces. */
function subspaces({ channels, turned, carried }: Block): EnergyChance | null {
  const least = EQUAL * carried.reduce((most, value) => Math.max(most, value), 0);
  const [p, s] = [Float64Array.from(turned), carried.filter((value) => value > least)];
  if (!alike(p) || !alike(s)) return null;
  const scale = p[0]! * s[0]!;
  const found = subspaceNull(p.length, s.length, channels);
  return found && {
    logSurvival: (energy) => found.logSurvival(energy / scale),
    logCdf: (energy) => found.logCdf(energy / scale),
  };
}

function alike(values: Float64Array): boolean {
  return values.length > 0 && values.every((value) => Math.abs(value - values[0]!) <= EQUAL * values[0]!);
}

function momentsOf({ channels: n, turned, carried }: Block): EnergyMoments {
  const padded = (values: ArrayLike<number>) =>
    Float64Array.from({ length: n }, (_, at) => values[at] ?? 0).sort();
  const [p, s] = [padded(turned), padded(carried)];
  const [traceP, traceS] = [sum(p), sum(s)];
  const deviation = (values: Float64Array, trace: number) =>
    Math.max(0, sum(values.map((v) => v * v)) - trace * trace / n);
  return {
    mean: traceP * traceS / n,
    variance: n < 2 ? 0 : 2 * deviation(p, traceP) * deviation(s, traceS) / ((n - 1) * (n + 2)),
    least: p.reduce((all, value, at) => all + value * s[n - 1 - at]!, 0),
    most: p.reduce((all, value, at) => all + value * s[at]!, 0),
  };
}

const sum = (values: Float64Array) => values.reduce((all, value) => all + value, 0);

const added = (x: EnergyMoments, y: EnergyMoments): EnergyMoments => ({
  mean: x.mean + y.mean,
  variance: x.variance + y.variance,
  least: x.least + y.least,
  most: x.most + y.most,
});

const indices = (flags: Uint8Array): number[] => Array.from(flags.keys()).filter((at) => flags[at] === 1);

/** The carried and the turned side, with their near-kernels. */
function sidesOf({ source, target, near }: NearKernelQuestion) {
  const from = { spectrum: source, near: indices(near.source) };
  const to = { spectrum: target, near: indices(near.target) };
  return source.unfolding === "svr" ? { carried: to, turned: from } : { carried: from, turned: to };
}

/** A block per group of the turned side, whose near-kernels are orthonormal. */
async function turnedBlocks(
  question: NearKernelQuestion,
  kernel: Kernel,
  options: CallOptions,
): Promise<Block[]> {
  const { connection, source, target, geometry } = question;
  const { carried, turned } = sidesOf(question);
  const maps = supports(connection, source, target, { turned: geometry.live });
  const counts = liveCounts(geometry.live, turned.spectrum.layer.groups);
  const blocks: Block[] = [];
  for (let group = 0; group < turned.spectrum.layer.groups; group++) {
    const members = turned.near.filter((neuron) => turned.spectrum.group[neuron] === group);
    if (members.length === 0) continue;
    const arriving = carried.near.flatMap((neuron) => {
      const support = maps[carried.spectrum.group[neuron]!]![group]!;
      return support === null ? [] : [{ neuron, support }];
    });
    blocks.push({
      channels: counts[group]!,
      turned: members.map(() => 1),
      carried: largest(await eigenvalues(carried.spectrum, arriving, kernel, options), counts[group]!),
    });
  }
  return blocks;
}

/** Where the turned side's neurons have a channel each: a block per group of the carried side, whose channels are turned. */
async function singleBlocks(
  question: NearKernelQuestion,
  kernel: Kernel,
  options: CallOptions,
): Promise<Block[]> {
  const { connection, source, target, geometry } = question;
  const { carried, turned } = sidesOf(question);
  const maps = supports(connection, source, target, { carried: geometry.live });
  const wholes = wholeSupports(carried.spectrum, geometry.live);
  const counts = liveCounts(geometry.live, carried.spectrum.layer.groups);
  const blocks: Block[] = [];
  for (let group = 0; group < carried.spectrum.layer.groups; group++) {
    const members = carried.near.filter((neuron) => carried.spectrum.group[neuron] === group);
    blocks.push({
      channels: counts[group]!,
      // Channels that it meets: vectors without a common one.
      turned: turned.near.map((neuron) => maps[group]![turned.spectrum.group[neuron]!]?.channels.length ?? 0)
        .filter((met) => met > 0),
      carried: largest(
        await eigenvalues(
          carried.spectrum,
          members.map((neuron) => ({ neuron, support: wholes[group]! })),
          kernel,
          options,
        ),
        counts[group]!,
      ),
    });
  }
  return blocks;
}

/** As many as there are channels: beyond, dead ones add zeros. @param ascending at most that many of them positive */
const largest = (ascending: Float64Array, channels: number) =>
  ascending.subarray(Math.max(0, ascending.length - channels));

/** The eigenvalues of the sum of the outer products of carried vectors, all positions of each: of the smaller Gram matrix of them. */
async function eigenvalues(
  carried: Spectrum,
  arriving: readonly { readonly neuron: number; readonly support: Support }[],
  kernel: Kernel,
  options: CallOptions,
): Promise<Float64Array> {
  const [first] = arriving;
  if (first === undefined) return new Float64Array(0);
  const z = carried.layer.positions;
  const places = arriving.reduce((most, { support }) => Math.max(most, ...support.places), 0) + 1;
  const vectors = arriving.length * z;
  // As many at a time as fit into a block; where vectors are fewer than places, all of them: their own Gram matrix is the smaller one.
  const few = vectors < places;
  const step = few ? arriving.length : Math.max(1, Math.floor(BLOCK_BYTES / (8 * places * z)));
  const gram = matrix(few ? vectors : places, few ? vectors : places);
  for (let from = 0; from < arriving.length; from += step) {
    const some = arriving.slice(from, from + step);
    const rows = few ? matrix(vectors, places) : matrix(places, some.length * z);
    some.forEach(({ neuron, support }, at) => {
      const { values, first: begin, starts } = mappedVector(carried, neuron, support);
      starts.forEach((start, slot) => {
        for (let k = 0; k < z; k++) {
          const [place, vector] = [support.places[slot]!, at * z + k];
          rows.data[few ? vector * places + place : place * rows.cols + vector] = values[begin + start + k]!;
        }
      });
    });
    const { data } = await kernel.multiply(rows, rows, { transposeB: true, ...options });
    for (let at = 0; at < data.length; at++) gram.data[at]! += data[at]!;
  }
  return (await kernel.eigenvalues(gram, options)).map((value) => Math.max(0, value));
}
