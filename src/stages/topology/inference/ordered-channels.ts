/**
 * Ports whose channels are ordered in themselves: embeddings of positions, filters sorted by frequency, heads, gates. There not all relabellings are
 * equally likely, and two such ports agree although they share nothing. Between two of them only relabellings of near neighbours are compared.
 */

import { type Random, random, shuffle } from "../../../model/random.ts";
import { type Matrix, matrix } from "../../../model/tensor.ts";
import { dot } from "../../../stats/assignment-moments.ts";
import { type Assignment, portKernel } from "../../../stats/joint-permutation-test.ts";
import { pearsonLogTail } from "../../../stats/pearson-curve.ts";
import { permutationLogP } from "../../../stats/permutation-test.ts";
import { relabelledProduct } from "../../../stats/relabellings.ts";
import type { Port } from "./ports.ts";

/** Channels within so many places may take each other's. */
const BLOCK = 8;

/** Local relabellings that are drawn. */
const DRAWN = 200;

/** The skewness that so few draws may show. */
const MOST_SKEW = 1.5;

/** `ln p` of "neighbours in the order of the channels are no more alike than others", corrected for the statistics that are looked at. */
export function orderLogP({ view, vectors }: Port): number {
  const n = view.size;
  const logPs: number[] = [];
  const shown = Object.values(vectors).map((v) => portKernel(outer(v)));
  for (const width of [2, Math.max(4, n / 8)]) {
    const near = portKernel(
      matrix(
        n,
        n,
        Float64Array.from(
          { length: n * n },
          (_, at) => Math.exp(-Math.abs(Math.floor(at / n) - at % n) / width),
        ),
      ),
    );
    if (near === null) continue;
    for (const each of [...view.kernels, ...shown]) {
      if (each === null) continue;
      const logP = permutationLogP(dot(each.part.data, near.part.data), each.sums, near.sums);
      if (logP !== null) logPs.push(logP);
    }
  }
  return corrected(logPs);
}

const corrected = (logPs: readonly number[]) =>
  logPs.length === 0 ? 0 : Math.min(0, Math.log(logPs.length) + Math.min(...logPs));

const outer = (v: Float64Array): Matrix => {
  const n = v.length;
  return matrix(n, n, Float64Array.from({ length: n * n }, (_, at) => v[Math.floor(at / n)]! * v[at % n]!));
};

/** `ln p` under relabellings of near neighbours only, by moments of a seeded sample of them. */
export function localLogP(a: Port, b: Port, vectors: Assignment | null): number {
  const n = a.view.size;
  const source = random(n, "local relabellings");
  const drawn = Array.from({ length: DRAWN }, () => localRelabelling(n, source));
  const identity = Int32Array.from({ length: n }, (_, i) => i);
  const statistics: ((relabelling: Int32Array) => number)[] = [];
  a.view.kernels.forEach((each, k) => {
    const other = b.view.kernels[k] ?? null;
    if (each !== null && other !== null) statistics.push((p) => relabelledProduct(each.part, other.part, p));
  });
  if (vectors !== null) {
    const { left, right } = vectors;
    statistics.push((p) =>
      left.reduce(
        (sum, each, k) => sum + each.reduce((part, value, i) => part + value * right[k]![p[i]!]!, 0),
        0,
      )
    );
  }
  return corrected(statistics.flatMap((statistic) => {
    const values = drawn.map(statistic);
    const seen = statistic(identity);
    const mean = values.reduce((sum, value) => sum + value / DRAWN, 0);
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2 / DRAWN, 0));
    if (!(deviation > 1e-9 * Math.max(1e-9, Math.abs(seen)))) return [];
    const third = values.reduce((sum, value) => sum + (value - mean) ** 3 / DRAWN, 0);
    const skew = Math.max(0, Math.min(MOST_SKEW, third / deviation ** 3));
    return [pearsonLogTail((seen - mean) / deviation, skew)];
  }));
}

function localRelabelling(n: number, source: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let from = 0; from < n; from += BLOCK) shuffle(order, from, Math.min(n, from + BLOCK), source);
  return order;
}
