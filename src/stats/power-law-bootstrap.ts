/** How sure the exponent of a power law is, and whether there is a power law at all. */

import type { Random } from "../model/random.ts";
import { quantile } from "./ordinary.ts";
import { fitPowerLaw, type PowerLaw } from "./power-law.ts";

/**
 * An interval of 95 % for `alpha`: the sample is drawn anew from itself and fitted, its beginning too (Efron 1979, percentiles).
 *
 * @param values as for `fitPowerLaw`
 * @param rounds how often, 1 or more
 * @returns null where fewer than half of the samples could be fitted
 */
export function alphaInterval(
  values: Float64Array,
  rounds: number,
  source: Random,
): readonly [low: number, high: number] | null {
  const alphas: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const sample = values.map(() => drawn(values, source)).sort();
    const fit = fitPowerLaw(sample);
    if (fit !== null) alphas.push(fit.alpha);
  }
  if (alphas.length < rounds / 2) return null;
  return [quantile(alphas, 0.025), quantile(alphas, 0.975)];
}

/**
 * Goodness of fit after Clauset, Shalizi and Newman (2009): samples are made of the fitted law above `xmin` and of the sample's own values below
 * it, and fitted, their beginning too. The share of them that are as far from their law as the sample is from its own.
 *
 * @param values that were fitted
 * @param rounds how often, 1 or more
 * @returns in (0, 1]; up to 0.1 a power law is refused (Clauset, Shalizi and Newman 2009)
 */
export function goodnessOfFit(
  values: Float64Array,
  { alpha, xmin, distance, tail }: PowerLaw,
  rounds: number,
  source: Random,
): number {
  const body = values.subarray(0, values.length - tail);
  let farther = 0;
  for (let round = 0; round < rounds; round++) {
    const sample = values.map(() =>
      source.uniform() * values.length < tail
        ? xmin * source.uniform() ** (-1 / (alpha - 1))
        : drawn(body, source)
    ).sort();
    if ((fitPowerLaw(sample)?.distance ?? 0) >= distance) farther++;
  }
  return (farther + 1) / (rounds + 1);
}

function drawn(values: Float64Array, { uniform }: Random): number {
  return values[Math.floor(uniform() * values.length)]!;
}
