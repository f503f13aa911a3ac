/** How a spectral neuron's weight is spread over channels: localization, participation and entropy of its vector, as WeightWatcher has them. */

import type { NeuronMetrics, SpectralMetrics, VectorMeans } from "../../model/layer-metrics.ts";
import type { Spectrum } from "../../model/spectrum.ts";
import { meanAndDeviation } from "../../stats/ordinary.ts";

/** Bins of the histogram that the entropy is of. */
const BINS = 100;

/** What WeightWatcher adds to the density in each bin. */
const EPSILON = 1e-10;

/** The measures of vectors. */
export type VectorMetrics = Pick<NeuronMetrics, "locRatio" | "partRatio" | "vecEntropy">;

/**
 * Of each neuron's vector on the shorter side of the unfolded weight (the left one of a square): those of `W W'` or `W' W`, whichever is smaller.
 *
 * @returns NaN for null neurons, which have no direction
 */
export function vectorMetrics(
  { left, right, singularValues, nullNeurons }: Pick<
    Spectrum,
    "left" | "right" | "singularValues" | "nullNeurons"
  >,
): VectorMetrics {
  const { data, cols } = left.cols <= right.cols ? left : right;
  const nothing = () => new Float64Array(singularValues.length).fill(NaN);
  const [locRatio, partRatio, vecEntropy] = [nothing(), nothing(), nothing()];
  for (let neuron = 0; neuron < singularValues.length; neuron++) {
    if (nullNeurons[neuron] === 1) continue;
    const sizes = data.subarray(neuron * cols, (neuron + 1) * cols).map(Math.abs);
    let [sum, squares, fourth, largest] = [0, 0, 0, 0];
    for (const size of sizes) {
      const square = size * size;
      sum += size;
      squares += square;
      fourth += square * square;
      if (size > largest) largest = size;
    }
    locRatio[neuron] = sum / largest;
    partRatio[neuron] = Math.sqrt(squares / Math.sqrt(fourth));
    vecEntropy[neuron] = histogramEntropy(sizes, largest);
  }
  return { locRatio, partRatio, vecEntropy };
}

/** The entropy of a histogram between the smallest and the largest value; 0 where all are equal. */
function histogramEntropy(values: Float64Array, largest: number): number {
  const smallest = values.reduce((least, value) => value < least ? value : least, largest);
  const width = (largest - smallest) / BINS;
  if (!(width > 0)) return 0;
  const counts = new Int32Array(BINS);
  for (const value of values) counts[Math.min(BINS - 1, Math.floor((value - smallest) / width))]!++;
  const density = Array.from(counts, (count) => count / (values.length * width) + EPSILON);
  const all = density.reduce((sum, each) => sum + each, 0);
  return -density.reduce((sum, each) => sum + each / all * Math.log(each / all), 0);
}

/** Means over the neurons below `xmin`, and from it on. @param values singular values, neuron by neuron */
export function vectorMeans(
  { locRatio, partRatio, vecEntropy }: VectorMetrics,
  values: Float64Array,
  { xmin }: Pick<SpectralMetrics, "xmin">,
): VectorMeans {
  const mean = (measures: Float64Array, isTail: boolean) => {
    const chosen = [...measures].filter((measure, neuron) =>
      xmin !== null && values[neuron]! ** 2 >= xmin === isTail && !Number.isNaN(measure)
    );
    return chosen.length === 0 ? null : meanAndDeviation(chosen).mean;
  };
  return {
    bulk_mean_loc_ratio: mean(locRatio, false),
    tail_mean_loc_ratio: mean(locRatio, true),
    bulk_mean_part_ratio: mean(partRatio, false),
    tail_mean_part_ratio: mean(partRatio, true),
    bulk_mean_vec_entropy: mean(vecEntropy, false),
    tail_mean_vec_entropy: mean(vecEntropy, true),
  };
}
