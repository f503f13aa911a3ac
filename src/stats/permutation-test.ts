/**
 * A permutation test of whether two ports index the same channels.
 *
 * A port's kernel is a symmetric `n x n` matrix that says how its channels resemble each other, such as `W W'`. Where two ports share
 * channels, their kernels `A` and `B` agree better than after a relabelling of the channels of one of them. The statistic is that of the RV
 * coefficient (Escoufier 1973), the inner product of the double-centred kernels,
 *
 *     T(p) = <A, B[p, p]> = sum over i, j of A[i, j] B[p(i), p(j)],
 *
 * and the null hypothesis says only that all `n!` relabellings `p` were equally likely. Mean, variance and third moment of `T` over them are
 * known exactly (Kazi-Aoual, Hitier, Sabatier and Lebreton 1995); its tail is Pearson's type III with these moments (Josse, Pages and Husson
 * 2008). No relabelling changes what the traces add to `T`: without it the mean is 0.
 *
 * The moments are short where a kernel is taken apart. As its row sums are 0, its diagonal `a` brings `-(a_i + a_j) / (n - 2)` with it off the
 * diagonal. The *rest* `R[i, j] = A[i, j] + (a_i + a_j) / (n - 2)`, `R[i, i] = 0`, has row sums 0 too. `T` is a term of the two diagonals and
 * one of the two rests; they are uncorrelated.
 */

import type { Matrix } from "../model/tensor.ts";
import { pearsonLogTail } from "./pearson-curve.ts";
import { forEachPermutation, relabelledProduct } from "./relabellings.ts";
import { logGamma } from "./special-functions.ts";

/** The share of a kernel's length that is rounding: what rounding leaves of constant or orthogonal weights is alike everywhere. */
const ROUNDING = 1e-5;

/** The statistic of two kernels of length 1 is known to some 1e-15: a smaller variance than this is rounding. */
const LEAST_VARIANCE = 1e-18;

/** Up to here all relabellings are looked at: 720 at most. */
const MOST_ENUMERATED = 6;

/** The third moment's closed form holds from so many channels on. */
export const LEAST_CLOSED = 6;

/** Statistics this near to the observed one, of kernels of length 1, tie with it. */
const TIE = 1e-12;

/** What the moments need of one relevant kernel of length 1, with diagonal `a` and rest `R`. */
export interface PortSums {
  /** `n`, the number of channels. */
  readonly size: number;
  /** `a`, of `n` numbers with sum 0. */
  readonly diagonal: Float64Array;
  /** `sum a_i^2`, in [0, (n-2)/n]; the whole kernel's is 1. */
  readonly diagonalSquare: number;
  /** The five sums of third order that no relabelling changes. */
  readonly cubic: CubicSums;
}

/** The sums of third order of a diagonal `a` and a rest `R`. */
export interface CubicSums {
  /** `sum a_i^3` */
  readonly diagonal: number;
  /** `sum a_i R[i, j] a_j` */
  readonly quadratic: number;
  /** `sum a_i R[i, j]^2` */
  readonly weighted: number;
  /** `tr R^3 = sum R[i, j] R[j, k] R[k, i]` */
  readonly triangles: number;
  /** `sum R[i, j]^3` */
  readonly cubes: number;
}

/** Moments of the statistic over all relabellings, whose mean is 0. */
export interface RelabellingMoments {
  /** `E T^2` */
  readonly variance: number;
  /** `E T^3` */
  readonly thirdMoment: number;
}

/** What a permutation test finds. */
export interface PermutationTest {
  /** `ln p` of "not more alike than after a random relabelling", in `[-ln n!, 0]`. */
  readonly logP: number;
  /** The statistic in standard deviations. */
  readonly z: number;
  /** The skewness of the statistic over all relabellings. */
  readonly skew: number;
}

