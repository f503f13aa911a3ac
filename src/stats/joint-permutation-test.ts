/**
 * A permutation test of two ports by several statistics at once: whether they index the same channels.
 *
 * Every statistic pairs a function of one port with a function of the other by a sum over channels. So its moments over all relabellings are known
 * exactly, whatever the functions are: of kernels (`permutation-test.ts`) the second and third, of numbers per channel (`assignment-moments.ts`) the
 * fourth too. Each gives a p by a Pearson curve with these moments.
 *
 * The statistics are joined over fixed sets: each alone, and sums of normal scores `s = Phi^-1(1 - p)` over several, `sum s / sqrt(sum R)`, with the exact
 * correlations `R` of the statistics over all relabellings. Bonferroni over the sets makes one p of them.
 */

import type { Matrix } from "../model/tensor.ts";
import { type AssignmentMoments, assignmentMoments, dot, fallingFactorial } from "./assignment-moments.ts";
import { logSurvivalOfSigma, sigmaOfLogP } from "./normal.ts";
import { pearsonLogTail } from "./pearson-curve.ts";
import {
  LEAST_CLOSED,
  type PortSums,
  portSums,
  relabellingMoments,
  relevantPart,
} from "./permutation-test.ts";
import { relabelledProduct } from "./relabellings.ts";
import { logGamma } from "./special-functions.ts";

/** One kernel of a port, ready to be tested. */
export interface PortKernel {
  /** Double-centred, without trace, of Frobenius length 1. */
  readonly part: Matrix;
  readonly sums: PortSums;
}

/** Inner products of a port's kernels with one another. */
export interface KernelProducts {
  /** `<A_k, A_l>` and `<a_k, a_l>` of the diagonals, for kernels `k` and `l`; 0 where one is missing. */
  readonly whole: readonly (readonly number[])[];
  readonly diagonal: readonly (readonly number[])[];
}

/** What is known of a port's channels. All ports have their kernels in the same order; one is null where it has no relevant part. */
export interface PortView {
  readonly size: number;
  readonly kernels: readonly (PortKernel | null)[];
  readonly products: KernelProducts;
}

/** Numbers per channel of two ports, pair by pair: vectors with sum 0. */
export interface Assignment {
  readonly left: readonly Float64Array[];
  readonly right: readonly Float64Array[];
  /** Whether opposite signs count as well as equal ones. */
  readonly twoSided?: boolean;
}

/** Statistics this near to the observed one tie with it. */
const TIE = 1e-12;

/** A smaller variance of a statistic of unit lengths is rounding. */
const LEAST_VARIANCE = 1e-18;

/** Correlations are exact, but normal scores of skewed statistics are not jointly normal: a sum's variance counts as at least this. */
const LEAST_JOINT_VARIANCE = 0.25;

/** A kernel for `jointLogP`; null where nothing but rounding would be tested. @param kernel `n x n`, symmetric */
export function portKernel(kernel: Matrix): PortKernel | null {
  const part = relevantPart(kernel);
  return part === null ? null : { part, sums: portSums(part) };
}

/** Inner products of one port's kernels, once for all its tests. */
export function kernelProducts(kernels: readonly (PortKernel | null)[]): KernelProducts {
  const table = (product: (a: PortKernel, b: PortKernel) => number) =>
    kernels.map((a) => kernels.map((b) => a === null || b === null ? 0 : product(a, b)));
  return {
    whole: table((a, b) => dot(a.part.data, b.part.data)),
    diagonal: table((a, b) => dot(a.sums.diagonal, b.sums.diagonal)),
  };
}

/**
 * The covariance of `<A_k, B_k[p, p]>` and `<A_l, B_l[p, p]>` over all relabellings: the variance's formula, polarized.
 *
 * @param n channels, at least 6
 */
