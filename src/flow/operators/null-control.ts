/** The null control as an RxJS operator between `svd` and `overlap`. */

import { concatMap, type OperatorFunction } from "rxjs";
import type { Unfolding } from "../../model/layer.ts";
import { type Spectrum, spectrumBytes } from "../../model/spectrum.ts";
import { matrix } from "../../model/tensor.ts";
import { controlPlan, turned } from "../../stages/null-control.ts";
import { turningBytes } from "../../stages/memory-needs.ts";
import type { SpectrumJob } from "../jobs.ts";
import type { Engine } from "../engine.ts";

/**
 * Spectrum -> the same with a control beside it, in order: the same singular values, and turned vectors on each side that the control
 * turns. A rotation depends on the seed, the layer and the group only. Made within the byte budget.
 *
 * @throws {RangeError} when it does not fit the budget; says which budget would do
 * @example
 * import { layers, nullControl, openEngine, openModel, svd, unfold } from "svrflow";
 * import { firstValueFrom, of } from "rxjs";
 *
 * const model = await openModel("model.safetensors");
 * const engine = await openEngine();
 * const spectra = of(model).pipe(layers(), unfold("svr"), svd(engine, "svr"), nullControl(engine, "svr", 1));
 * console.log((await firstValueFrom(spectra)).control?.turned?.singularValues);
 * await engine.dispose();
 */
export function nullControl(
  { kernel, budget, store, signal }: Engine,
  unfolding: Unfolding,
  seed: number,
): OperatorFunction<SpectrumJob, SpectrumJob> {
  const options = signal === undefined ? {} : { signal };
  return concatMap(async (job): Promise<SpectrumJob> => {
    const { layer, graph, model, spectrum } = job;
    if ("skipped" in spectrum) return job;
    const plan = controlPlan(layer, graph, unfolding);
    if (plan.turnedUses === 0) {
      store.useMore(spectrum, plan.ownUses);
      return { ...job, control: { unfolding, turned: null } };
    }
    // Once more than its connections do: for the turning itself.
    store.useMore(spectrum, plan.ownUses + 1);
    store.announce(spectrum);
    const need = turningBytes(layer, unfolding, spectrum.singularValues.length);
    const control = await store.use(spectrum, spectrum, need, async (own): Promise<Spectrum> => {
      const side = (name: "left" | "right") =>
        plan[name]
          ? turned(own, name, { seed, stream: `null control/${layer.index}/${name}` }, kernel, options)
          : matrix(own.group.length, 0);
      return { ...own, left: await side("left"), right: await side("right") };
    }, signal);
    const grant = await budget.acquire(
      spectrumBytes(control),
      `the null control of layer ${layer.name}`,
      options,
    );
    return { ...job, control: { unfolding, turned: store.put(control, grant, plan.turnedUses, model) } };
  });
}