/**
 * The part of a kernel that is tested: double-centred, its trace taken out (along the identity, centred likewise), of Frobenius length 1.
 *
 * @param kernel `n x n`, symmetric but for rounding; the mean with its transpose is taken
 * @returns null where only rounding is left, at most 1e-5 of the kernel's length, as of constant or orthogonal weights; and where a number is
 * not finite or `n < 3`
 * @throws {TypeError} when the kernel is not square or not symmetric
 * @example
 * const path = matrix(3, 3, Float64Array.of(0, 1, 0, 1, 0, 1, 0, 1, 0)); // channels 0 and 2 resemble channel 1
 * relevantPart(path)?.data // [1, 1, -2, 1, -2, 1, -2, 1, 1] / sqrt(18)
 * relevantPart(matrix(3, 3, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1))) // null: no channel resembles another
 */
export function relevantPart(kernel: Matrix): Matrix | null {
  requireSquare(kernel);
  const { rows: n, data } = kernel;
  let largest = 0;
  // By index: iterating over typed arrays takes ten times as long.
  for (let at = 0; at < data.length; at++) largest = Math.max(largest, Math.abs(data[at]!));
  if (n < 3 || !(largest > 0 && largest < Infinity)) return null;
  // Of largest entry 1, whose squares neither overflow nor vanish.
  const centred = symmetrized(kernel, largest);
  const length = frobenius(centred);
  centre(centred, n);
  const left = frobenius(centred);
  if (left <= ROUNDING * length) return null;
  for (let i = 0; i < centred.length; i++) centred[i]! /= left;
  return { rows: n, cols: n, data: centred };
}

function requireSquare({ rows, cols }: Matrix): void {
  if (rows !== cols) {
    throw new TypeError(`permutation test: found a kernel of ${rows} x ${cols}, required a square one`);
  }
}

/** The mean with the transpose, over `scale`. */
function symmetrized({ rows: n, data }: Matrix, scale: number): Float64Array {
  const result = new Float64Array(n * n);
  let apart = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const [below, above] = [data[i * n + j]! / scale, data[j * n + i]! / scale];
      apart += (below - above) ** 2;
      result[i * n + j] = result[j * n + i] = (below + above) / 2;
    }
  }
  const share = Math.sqrt(2 * apart) / frobenius(result);
  if (share > ROUNDING) {
    throw new TypeError(
      `permutation test: found a kernel that differs from its transpose by ${share} of its length, required a symmetric one`,
    );
  }
  return result;
}

/** Takes row sums and trace out of a symmetric matrix, in place. */
function centre(data: Float64Array, n: number): void {
  const means = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) means[i]! += data[i * n + j]! / n;
  }
  const mean = means.reduce((sum, value) => sum + value / n, 0);
  let trace = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) data[i * n + j]! -= means[i]! + means[j]! - mean;
    trace += data[i * n + i]!;
  }
  const level = trace / (n - 1);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) data[i * n + j]! += level / n;
    data[i * n + i]! -= level;
  }
}

const frobenius = (data: Float64Array) => Math.sqrt(innerProduct(data, data));

function innerProduct(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * `tr A^3` of a symmetric matrix, in `n^3 / 2` steps: the one sum that is slow. A kernel has it faster, as the inner product of `A A` and `A`.
 *
 * @throws {TypeError} when the matrix is not square
 */
export function traceOfCube(symmetric: Matrix): number {
  requireSquare(symmetric);
  const { rows: n, data } = symmetric;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const row = data.subarray(i * n, (i + 1) * n);
    for (let j = 0; j <= i; j++) {
      const product = innerProduct(row, data.subarray(j * n, (j + 1) * n)) * row[j]!;
      sum += i === j ? product : 2 * product;
    }
  }
  return sum;
}

/**
 * What the moments need of a port's kernel, once for all its tests.
 *
 * @param relevant what `relevantPart` gave: `n x n`
 * @param traceCube `tr A^3` of it, where a fast kernel has computed it; all other sums take `n^2` steps
 * @throws {TypeError} when the matrix is not square
 */
