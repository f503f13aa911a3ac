/** All figures of a layer that WeightWatcher's users know, beside ours. */

import type { LayerMetrics, PowerLawEvidence, SpectralMetrics } from "../../model/layer-metrics.ts";
import { type Layer, rankOf, unfoldedShape } from "../../model/layer.ts";
import { random } from "../../model/random.ts";
import type { Spectrum } from "../../model/spectrum.ts";
import { alphaInterval, goodnessOfFit } from "../../stats/power-law-bootstrap.ts";
import { fitPowerLaw } from "../../stats/power-law.ts";
import { spikeLogP } from "./bulk-metrics.ts";
import {
  eigenvaluesOf,
  fittedValues,
  partialMetrics,
  type SingularValues,
  spectralMetrics,
} from "./spectral-metrics.ts";
import { vectorMeans, vectorMetrics } from "./vector-metrics.ts";

/** Relative precision of singular values. */
const EPSILON = { f64: 2 ** -52, f32: 2 ** -23 } as const;

/** Singular values of each group's matrix, with its longer side. */
export function matricesOf(
  { singularValues, group }: Pick<Spectrum, "singularValues" | "group">,
  { rows, cols }: { readonly rows: number; readonly cols: number },
): readonly SingularValues[] {
  const side = Math.max(rows, cols);
  if (group.at(-1) === 0 && group.every((each) => each === 0)) return [{ values: singularValues, side }];
  return [...Map.groupBy(group.keys(), (neuron) => group[neuron]!).values()]
    .map((members) => ({ values: Float64Array.from(members, (neuron) => singularValues[neuron]!), side }));
}

/**
 * Whether a spectrum has all neurons of its layer, so that figures of the whole of it can be made. Of circuits none are: their singular values are
 * not those of one random matrix.
 */
export function isWhole(
  { layer, unfolding, singularValues }: Pick<Spectrum, "layer" | "unfolding" | "singularValues">,
): boolean {
  return layer.circuit === undefined && singularValues.length === rankOf(layer, unfolding);
}

/**
 * What a spectrum alone says. Of one that has only leading neurons: its norms, and what is of one neuron.
 *
 * @param precision in which it was decomposed
 */
export function layerMetrics(spectrum: Spectrum, precision: keyof typeof EPSILON): LayerMetrics {
  const { layer, unfolding, singularValues, norm } = spectrum;
  const shape = unfoldedShape(layer, unfolding);
  const whole = isWhole(spectrum);
  const figures = whole
    ? metricsOf(matricesOf(spectrum, shape), precision)
    : partialMetrics(norm, singularValues[0] ?? 0);
  const vectors = vectorMetrics(spectrum);
  return {
    spectrum: figures,
    vectors: vectorMeans(vectors, singularValues, figures),
    neurons: {
      ...vectors,
      spikeLogP: whole
        ? spikeLogP(spectrum, layer.groups, shape)
        : new Float64Array(singularValues.length).fill(NaN),
    },
    evidence: null,
    permuted: null,
    pooled: null,
  };
}

/** Figures of some matrices together. */
export function metricsOf(
  matrices: readonly SingularValues[],
  precision: keyof typeof EPSILON,
): SpectralMetrics {
  return spectralMetrics(matrices, EPSILON[precision]);
}

/**
 * The interval of `alpha` and the goodness of fit, by bootstrap.
 *
 * @param rounds of each, 1 or more
 * @param seed with the layer's name it names the random numbers
 * @returns null where there is no fit
 */
export function powerLawEvidence(
  matrices: readonly SingularValues[],
  { name }: Pick<Layer, "name">,
  rounds: number,
  seed: number,
): PowerLawEvidence | null {
  const values = fittedValues(eigenvaluesOf(matrices));
  const fit = fitPowerLaw(values);
  if (fit === null) return null;
  const interval = alphaInterval(values, rounds, random(seed, `alpha/${name}`));
  return {
    alpha_low: interval?.[0] ?? null,
    alpha_high: interval?.[1] ?? null,
    alpha_p: goodnessOfFit(values, fit, rounds, random(seed, `goodness of fit/${name}`)),
  };
}
