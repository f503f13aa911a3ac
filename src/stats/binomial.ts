/** Tails of a binomial count, as natural logarithms. */

import { logBeta } from "./special-functions.ts";

/**
 * `ln P(X >= count)` for `X ~ Binomial(tests, p)`.
 *
 * The terms of the tail are summed from the largest on; where `count` is below the mean the complement is small.
 *
 * @param p in [0, 1]
 * @returns in [-Infinity, 0]
 */
export function logBinomialSurvival(count: number, tests: number, p: number): number {
  if (count <= 0 || p >= 1) return count <= tests ? 0 : -Infinity;
  if (count > tests || p <= 0) return -Infinity;
  if (count > tests * p) return logTail(count, tests, p);
  return complement(logTail(tests - count + 1, tests, 1 - p, p));
}

/** `ln P(X <= count)`, likewise. */
export function logBinomialCdf(count: number, tests: number, p: number): number {
  if (count < 0) return -Infinity;
  if (count >= tests || p <= 0) return 0;
  if (p >= 1) return -Infinity;
  if (count < tests * p) return logTail(tests - count, tests, 1 - p, p);
  return complement(logTail(count + 1, tests, p));
}

/** `ln` of the two-sided p of a count: twice the smaller tail, at most 1. */
export function logBinomialTwoSided(count: number, tests: number, p: number): number {
  const smaller = Math.min(logBinomialSurvival(count, tests, p), logBinomialCdf(count, tests, p));
  return Math.min(0, Math.LN2 + smaller);
}

const complement = (logP: number) => logP < 0 ? Math.log(-Math.expm1(logP)) : -Infinity;

/** `ln P(X >= count)` above the mean. @param q `1 - p`, given where it is the exact one of the two */
function logTail(count: number, tests: number, p: number, q = 1 - p): number {
  const logQ = q < 0.5 ? Math.log(q) : Math.log1p(-p);
  const logP = p < 0.5 ? Math.log(p) : Math.log1p(-q);
  const first = count * logP + (tests - count) * logQ - Math.log(tests + 1) -
    logBeta(count + 1, tests - count + 1);
  let term = 1;
  let sum = 1;
  for (let k = count; k < tests && term > sum * 1e-17; k++) {
    term *= (tests - k) / (k + 1) * (p / q);
    sum += term;
  }
  return Math.min(0, first + Math.log(sum));
}
