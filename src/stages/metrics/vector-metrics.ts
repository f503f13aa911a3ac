/** How a spectral neuron's weight is spread over channels: localization, participation and entropy of its vector, as WeightWatcher has them. */

import type { NeuronMetrics, SpectralMetrics, VectorMeans } from "../../model/layer-metrics.ts";
import type { Spectrum } from "../../model/spectrum.ts";

/** Bins of the histogram that the entropy is of. */
const BINS = 100;

/** What WeightWatcher adds to the density in each bin. */
const EPSILON = 1e-10;
const LOG_EPSILON = Math.log(EPSILON);

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
  const entropyOf = histogramEntropy(cols);
  const sizes = new Float64Array(cols);
  for (let neuron = 0; neuron < singularValues.length; neuron++) {
    if (nullNeurons[neuron] === 1) continue;
    let sum = 0;
    let squares = 0;
    let fourth = 0;
    let largest = 0;
    let smallest = Infinity;
    for (let at = 0, from = neuron * cols; at < cols; at++) {
      const size = Math.abs(data[from + at]!);
      const square = size * size;
      sizes[at] = size;
      sum += size;
      squares += square;
      fourth += square * square;
      if (size > largest) largest = size;
      if (size < smallest) smallest = size;
    }
    locRatio[neuron] = sum / largest;
    partRatio[neuron] = Math.sqrt(squares / Math.sqrt(fourth));
    vecEntropy[neuron] = entropyOf(sizes, smallest, largest);
  }
  return { locRatio, partRatio, vecEntropy };
}

/**
 * The entropy of a histogram between the smallest and the largest of so many values; 0 where all are equal. With densities `d` of sum `S` it is
 * `ln S - (sum d ln d) / S`, and the logarithm of a count is that of one of few integers.
 */
function histogramEntropy(
  count: number,
): (values: Float64Array, smallest: number, largest: number) => number {
  const logs = Float64Array.from({ length: count + 1 }, (_, value) => Math.log(value));
  const counts = new Int32Array(BINS);
  return (values, smallest, largest) => {
    const width = (largest - smallest) / BINS;
    if (!(width > 0)) return 0;
    counts.fill(0);
    const perWidth = 1 / width;
    for (let at = 0; at < count; at++) {
      const bin = Math.trunc((values[at]! - smallest) * perWidth);
      counts[bin < BINS ? bin : BINS - 1]!++;
    }
    const unit = 1 / (count * width);
    const logUnit = Math.log(unit);
    let all = BINS * EPSILON;
    let sum = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const found = counts[bin]!;
      // What is added to the density of a bin without values is some 1e-7 of the entropy at most; elsewhere it is nothing.
      if (found === 0) {
        sum += EPSILON * LOG_EPSILON;
      } else {
        all += found * unit;
        sum += found * unit * (logs[found]! + logUnit);
      }
    }
    return Math.log(all) - sum / all;
  };
}

/** Means over the neurons below `xmin`, and from it on. @param values singular values, neuron by neuron */
export function vectorMeans(
  { locRatio, partRatio, vecEntropy }: VectorMetrics,
  values: Float64Array,
  { xmin }: Pick<SpectralMetrics, "xmin">,
): VectorMeans {
  const mean = (measures: Float64Array, isTail: boolean) => {
    let [sum, count] = [0, 0];
    for (let neuron = 0; neuron < values.length; neuron++) {
      const measure = measures[neuron]!;
      if (xmin === null || values[neuron]! ** 2 >= xmin !== isTail || Number.isNaN(measure)) continue;
      sum += measure;
      count++;
    }
    return count === 0 ? null : sum / count;
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
