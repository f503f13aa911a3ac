/**
 * A layer's decomposition as one piece of work: all its groups and their merging. Where the kernel has threads it is done in one of
 * them, so that the thread that reads and writes sees nothing of it but its end.
 */

import type { Handed, Kernel, SvdOptions } from "../kernels/kernel.ts";
import type { Layer, Unfolding } from "../model/layer.ts";
import { type BareSpectrum, certificateOf } from "../model/spectrum.ts";
import { type Matrix, ownMatrix } from "../model/tensor.ts";
import { layerFlops } from "../stages/flops.ts";
import { spectrum } from "../stages/svd.ts";

/** See `SvdOptions`. */
export type Leading = Pick<SvdOptions, "rank" | "noise" | "tolerance">;

/** What is to be decomposed, and how. Plain data. */
export interface Decomposition {
  readonly layer: Layer;
  readonly unfolding: Unfolding;
  /** As `unfold` returns them; given away. */
  readonly blocks: readonly Matrix[];
  /** Which triplets are wanted, where not all are. */
  readonly leading: Leading;
}

/**
 * Decomposes.
 *
 * @param asked says what; once more where a thread died with it
 * @throws {RangeError} when a weight is NaN or infinite, or the matrix is too large for the kernel
 */
export async function decomposed(
  asked: () => Promise<Decomposition>,
  kernel: Kernel,
  { layer, unfolding, leading }: Pick<Decomposition, "layer" | "unfolding" | "leading">,
  options: Pick<SvdOptions, "signal" | "subject">,
): Promise<BareSpectrum> {
  const { within } = kernel;
  if (within === undefined) return (await answer(await asked(), kernel, options)).value;
  const given = async (): Promise<Handed<Decomposition>> => {
    const decomposition = await asked();
    const blocks = decomposition.blocks.map(ownMatrix);
    return { value: { ...decomposition, blocks }, given: blocks.map(({ data }) => data.buffer) };
  };
  const flops = layerFlops(layer, unfolding, leading.rank);
  return await within<Decomposition, BareSpectrum>(import.meta.url, given, {
    ...options,
    flops,
    urgent: false,
  });
}

/** Answers where the kernel computes: the work that its `within` is asked to do. */
export default async function answer(
  { layer, unfolding, blocks, leading }: Decomposition,
  kernel: Kernel,
  options: Pick<SvdOptions, "signal" | "subject"> = {},
): Promise<Handed<BareSpectrum>> {
  const found = await spectrum(layer, blocks, unfolding, kernel, { ...options, ...leading });
  const { left, right, singularValues, group, norm } = found;
  const value = { left, right, singularValues, group, norm, ...certificateOf(found) };
  return { value, given: [left.data, right.data, singularValues, group].map(({ buffer }) => buffer) };
}