export function kernelCovariance(
  n: number,
  a: KernelProducts,
  b: KernelProducts,
  k: number,
  l: number,
): number {
  const share = n / (n - 2);
  const [da, db] = [a.diagonal[k]![l]!, b.diagonal[k]![l]!];
  const rest = (whole: number, diagonal: number) => whole - share * diagonal;
  return share * share / (n - 1) * da * db +
    2 / (n * (n - 3)) * rest(a.whole[k]![l]!, da) * rest(b.whole[k]![l]!, db);
}

/** How the tails of kernels' statistics are checked. */
export interface TailCheck {
  /**
   * Relabellings, from which the statistics' kurtosis is estimated. Where it is more than the curve of three moments has, as of clusters of channels
   * that are nearly copies, the curve that has it takes its place: that p is larger. Default: none
   */
  readonly relabellings?: readonly Int32Array[];
  /** Whether these are all relabellings that there are: then p is counted. Default: false */
  readonly all?: boolean;
}

/** One statistic of a pair of ports. */
interface Statistic {
  readonly deviation: number;
  readonly logP: number;
  readonly twoSided?: boolean;
}

/**
 * `ln p` of "these two ports do not index the same channels": corrected for the sets of statistics that are looked at, and never below `1/n!`.
 *
 * @param inner `<A_k, B_k>` of the ports' kernels; anything where one of them is missing
 * @param assignments statistics of numbers per channel, counted behind the kernels; null where there is nothing to pair
 * @param sets of statistics by their number; a set counts with those of its members that can be tested
 * @returns null where nothing can be tested
 * @throws {TypeError} when the ports have different numbers of channels
 * @throws {RangeError} when they have fewer than 6
 */
export function jointLogP(
  a: PortView,
  b: PortView,
  inner: readonly number[],
  assignments: readonly (Assignment | null)[],
  sets: readonly (readonly number[])[],
  tails: TailCheck = {},
): number | null {
  const n = a.size;
  if (n !== b.size) {
    throw new TypeError(
      `permutation test: found ports of ${n} and of ${b.size} channels, required as many of both`,
    );
  }
  if (n < LEAST_CLOSED) {
    throw new RangeError(`permutation test: found ports of ${n} channels, required at least ${LEAST_CLOSED}`);
  }
  const kernels = a.kernels.map((left, k) => kernelStatistic(left, b.kernels[k] ?? null, inner[k]!, tails));
  const vectors = assignments.map(assignmentStatistic);
  const statistics = [...kernels, ...vectors];
  const correlation = (x: number, y: number): number => {
    const [first, second] = [Math.min(x, y), Math.max(x, y)];
    if (first === second) return 1;
    const scale = statistics[first]!.deviation * statistics[second]!.deviation;
    // What counts either sign is not correlated with what counts one.
    if (statistics[second]!.twoSided === true || statistics[first]!.twoSided === true) return 0;
    if (second < kernels.length) return kernelCovariance(n, a.products, b.products, first, second) / scale;
    if (first >= kernels.length) {
      return assignmentCovariance(
        assignments[first - kernels.length]!,
        assignments[second - kernels.length]!,
      ) / scale;
    }
    return mixedCovariance(n, a.kernels[first]!, b.kernels[first]!, assignments[second - kernels.length]!) /
      scale;
  };
  const scores = statistics.map((each) =>
    each === null ? 0 : sigmaOfLogP(Math.min(-1e-12, Math.max(-690, each.logP)))
  );
  let [best, count] = [0, 0];
  const seen = new Set<string>();
  for (const set of sets) {
    const members = set.filter((x) => statistics[x] !== null && statistics[x] !== undefined);
    const key = members.join();
    if (members.length === 0 || seen.has(key)) continue;
    seen.add(key);
    count++;
    best = Math.min(
      best,
      members.length === 1 ? statistics[members[0]!]!.logP : joined(members, scores, correlation),
    );
  }
  return count === 0 ? null : Math.min(0, Math.log(count) + Math.max(best, -logGamma(n + 1)));
}

