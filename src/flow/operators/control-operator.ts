/** The null control as an RxJS operator between `svd` and `overlap`. */

import { concatMap, type OperatorFunction } from "rxjs";
import { unfoldedShape, type Unfolding } from "../../model/layer.ts";
import { matrix } from "../../model/tensor.ts";
import { controlPlan, haarFrames } from "../../stages/null-control.ts";
import type { SpectrumJob } from "../jobs.ts";
import type { Workshop } from "../workshop.ts";

/**
 * Spectrum -> the same with a control beside it, in order: the same singular values, and a Haar frame in place of each of its two sets of
 * vectors that is tested. A frame depends on the seed, the layer and the group only. Made within the byte budget.
 *
 * @throws {RangeError} when a frame does not fit the budget; says which budget would do
 */
export function nullControl(
  { kernel, budget, store, signal }: Workshop,
  unfolding: Unfolding,
  seed: number,
): OperatorFunction<SpectrumJob, SpectrumJob> {
  const options = signal === undefined ? {} : { signal };
  return concatMap(async (job): Promise<SpectrumJob> => {
    const { layer, graph, model, spectrum } = job;
    if ("skipped" in spectrum) return job;
    const plan = controlPlan(layer, graph, unfolding);
    store.useMore(spectrum, plan.ownUses);
    if (plan.randomUses === 0) return { ...job, control: { unfolding, random: null } };
    const { singularValues, group, norm } = spectrum;
    const { rows, cols } = unfoldedShape(layer, unfolding);
    const widths = { left: plan.left ? rows : 0, right: plan.right ? cols : 0 };
    const most = Math.max(
      ...group.reduce((counts, g) => (counts[g]! += 1, counts), new Uint32Array(layer.groups)),
    );
    // The frames; and a Gaussian matrix with its decomposition, of the largest group and the longer vectors.
    const width = Math.max(widths.left, widths.right);
    const need = 8 * group.length * (widths.left + widths.right + 2) +
      8 * most * (2 * width + most + 1) + kernel.workspace(most, width);
    const grant = await budget.acquire(need, `the null control of layer ${layer.name}`, options);
    try {
      const frame = (side: "left" | "right") =>
        widths[side] === 0 ? matrix(group.length, 0) : haarFrames(
          group,
          widths[side],
          { seed, stream: `null control/${layer.index}/${side}` },
          kernel,
          options,
        );
      const [left, right] = [await frame("left"), await frame("right")];
      const control = { layer, unfolding, norm, singularValues, group, left, right };
      const held = store.put(control, grant, plan.randomUses, model);
      return { ...job, control: { unfolding, random: held } };
    } catch (failure) {
      grant.release();
      throw failure;
    }
  });
}
