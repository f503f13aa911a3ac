/**
 * Corrections for many tests at once, on log p-values.
 *
 * Bonferroni; Holm (1979); Benjamini and Hochberg (1995), `bh`; Benjamini and Yekutieli (2001), `by`.
 */

/** How p-values are adjusted for the number of tests. */
export type Correction = "none" | "bonferroni" | "holm" | "bh" | "by";

/** Euler's constant. */
const EULER = 0.57721566490153286;

/** `H_m = sum 1/i`, the factor by which `by` is stricter than `bh`; by its expansion where the sum would be long. */
function harmonic(m: number): number {
  if (m > 1000) return Math.log(m) + EULER + 1 / (2 * m) - 1 / (12 * m * m);
  let sum = 0;
  for (let i = 1; i <= m; i++) sum += 1 / i;
  return sum;
}

/**
 * Adjusts p-values.
 *
 * `logP` holds all `tests` log p-values, or only the smallest of them (all p up to some cut). With a part only, ranks are
 * the same, since all others are larger; Holm looks at smaller p-values only; and the step-up of `bh` and `by` could only
 * be lowered by an omitted `p_k`, whose adjusted value `p_k m / k` is at least `p_k`, above the cut. So every adjusted
 * value up to the cut is exact, and so is every verdict at a level up to the cut.
 *
 * @param logP `ln p` of each test kept, any order
 * @param tests number of tests made, at least `logP.length`
 * @returns `ln q` of each, in the same order, at most 0
 * @throws {RangeError} when there are more p-values than tests
 * @example
 * import { adjust } from "svrflow";
 *
 * const logP = Float64Array.of(0.001, 0.02, 0.03).map(Math.log);
 * console.log(adjust(logP, 100, "bh").map(Math.exp)); // 0.1, 1, 1
 */
export function adjust(logP: Float64Array, tests: number, method: Correction): Float64Array {
  const count = logP.length;
  if (count > tests) {
    throw new RangeError(`adjust: found ${count} p-values of ${tests} tests, required at most as many`);
  }
  if (method === "none") return logP.slice();
  const logTests = Math.log(tests);
  if (method === "bonferroni") return logP.map((p) => Math.min(0, p + logTests));
  const order = ascending(logP);
  const adjusted = new Float64Array(count);
  if (method === "holm") {
    let running = -Infinity;
    for (let rank = 0; rank < count; rank++) {
      const at = order[rank]!;
      running = Math.max(running, logP[at]! + Math.log(tests - rank));
      adjusted[at] = Math.min(0, running);
    }
    return adjusted;
  }
  const factor = logTests + (method === "by" ? Math.log(harmonic(tests)) : 0);
  let running = 0;
  for (let rank = count; rank >= 1; rank--) {
    const at = order[rank - 1]!;
    running = Math.min(running, logP[at]! + factor - Math.log(rank));
    adjusted[at] = running;
  }
  return adjusted;
}

/** The order of `values` from the smallest up, ties by position. */
function ascending(values: Float64Array): Uint32Array {
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order.sort((a, b) => values[a]! - values[b]! || a - b);
}

/**
 * The unadjusted log p up to which tests were rejected, given how many were: what a threshold on the overlap follows from.
 *
 * @param rejected number of tests rejected
 * @returns null where the correction looks at the data and nothing was rejected
 */
export function criticalLogP(
  method: Correction,
  logAlpha: number,
  tests: number,
  rejected: number,
): number | null {
  switch (method) {
    case "none":
      return logAlpha;
    case "bonferroni":
      return logAlpha - Math.log(tests);
    case "holm":
      return rejected === 0 ? null : logAlpha - Math.log(Math.max(1, tests - rejected + 1));
    case "bh":
      return rejected === 0 ? null : logAlpha + Math.log(rejected / tests);
    case "by":
      return rejected === 0 ? null : logAlpha + Math.log(rejected / tests / harmonic(tests));
  }
}

/**
 * The expected number of rejections when every null hypothesis is true and the p-values are independent.
 *
 * `none`: `m alpha`. `bonferroni`: `alpha`. `bh`: with `U` uniform order statistics, the number of rejections has
 * `P(R = k) = C(m,k) (k a)^k (1 - alpha) (1 - k a)^(m-k-1)`, `a = alpha/m` (Dempster 1959; Finner & Roters 2002). `by`: the
 * same at `alpha / H_m`. `holm`: at most `alpha + alpha^2` beyond its first step, reported as its first step's `alpha`.
 *
 * @returns 0 where there are no tests
 * @example
 * import { expectedByChance } from "svrflow";
 *
 * console.log(expectedByChance("none", 4096, 0.00135), expectedByChance("bonferroni", 4096, 0.00135)); // 5.53, 0.00135
 */
export function expectedByChance(method: Correction, tests: number, alpha: number): number {
  if (tests === 0) return 0;
  switch (method) {
    case "none":
      return tests * alpha;
    case "bonferroni":
    case "holm":
      return alpha;
    case "bh":
      return expectedStepUp(tests, alpha);
    case "by":
      return expectedStepUp(tests, alpha / harmonic(tests));
  }
}

function expectedStepUp(m: number, alpha: number): number {
  const a = alpha / m;
  let expected = 0;
  let logChoose = 0;
  for (let k = 1; k <= m; k++) {
    logChoose += Math.log((m - k + 1) / k);
    const logTail = k === m ? -Math.log1p(-alpha) : (m - k - 1) * Math.log1p(-k * a);
    const term = k * (1 - alpha) * Math.exp(logChoose + k * Math.log(k * a) + logTail);
    expected += term;
    if (k > 10 && term < expected * 1e-15) break;
  }
  return expected;
}
