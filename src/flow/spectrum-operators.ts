/** From a model to its spectra, as RxJS operators: `of(model).pipe(layers(), unfold("svr"), svd(…))`. */

import { concatMap, defer, finalize, from, map, mergeMap, type OperatorFunction } from "rxjs";
import { messageOf } from "../model/errors.ts";
import { rankOf, unfoldedShape, type Unfolding } from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import type { TopologyDeclaration } from "../model/topology.ts";
import { layerGraph } from "../stages/layers.ts";
import { spectrum as decompose } from "../stages/svd.ts";
import { unfold as unfoldWeight } from "../stages/unfold.ts";
import type { LayerJob, MatrixJob, SpectrumJob } from "./jobs.ts";
import type { Workshop } from "./workshop.ts";

/** Model -> its layers, in order. */
export function layers(topology?: TopologyDeclaration): OperatorFunction<Model, LayerJob> {
  return concatMap((model) => {
    const graph = layerGraph(model, topology);
    return from(graph.layers).pipe(map((layer) => ({ model, graph, layer })));
  });
}

/** Layer -> its matrix, still unread. */
export function unfold(unfolding: Unfolding, signal?: AbortSignal): OperatorFunction<LayerJob, MatrixJob> {
  return map((job) => ({
    ...job,
    shape: unfoldedShape(job.layer, unfolding),
    read: async () =>
      unfoldWeight(job.layer, await job.model.read(job.layer.weight.tensor, signal), unfolding),
  }));
}

/** Matrix -> spectrum. Read and decomposed within the byte budget; a layer with NaN or infinite weights is skipped. */
export function svd(
  { kernel, budget, store, signal }: Workshop,
  unfolding: Unfolding,
  workers = 1,
): OperatorFunction<MatrixJob, SpectrumJob> {
  const decomposed = async (job: MatrixJob, wanted: () => boolean): Promise<SpectrumJob> => {
    const { layer, graph, model, shape } = job;
    const weightBytes = 8 * layer.groups * shape.rows * shape.cols;
    const rank = rankOf(layer, unfolding);
    const spectrumSize = rank * (8 * (shape.rows + shape.cols) + 12);
    // The weight as read and as unfolded, the kernel's own memory, and the result.
    const need = 2 * weightBytes + kernel.workspace(shape.rows, shape.cols) + spectrumSize;
    const options = signal === undefined ? {} : { signal };
    const grant = await budget.acquire(need, `layer ${layer.name}`, options);
    try {
      const uses = graph.connections.filter(({ source, target }) =>
        source === layer.index || target === layer.index
      ).length;
      const found = await decompose(layer, await job.read(), unfolding, kernel, signal);
      if (!wanted()) throw new Error(`layer ${layer.name}: nobody waits for its spectrum any more`);
      return { kind: "layer", ...lean(job), spectrum: store.put(found, grant, uses, model) };
    } catch (failure) {
      grant.release();
      if (!(failure instanceof RangeError) || !failure.message.startsWith("svd")) throw failure;
      return { kind: "layer", ...lean(job), spectrum: { skipped: messageOf(failure) } };
    }
  };
  return (jobs) =>
    defer(() => {
      let wanted = true;
      return jobs.pipe(
        mergeMap((job) => decomposed(job, () => wanted), workers),
        finalize(() => wanted = false),
      );
    });
}

const lean = ({ model, graph, layer }: LayerJob): LayerJob => ({ model, graph, layer });
