/**
 * The distribution of an overlap when the tested singular vector is uniform on the sphere.
 *
 * With `N` channels and `z` positions in the support of the tested vector, and `rho` the squared norm of the other
 * vector carried into that support, `overlap / rho ~ Beta(z/2, z(N-1)/2)` exactly. The reference program of Meller and
 * Berkouk (arXiv 2302.08183) uses the limit of large `N`, `N z overlap / rho ~ chi2(z)`. When `N = 1` (depthwise) the
 * overlap is `rho` itself, one coordinate of the *other* vector: `Beta(1/2, (Ns-1)/2)`, `Ns` the channels of its support.
 */

import { logBeta, logBetaSurvival, logGamma, logGammaSurvival } from "./special-functions.ts";

/**
 * `rotation`: the channels of two layers have nothing to do with each other (`rotation-null.ts`). `beta` and `chi2` turn a kernel's spatial
 * profile at random too; `beta` is exact, `chi2` reproduces the reference program.
 */
export type NullName = "rotation" | "beta" | "chi2";

/** What the null distribution of a connection depends on. */
export interface NullParameters {
  /** `z`, a positive integer. */
  readonly positions: number;
  /** `N`, a positive integer: channels in the support of the tested vector. */
  readonly testedChannels: number;
  /** `Ns`, a positive integer: channels in the support of the other vector; matters only where `N = 1`. */
  readonly otherChannels: number;
}

/** The null distribution of `overlap / rho`. */
export interface NullDistribution {
  /** `ln P(X >= x)`, in [-Infinity, 0]. */
  logSurvival(x: number): number;
  /** The `x` in (0, 1] with `logSurvival(x) = logAlpha`, to a few ulp; null when that lies above 1, where nothing can pass. */
  threshold(logAlpha: number): number | null;
}

/**
 * The null distribution of a connection.
 *
 * @returns null where there is nothing to test: both vectors live on one channel, every overlap is `rho`, `p = 1`
 * @throws {RangeError} when a parameter is not a positive integer
 * @example
 * import { logSurvivalOfSigma, nullDistribution } from "svrflow";
 *
 * // How large must an overlap be to pass 3 sigma, among 256 channels of 9 positions?
 * const chance = nullDistribution("beta", { positions: 9, testedChannels: 256, otherChannels: 256 });
 * console.log(chance?.threshold(logSurvivalOfSigma(3)));
 */
export function nullDistribution(
  name: Exclude<NullName, "rotation">,
  parameters: NullParameters,
): NullDistribution | null {
  const { positions: z, testedChannels: N, otherChannels: Ns } = parameters;
  // By name: callers may pass an object that holds more than these.
  for (const [key, value] of Object.entries({ positions: z, testedChannels: N, otherChannels: Ns })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`null distribution, ${key}: found ${value}, required an integer of at least 1`);
    }
  }
  const [degrees, channels] = N > 1 ? [z, N] : [1, Ns];
  if (channels === 1) return null;
  return name === "beta"
    ? betaNull(degrees / 2, degrees * (channels - 1) / 2)
    : chi2Null(degrees, channels * degrees);
}

function betaNull(a: number, b: number): NullDistribution {
  const normalizer = logBeta(a, b);
  const logSurvival = (x: number) => logBetaSurvival(a, b, x, normalizer);
  const logDensity = (x: number) => (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x) - normalizer;
  return { logSurvival, threshold: (logAlpha) => invert(logSurvival, logDensity, logAlpha) };
}

function chi2Null(degrees: number, scale: number): NullDistribution {
  const a = degrees / 2;
  const normalizer = logGamma(a);
  const logSurvival = (x: number) => logGammaSurvival(a, x * scale / 2, normalizer);
  const logDensity = (x: number) => {
    const y = x * scale / 2;
    return (a - 1) * Math.log(y) - y - normalizer + Math.log(scale / 2);
  };
  const threshold = (logAlpha: number) =>
    logSurvival(1) > logAlpha ? null : invert(logSurvival, logDensity, logAlpha);
  return { logSurvival, threshold };
}

/**
 * Solves `logSurvival(x) = logAlpha` on (0, 1) by Newton's method on the log survival, kept inside a bracket that
 * halves whenever a step would leave it.
 */
function invert(
  logSurvival: (x: number) => number,
  logDensity: (x: number) => number,
  logAlpha: number,
): number | null {
  if (logAlpha >= 0) return 0;
  if (logAlpha === -Infinity) return 1;
  let low = 0;
  let high = 1;
  let x = 0.5;
  for (let step = 0; step < 200; step++) {
    const value = logSurvival(x);
    if (value > logAlpha) low = x;
    else high = x;
    const newton = x + (value - logAlpha) * Math.exp(value - logDensity(x));
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - x) <= 2e-16 * x) return next;
    x = next;
  }
  return x;
}
