/**
 * How much two random subspaces overlap. For `P` and `Q` dimensions in `R^d`, one of them uniformly random, the energy
 * `E = sum over both orthonormal bases of (inner product)^2` is the sum of the squared cosines of their principal angles.
 *
 * `max(0, P + Q - d)` of the angles are 0; the squared cosines `x` of the other `s = min(P, Q, d - P, d - Q)` have the density
 * `prod x^((|P-Q|-1)/2) (1-x)^((|d-P-Q|-1)/2) prod |x_i - x_j|` (James 1954). Mean `PQ/d`, variance `2PQ(d-P)(d-Q) / (d^2 (d-1)(d+2))`.
 */

import type { EnergyChance, EnergyMoments } from "../model/ports.ts";
import { logBeta, logBetaCdf, logBetaSurvival } from "./special-functions.ts";

/** An energy is known to an ulp of its range at best: no log p is infinite. */
const LEAST_SHARE = 2 ** -53;

/** The null distribution of an energy. */
export interface SubspaceNull extends EnergyMoments, EnergyChance {}

/**
 * The null distribution of the energy of two subspaces. With one free angle it is a Beta; with two it is integrated; with more it is
 * the Beta on `[max(0, P+Q-d), min(P, Q)]` with the same mean and variance.
 *
 * @param P dimensions, integers from 0 to `d`
 * @returns null where the energy cannot vary
 */
export function subspaceNull(P: number, Q: number, d: number): SubspaceNull | null {
  const free = Math.min(P, Q, d - P, d - Q);
  if (free <= 0 || d < 2) return null;
  const mean = P * Q / d;
  const variance = 2 * P * Q * (d - P) * (d - Q) / (d * d * (d - 1) * (d + 2));
  const low = Math.max(0, P + Q - d);
  const width = Math.min(P, Q) - low;
  const share = (energy: number) => Math.min(1 - LEAST_SHARE, Math.max(LEAST_SHARE, (energy - low) / width));
  if (free === 2) {
    const [apart, beyond] = [Math.abs(P - Q), Math.abs(d - P - Q)];
    return {
      mean,
      variance,
      least: low,
      most: low + width,
      logSurvival: (energy) => twoAngles(beyond, apart, 2 - 2 * share(energy)),
      logCdf: (energy) => twoAngles(apart, beyond, 2 * share(energy)),
    };
  }
  return betaOnRange({ mean, variance, least: low, most: low + width });
}

/** The Beta of a mean and a variance on a range. @returns null where nothing can vary */
export function betaOnRange({ mean, variance, least, most }: EnergyMoments): SubspaceNull | null {
  const width = most - least;
  const m = (mean - least) / width;
  const concentration = m * (1 - m) / (variance / (width * width)) - 1;
  if (!(width > 0 && variance > 0 && concentration > 0)) return null;
  const [alpha, beta] = [m * concentration, (1 - m) * concentration];
  const share = (energy: number) =>
    Math.min(1 - LEAST_SHARE, Math.max(LEAST_SHARE, (energy - least) / width));
  return {
    mean,
    variance,
    least,
    most,
    // A certain event has 0, and not -0.
    logSurvival: (energy) => 0 + logBetaSurvival(alpha, beta, share(energy)),
    logCdf: (energy) => 0 + logBetaCdf(alpha, beta, share(energy)),
  };
}

/**
 * `ln P(x + y <= t)` for two squared cosines, `t` in (0, 2). In `sum = x + y` and `product = r^2` the density is
 * `r^(p-1) (1 - sum + r^2)^((q-1)/2)`, so that
 * `P = 1/B(p+1, q+2) * integral over r from 0 to t/2 of r^p ((1-r)^(q+1) - max(0, 1 + r^2 - t)^((q+1)/2))`. Every term is positive: the
 * small tail keeps its digits, and the large one comes from it.
 *
 * @param p `|P - Q|`
 * @param q `|d - P - Q|`
 */
function twoAngles(p: number, q: number, t: number): number {
  const below = integrated(p, q, t);
  if (below < -1) return below;
  const above = integrated(q, p, 2 - t);
  return above < 0 ? Math.min(0, Math.log1p(-Math.exp(above))) : below;
}

function integrated(p: number, q: number, t: number): number {
  const integrand = (r: number, toEnd: number) => {
    const rest = (1 - r) ** 2;
    const gone = 2 * toEnd / rest;
    const part = gone >= 1 ? 0 : Math.log(-Math.expm1((q + 1) / 2 * Math.log1p(-gone)));
    return p * Math.log(r) + (q + 1) * Math.log1p(-r) + part;
  };
  const end = t / 2;
  // Where the second term begins the integrand is less smooth.
  const bend = t > 1 ? Math.sqrt(t - 1) : 0;
  const first = bend > 0 ? logIntegral((r) => integrand(r, end - r), 0, bend) : -Infinity;
  const second = logIntegral(integrand, bend, end);
  const larger = Math.max(first, second);
  return Math.min(
    0,
    larger + Math.log(Math.exp(first - larger) + Math.exp(second - larger)) - logBeta(p + 1, q + 2),
  );
}

/** Steps of the quadrature are halved from the first to the last of these powers of 2, until nothing changes. */
const COARSEST = 4;
const FINEST = 12;
/** Beyond, the nodes are at the ends to the last bit. */
const REACH = 4;

/**
 * `ln` of the integral of `exp(f)` over `[from, to]`, by tanh-sinh quadrature (Takahasi and Mori 1974), which does not mind singular ends.
 *
 * @param f is given a point and its distance to the upper end
 */
function logIntegral(f: (at: number, toEnd: number) => number, from: number, to: number): number {
  const width = to - from;
  let before = NaN;
  for (let level = COARSEST; level <= FINEST; level++) {
    const step = 2 ** -level;
    const terms: number[] = [];
    for (let u = -REACH; u <= REACH; u += step) {
      const bend = Math.PI * Math.sinh(u);
      const [lower, upper] = [1 / (1 + Math.exp(-bend)), 1 / (1 + Math.exp(bend))];
      const weight = width * step * Math.PI * Math.cosh(u) * lower * upper;
      const term = f(from + width * lower, width * upper) + Math.log(weight);
      if (term > -Infinity) terms.push(term);
    }
    const most = terms.reduce((larger, term) => Math.max(larger, term), -Infinity);
    const found = most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
    if (Math.abs(found - before) <= 1e-13 * Math.max(1, Math.abs(found))) return found;
    before = found;
  }
  return before;
}
