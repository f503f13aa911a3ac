/** The normal tail on a logarithmic scale: `sigma` levels and log p-values, each from the other. */

import { logGamma, logGammaSurvival } from "./special-functions.ts";

const LOG_GAMMA_HALF = logGamma(0.5);

/**
 * `ln(1 - Phi(sigma))` for any `sigma`, by the chi-squared tail of one degree of freedom: `1 - Phi(s) = Q(1/2, s^2/2)/2`
 * for `s >= 0`, and the complement below.
 *
 * @returns in [-Infinity, 0]
 * @example
 * import { logSurvivalOfSigma } from "svrflow";
 *
 * console.log(Math.exp(logSurvivalOfSigma(3))); // 0.00135
 */
export function logSurvivalOfSigma(sigma: number): number {
  const half = logGammaSurvival(0.5, sigma * sigma / 2, LOG_GAMMA_HALF) - Math.LN2;
  return sigma >= 0 ? half : Math.log1p(-Math.exp(half));
}

/**
 * The `sigma` with `1 - Phi(sigma) = p`, the inverse of `logSurvivalOfSigma`, by Newton's method on `ln p`, which is
 * concave in `sigma` and so converges from either side.
 *
 * @param logP `ln p`, at most 0
 * @returns Infinity for `p = 0`, -Infinity for `p = 1`
 * @example
 * import { sigmaOfLogP } from "svrflow";
 *
 * console.log(sigmaOfLogP(Math.log(2.87e-7))); // 5.0
 */
export function sigmaOfLogP(logP: number): number {
  if (logP >= 0) return -Infinity;
  if (logP === -Infinity) return Infinity;
  // Above one half the small number is the complement: solve there and mirror.
  if (logP > -Math.LN2) return -sigmaOfLogP(Math.log(-Math.expm1(logP)));
  let sigma = Math.sqrt(Math.max(0, -2 * (logP + Math.LN2)));
  for (let step = 0; step < 60; step++) {
    const value = logSurvivalOfSigma(sigma);
    // d/ds ln(1 - Phi) = -phi / (1 - Phi)
    const slope = -Math.exp(-sigma * sigma / 2 - 0.918938533204672741780329736406 - value);
    const change = (value - logP) / slope;
    sigma -= change;
    if (Math.abs(change) <= 4e-16 * Math.abs(sigma)) break;
  }
  return sigma;
}
