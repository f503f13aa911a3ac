/**
 * Three kernels of a port: how its channels resemble each other. None sees how large a channel's weights are.
 *
 * - `cosine`: the root of the cosines' Gram matrix, which keeps its directions and tempers the few that are strong in every port
 * - `square`: squares of cosines, which see no signs
 * - `profile`: the root of the Gram matrix of profiles, the share that each channel of the other side has of a channel's weights
 *
 * A few pairs of channels that are nearly copies would decide alone, by one coincidence that three moments do not show. So entries off the diagonal
 * count up to three times their root mean square.
 */

import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import { type Matrix, matrix } from "../../../model/tensor.ts";
import { boundedKernel } from "../../../stats/bounded-kernel.ts";
import type { PortKernel } from "../../../stats/joint-permutation-test.ts";
import { relevantPart } from "../../../stats/permutation-test.ts";
import { kernelSums } from "../../shared-channels.ts";
import { asRows, type ChannelWeights } from "./channel-weights.ts";

/** What is left of profiles that are all alike but for rounding. */
const ROUNDING = 1e-5;

/** The kernels in their order, and the cosines that they come from. */
export interface PortKernels {
  readonly kernels: readonly (PortKernel | null)[];
  /** `n x n`. */
  readonly cosines: Matrix;
}

/** Kernels of ports that have been made, by what the numbers are that they are made of. */
export type KnownKernels = Map<string, PortKernels>;

/** @param signs of the channels, where a normalization behind them turns some round; null for none */
export async function portKernels(
  weights: ChannelWeights,
  signs: Float64Array | null,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<PortKernels> {
  const rows = unitRows(asRows(weights));
  if (signs !== null) {
    for (let at = 0; at < rows.data.length; at++) rows.data[at]! *= signs[Math.floor(at / rows.cols)]!;
  }
  const cosines = await gram(rows, kernel, options);
  const profiles = profilesOf(weights);
  const rooted = async (each: Matrix) => {
    const part = centred(each);
    return relevantPart(each) === null ? null : await root(part, kernel, options);
  };
  const made = [
    await rooted(cosines),
    matrix(cosines.rows, cosines.cols, cosines.data.map((cosine) => cosine * cosine)),
    profiles === null ? null : await rooted(await gram(profiles, kernel, options)),
  ];
  const kernels: (PortKernel | null)[] = [];
  for (const each of made) {
    const isTested = each !== null && relevantPart(each) !== null;
    const part = isTested ? relevantPart(boundedKernel(each)) : null;
    kernels.push(part === null ? null : { part, sums: await kernelSums(part, kernel, options) });
  }
  return { kernels, cosines };
}

const gram = (rows: Matrix, kernel: Kernel, options: CallOptions) =>
  kernel.multiply(rows, rows, { ...options, transposeB: true });

/** Each row over its length; in place. */
function unitRows(rows: Matrix): Matrix {
  const { cols, data } = rows;
  for (let row = 0; row < rows.rows; row++) {
    let square = 0;
    for (let at = row * cols; at < (row + 1) * cols; at++) square += data[at]! * data[at]!;
    if (square === 0) continue;
    const length = Math.sqrt(square);
    for (let at = row * cols; at < (row + 1) * cols; at++) data[at]! /= length;
  }
  return rows;
}

/** Shares of the other side's channels in each channel's weights, less their mean over channels, at length 1; null where all are alike. */
function profilesOf({ channels, others, positions, data }: ChannelWeights): Matrix | null {
  const shares = matrix(channels, others);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let o = 0; o < others; o++) {
      let square = 0;
      for (let k = 0; k < positions; k++) square += data[(c * others + o) * positions + k]! ** 2;
      sum += shares.data[c * others + o] = Math.sqrt(square);
    }
    if (sum > 0) { for (let o = 0; o < others; o++) shares.data[c * others + o]! /= sum; }
  }
  const means = new Float64Array(others);
  let largest = 0;
  for (let c = 0; c < channels; c++) {
    for (let o = 0; o < others; o++) {
      const share = shares.data[c * others + o]!;
      largest = Math.max(largest, share);
      means[o]! += share / channels;
    }
  }
  for (let c = 0; c < channels; c++) {
    for (let o = 0; o < others; o++) shares.data[c * others + o]! -= means[o]!;
  }
  return shares.data.some((share) => Math.abs(share) > ROUNDING * largest) ? unitRows(shares) : null;
}

/** Row and column means taken out. */
function centred({ rows: n, data }: Matrix): Matrix {
  const means = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) means[i]! += data[i * n + j]! / n;
  const mean = means.reduce((sum, value) => sum + value / n, 0);
  const result = matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) result.data[i * n + j] = data[i * n + j]! - means[i]! - means[j]! + mean;
  }
  return result;
}

/** The root of a symmetric matrix without negative eigenvalues: `U sqrt(S) U'`. */
async function root(symmetric: Matrix, kernel: Kernel, options: CallOptions): Promise<Matrix> {
  const n = symmetric.rows;
  const { left, singularValues } = await kernel.svd(symmetric, options);
  for (let j = 0; j < singularValues.length; j++) {
    const factor = Math.sqrt(Math.sqrt(singularValues[j]!));
    for (let i = 0; i < n; i++) left.data[j * n + i]! *= factor;
  }
  // Rows of `left` are singular vectors.
  const turned = matrix(n, left.rows);
  for (let j = 0; j < left.rows; j++) {
    for (let i = 0; i < n; i++) turned.data[i * left.rows + j] = left.data[j * n + i]!;
  }
  return await gram(turned, kernel, options);
}
