/** Some layers of a model: decomposed into the cache, for whoever does the model. */

import { from, lastValueFrom } from "rxjs";
import { svd } from "../../flow/operators/svd.ts";
import { unfold } from "../../flow/operators/unfold.ts";
import type { LayerGraph } from "../../model/layer.ts";
import type { PlannedModel } from "../collection/models.ts";
import { preliminaryLayers } from "../inferred-layers.ts";
import { layerSettings } from "../layer-settings.ts";
import type { ModelRun } from "../run-model.ts";

/**
 * Sees to it that the spectra of layers are in the cache of a run: those that are there already stay.
 *
 * @param names of the layers; those that the model does not have are left out
 * @throws whatever is wrong with the model
 */
export async function keepSpectra(
  planned: PlannedModel,
  names: readonly string[],
  { config, engine: opened, signal }: ModelRun,
): Promise<void> {
  const model = await planned.open(signal);
  try {
    const settings = { ...layerSettings(config), topology: planned.topology };
    const { graph: whole } = preliminaryLayers(model, settings, config.infer);
    // Without connections the vectors are let go when they are in the cache.
    const graph: LayerGraph = { ...whole, connections: [] };
    const wanted = new Set(names);
    const layers = graph.layers.filter(({ name }) => wanted.has(name));
    const engine = await opened();
    const spectra = from(layers.map((layer) => ({ model, graph, layer }))).pipe(
      unfold(config.unfolding, engine.signal),
      svd(engine, config.unfolding),
    );
    await lastValueFrom(spectra, { defaultValue: null });
  } finally {
    await model.close();
  }
}