export function portSums(relevant: Matrix, traceCube: number = traceOfCube(relevant)): PortSums {
  requireSquare(relevant);
  const { rows: n, data } = relevant;
  const a = Float64Array.from({ length: n }, (_, i) => data[i * n + i]!);
  let [cubeOfDiagonal, quadratic, weighted, cubes] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    cubeOfDiagonal += a[i]! ** 3;
    for (let j = 0; j < i; j++) {
      const rest = data[i * n + j]! + (a[i]! + a[j]!) / (n - 2);
      quadratic += 2 * a[i]! * rest * a[j]!;
      weighted += (a[i]! + a[j]!) * rest * rest;
      cubes += 2 * rest * rest * rest;
    }
  }
  // tr A^3, less what the diagonal and its part off the diagonal have in it.
  const share = n / (n - 2);
  const triangles = traceCube - share * share * (n - 3) / (n - 2) * cubeOfDiagonal +
    3 * share / (n - 2) * quadratic - 3 * share * weighted;
  return {
    size: n,
    diagonal: a,
    diagonalSquare: innerProduct(a, a),
    cubic: { diagonal: cubeOfDiagonal, quadratic, weighted, triangles, cubes },
  };
}

/**
 * The exact moments of `T` over all relabellings, by Kazi-Aoual et al. (1995) in terms of diagonals and rests:
 *
 *     E T^2 = (n/(n-2))^2 / (n-1) |a|^2 |b|^2 + 2 / (n (n-3)) |R|^2 |S|^2,    |R|^2 = 1 - n/(n-2) |a|^2
 *
 * and `E T^3` from the products of the cubic sums, in which only the last two of each port mix.
 *
 * @throws {TypeError} when the ports have different numbers of channels
 * @throws {RangeError} when they have fewer than 6: `permutationTest` looks at all relabellings there
 * @example
 * const { variance, thirdMoment } = relabellingMoments(portSums(a), portSums(b));
 * const skew = thirdMoment / variance ** 1.5;
 */
export function relabellingMoments(a: PortSums, b: PortSums): RelabellingMoments {
  const n = a.size;
  if (n !== b.size) throw new TypeError(differing(n, b.size));
  if (n < LEAST_CLOSED) {
    throw new RangeError(`moments of relabellings: found ${n} channels, required at least ${LEAST_CLOSED}`);
  }
  const share = n / (n - 2);
  const rest = (port: PortSums) => Math.max(0, 1 - share * port.diagonalSquare);
  const variance = share * share / (n - 1) * a.diagonalSquare * b.diagonalSquare +
    2 / (n * (n - 3)) * rest(a) * rest(b);
  return { variance, thirdMoment: thirdMoment(n, a.cubic, b.cubic) };
}

function thirdMoment(n: number, a: CubicSums, b: CubicSums): number {
  const ofDiagonals = n ** 4 / ((n - 2) ** 4 * (n - 1)) * a.diagonal * b.diagonal;
  const ofBoth = 6 * n / ((n - 3) * (n - 2) ** 2) * a.quadratic * b.quadratic +
    12 * n / ((n - 4) * (n - 3) * (n - 1)) * a.weighted * b.weighted;
  const ofRests = 2 * (n ** 3 - 9 * n ** 2 + 26 * n - 22) * a.triangles * b.triangles -
    2 * (3 * n ** 2 - 15 * n + 16) * (a.triangles * b.cubes + a.cubes * b.triangles) +
    (n ** 4 - 8 * n ** 3 + 19 * n ** 2 - 4 * n - 16) * a.cubes * b.cubes;
  return ofDiagonals + ofBoth + 4 * ofRests / (n * (n - 1) * (n - 2) * (n - 3) * (n - 4) * (n - 5));
}

const differing = (a: number, b: number) =>
  `permutation test: found kernels of ${a} and of ${b} channels, required as many of both`;

