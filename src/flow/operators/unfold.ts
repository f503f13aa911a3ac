/** The second stage: `layers.pipe(unfold("svr"))`. */

import { map, type OperatorFunction } from "rxjs";
import { type Layer, unfoldedShape, type Unfolding } from "../../model/layer.ts";
import type { Model } from "../../model/ports.ts";
import type { Matrix } from "../../model/tensor.ts";
import { factorsOf } from "../../stages/circuits/factors.ts";
import { channelFactors, scale } from "../../stages/fold.ts";
import { unfold as unfoldWeight } from "../../stages/unfold.ts";
import type { LayerJob, MatrixJob } from "../jobs.ts";

/**
 * Layer -> its matrix, still unread.
 *
 * @example
 * import { layers, openModel, unfold } from "svrflow";
 * import { concatMap, lastValueFrom, of } from "rxjs";
 *
 * const model = await openModel("model.safetensors");
 * const matrices = of(model).pipe(layers(), unfold("svr"), concatMap(({ read }) => read()));
 * console.log((await lastValueFrom(matrices)).map(({ rows, cols }) => `${rows} x ${cols}`));
 */
export function unfold(unfolding: Unfolding, signal?: AbortSignal): OperatorFunction<LayerJob, MatrixJob> {
  return map((job) => ({
    ...job,
    shape: unfoldedShape(job.layer, unfolding),
    read: async () => {
      const { layer: { circuit }, layer, model } = job;
      if (circuit === undefined) return await blocksOf(layer, model, unfolding, signal);
      return await factorsOf(
        circuit,
        async (each) => (await blocksOf(each, model, unfolding, signal))[0]!,
      );
    },
  }));
}

async function blocksOf(
  layer: Layer,
  model: Pick<Model, "read">,
  unfolding: Unfolding,
  signal?: AbortSignal,
): Promise<Matrix[]> {
  const blocks = unfoldWeight(layer, await model.read(layer.weight.tensor, signal), unfolding);
  if (layer.folding !== undefined) {
    scale(layer, blocks, unfolding, await channelFactors(layer, (tensor) => model.read(tensor, signal)));
  }
  return blocks;
}