function joined(
  members: readonly number[],
  scores: readonly number[],
  correlation: (x: number, y: number) => number,
): number {
  let [sum, variance] = [0, 0];
  for (const x of members) {
    sum += scores[x]!;
    for (const y of members) variance += correlation(x, y);
  }
  return logSurvivalOfSigma(sum / Math.sqrt(Math.max(LEAST_JOINT_VARIANCE, variance)));
}

function kernelStatistic(
  a: PortKernel | null,
  b: PortKernel | null,
  inner: number,
  { relabellings, all = false }: TailCheck,
): Statistic | null {
  if (a === null || b === null) return null;
  const { variance, thirdMoment } = relabellingMoments(a.sums, b.sums);
  if (variance <= LEAST_VARIANCE) return null;
  const deviation = Math.sqrt(variance);
  const skew = thirdMoment / deviation ** 3;
  if (relabellings !== undefined && all) {
    const reached = relabellings.filter((each) =>
      relabelledProduct(a.part, b.part, each) >= inner - TIE
    ).length;
    return { deviation, logP: Math.log(Math.max(1, reached) / relabellings.length) };
  }
  const heavy = relabellings === undefined ? 0 : heavySkew(a, b, relabellings, skew);
  return { deviation, logP: pearsonLogTail(inner / deviation, Math.max(skew, heavy)) };
}

/** Standard errors by which a kurtosis has to stand out: of so few relabellings a smaller excess is chance. */
const MOST_ERRORS = 2;

/** The skewness of the type III curve that has the statistic's kurtosis (`3 + 1.5 skew^2`), where that is clearly more than its own skewness gives; else 0. */
function heavySkew(
  a: PortKernel,
  b: PortKernel,
  relabellings: readonly Int32Array[],
  skew: number,
): number {
  let [second, fourth] = [0, 0];
  for (const relabelling of relabellings) {
    const square = relabelledProduct(a.part, b.part, relabelling) ** 2;
    second += square;
    fourth += square * square;
  }
  const kurtosis = fourth * relabellings.length / second ** 2;
  const error = Math.sqrt(24 / relabellings.length);
  return kurtosis - 3 - 1.5 * skew * skew > MOST_ERRORS * error ? Math.sqrt((kurtosis - 3) / 1.5) : 0;
}

function assignmentStatistic(assignment: Assignment | null): Statistic | null {
  if (assignment === null || assignment.left.length === 0) return null;
  const { left, right, twoSided = false } = assignment;
  const moments = assignmentMoments(left, right);
  if (moments.variance <= LEAST_VARIANCE) return null;
  const deviation = Math.sqrt(moments.variance);
  const value = left.reduce((sum, each, k) => sum + dot(each, right[k]!), 0);
  const above = assignmentTail(value / deviation, moments, 1);
  if (!twoSided) return { deviation, logP: above };
  const below = assignmentTail(-value / deviation, moments, -1);
  return { deviation, logP: Math.min(0, Math.LN2 + Math.min(above, below)), twoSided };
}

function assignmentTail(
  z: number,
  { variance, thirdMoment, fourthMoment }: AssignmentMoments,
  sign: 1 | -1,
): number {
  return pearsonLogTail(z, sign * thirdMoment / variance ** 1.5, fourthMoment / variance ** 2);
}

/** `E T_1 T_2 = <M_1, M_2> / (n - 1)`. */
function assignmentCovariance(first: Assignment, second: Assignment): number {
  const n = first.left[0]!.length;
  let sum = 0;
  first.left.forEach((a, k) =>
    second.left.forEach((c, l) => sum += dot(a, c) * dot(first.right[k]!, second.right[l]!))
  );
  return sum / (n - 1);
}

/** `E <A, B[p, p]> T = n^2 / (n (n-1) (n-2)) a' M b`, with the diagonals `a` and `b`. */
function mixedCovariance(n: number, a: PortKernel, b: PortKernel, { left, right }: Assignment): number {
  const sum = left.reduce(
    (total, each, k) => total + dot(a.sums.diagonal, each) * dot(right[k]!, b.sums.diagonal),
    0,
  );
  return n * n / fallingFactorial(n, 3) * sum;
}