/**
 * `ln p` of the test of two ports from their inner product and sums: `P(T >= inner)` over all relabellings, by Pearson's type III.
 * One of the `n!` relabellings is the one observed, so that no p is below `1/n!`.
 *
 * Measured against the true p of dense weights, it is too large below 32 channels (three times at n = 16 and p = 1e-5), right within a quarter
 * from 32 on, and far too large where one channel outweighs all others. It is too small where few pairs of channels, such as duplicates, are
 * more alike than all others: up to 5 times at 1e-3 and 40 times at 1e-5. A kernel with entries cut at three times their root mean square
 * has no such pairs; any symmetric function of a port's weights is a kernel.
 *
 * @param inner `<A, B>` of the two relevant kernels of length 1, in [-1, 1]
 * @returns in `[-ln n!, 0]`; null where no relabelling changes `T`
 * @throws {TypeError} when the ports have different numbers of channels
 * @throws {RangeError} when they have fewer than 6, or `inner` is not finite
 * @example
 * const [a, b] = [portSums(A), portSums(B)]; // once per port, A and B from relevantPart
 * permutationLogP(inner, a, b) // inner products of many ports at once are one matrix product
 */
export function permutationLogP(inner: number, a: PortSums, b: PortSums): number | null {
  return closedForm(inner, a, b)?.logP ?? null;
}

function closedForm(inner: number, a: PortSums, b: PortSums): PermutationTest | null {
  const standard = standardized(inner, relabellingMoments(a, b));
  if (standard === null) return null;
  const logP = pearsonLogTail(standard.z, standard.skew);
  return { logP: Math.max(logP, -logGamma(a.size + 1)), ...standard };
}

function standardized(
  inner: number,
  { variance, thirdMoment }: RelabellingMoments,
): { readonly z: number; readonly skew: number } | null {
  if (variance <= LEAST_VARIANCE) return null;
  const deviation = Math.sqrt(variance);
  return { z: inner / deviation, skew: thirdMoment / deviation ** 3 };
}

/**
 * Tests whether two kernels agree better than under a random relabelling of the channels of one of them, one-sided. Up to 6 channels p is
 * the exact share of relabellings that agree at least as well; above, see `permutationLogP`.
 *
 * @param A `n x n`, symmetric
 * @param B likewise
 * @returns null where there is nothing to test: one of them has no relevant part, or no relabelling changes how they agree
 * @throws {TypeError} when they are not square, not symmetric or not of one size
 * @example
 * import { permutationTest } from "svrflow";
 *
 * // Channels 0 and 2 resemble channel 1.
 * const path = { rows: 3, cols: 3, data: Float64Array.of(0, 1, 0, 1, 0, 1, 0, 1, 0) };
 * console.log(permutationTest(path, path)); // logP -1.0986, which is ln 1/3: 2 of 6 relabellings agree as well
 */
export function permutationTest(A: Matrix, B: Matrix): PermutationTest | null {
  if (A.rows !== B.rows) throw new TypeError(differing(A.rows, B.rows));
  const [a, b] = [relevantPart(A), relevantPart(B)];
  if (a === null || b === null) return null;
  if (a.rows <= MOST_ENUMERATED) return enumerated(a, b);
  return closedForm(innerProduct(a.data, b.data), portSums(a), portSums(b));
}

/** The test of two relevant kernels by all `n!` relabellings. */
function enumerated(a: Matrix, b: Matrix): PermutationTest | null {
  const observed = innerProduct(a.data, b.data);
  let [count, reached, squares, cubes] = [0, 0, 0, 0];
  forEachPermutation(a.rows, (permutation) => {
    const value = relabelledProduct(a, b, permutation);
    count++;
    if (value >= observed - TIE) reached++;
    squares += value ** 2;
    cubes += value ** 3;
  });
  const standard = standardized(observed, { variance: squares / count, thirdMoment: cubes / count });
  return standard === null ? null : { logP: Math.log(reached / count), ...standard };
}
