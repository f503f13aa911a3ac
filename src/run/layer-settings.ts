/** A run's config as the settings of its first stage; apart from the others, which load much more. */

import type { RunConfig } from "../../config/schema.ts";
import type { LayerSettings } from "../stages/layers.ts";

/** What the run says about layers, but for the topology, which is each model's own. */
export function layerSettings(
  { batchNorm, batchNormEpsilon, normGain, unfolding, residual, guess, circuits }: RunConfig,
): Omit<LayerSettings, "topology"> {
  return { batchNorm, batchNormEpsilon, normGain, unfolding, residualSpan: residual?.span, guess, circuits };
}
