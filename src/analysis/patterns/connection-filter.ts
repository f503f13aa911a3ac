/** What one neuron hands to another, position by position. */

import type { Unfolding } from "../../model/layer.ts";
import type { ConnectionFilter } from "../../model/patterns/neuron-patterns.ts";
import type { Spectrum } from "../../model/spectrum.ts";
import { kernelExtents } from "./kernel-extents.ts";

/**
 * An effective filter with its extents.
 *
 * @param values one per position
 * @param sides spectra of the source and of the target; in `svr` the target carries the positions, in `cosvr` the source
 */
export function filterOf(
  values: Float64Array,
  [source, target]: readonly [Pick<Spectrum, "layer">, Pick<Spectrum, "layer">],
  unfolding: Unfolding,
): ConnectionFilter {
  const { rows, columns } = kernelExtents((unfolding === "svr" ? target : source).layer);
  const overlap = values.reduce((sum, value) => sum + value * value, 0);
  return { rows, columns, values: [...values], overlap };
}
