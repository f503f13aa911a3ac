/** Stage 3: the spectrum of a layer. */

import type { Kernel } from "../kernels/kernel.ts";
import type { Layer, Unfolding } from "../model/layer.ts";
import type { Spectrum, Svd } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

/**
 * Decomposes a layer's unfolded weight. A grouped layer is decomposed block by block; the spectra are merged, sorted by
 * singular value (ties by group), and each neuron remembers its group.
 *
 * @param blocks as `unfold` returns them; may be overwritten
 * @throws {RangeError} when a weight is NaN or infinite
 */
export async function spectrum(
  layer: Layer,
  blocks: readonly Matrix[],
  unfolding: Unfolding,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<Spectrum> {
  const options = signal === undefined ? {} : { signal };
  const parts: Svd[] = [];
  for (const block of blocks) parts.push(await kernel.svd(block, options));
  if (parts.length === 1) {
    const only = parts[0]!;
    return { layer, unfolding, ...only, group: new Int32Array(only.singularValues.length) };
  }
  return merged(layer, parts, unfolding);
}

function merged(layer: Layer, parts: readonly Svd[], unfolding: Unfolding): Spectrum {
  const neurons = parts.flatMap((part, group) =>
    Array.from(part.singularValues, (s, at) => ({ s, at, group }))
  );
  neurons.sort((a, b) => b.s - a.s || a.group - b.group || a.at - b.at);
  const gather = (side: "left" | "right") => {
    const cols = parts[0]![side].cols;
    const out = matrix(neurons.length, cols);
    neurons.forEach(({ at, group }, j) => {
      out.data.set(parts[group]![side].data.subarray(at * cols, (at + 1) * cols), j * cols);
    });
    return out;
  };
  return {
    layer,
    unfolding,
    left: gather("left"),
    singularValues: Float64Array.from(neurons, ({ s }) => s),
    right: gather("right"),
    group: Int32Array.from(neurons, ({ group }) => group),
  };
}
