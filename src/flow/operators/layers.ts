/** The first stage: `of(model).pipe(layers())`. */

import { concatMap, from, map, type OperatorFunction } from "rxjs";
import type { LayerGraph } from "../../model/layer.ts";
import type { Model } from "../../model/ports.ts";
import { layerGraph, type LayerSettings } from "../../stages/layers.ts";
import type { LayerJob } from "../jobs.ts";

/**
 * Model -> its layers, in order.
 *
 * @param settings or the model's layer graph, where it is known already
 * @example
 * import { layers, openModel } from "svrflow";
 * import { lastValueFrom, of, tap } from "rxjs";
 *
 * const model = await openModel("model.safetensors");
 * await lastValueFrom(of(model).pipe(layers(), tap(({ layer }) => console.log(layer.index, layer.name))));
 */
export function layers(
  settings: LayerSettings | { readonly graph: LayerGraph } = {},
): OperatorFunction<Model, LayerJob> {
  return concatMap((model) => {
    const graph = "graph" in settings ? settings.graph : layerGraph(model, settings);
    return from(graph.layers).pipe(map((layer) => ({ model, graph, layer })));
  });
}
