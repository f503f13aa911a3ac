/** What a model takes, by its header. */

import type { RunConfig } from "../../../config/schema.ts";
import { mostNeurons } from "../../flow/leading.ts";
import { graphFlops } from "../../stages/flops.ts";
import type { PlannedModel } from "../collection/models.ts";
import { preliminaryLayers } from "../inferred-layers.ts";
import { layerSettings } from "../layer-settings.ts";
import { controlSeeds, rankChoice } from "../settings.ts";

/** Floating-point operations of a model: of its spectra, and of its overlaps with all null controls. @throws when its header cannot be read */
export async function modelFlops(
  planned: PlannedModel,
  config: RunConfig,
  signal?: AbortSignal,
): Promise<number> {
  const model = await planned.open(signal);
  try {
    const settings = { ...layerSettings(config), topology: planned.topology };
    const { graph } = preliminaryLayers(model, settings, config.infer);
    const { spectra, overlaps } = graphFlops(
      graph,
      config.unfolding,
      mostNeurons(graph, config.unfolding, rankChoice(config)),
    );
    return spectra + (1 + controlSeeds(config).length) * overlaps;
  } finally {
    await model.close();
  }
}
