/** What earlier runs have done of a model, by its header and what they have noted. */

import { stat } from "node:fs/promises";
import type { RunConfig } from "../../../config/schema.ts";
import { samePlace } from "../../../connectors/places/identity.ts";
import type { Model } from "../../model/ports.ts";
import type { PlannedModel } from "../collection/models.ts";
import type { CompletedModels } from "../records/completed-models.ts";
import { keyOf, lacksNeurons } from "../settings.ts";

/** All, nothing, or with settings that make other tables. */
export type EarlierWork = "done" | "new" | "other settings";

/** What earlier runs have done of a model. Without a digest only sizes can be compared; the run itself compares the bytes. */
export async function earlierWork(
  { id, topology, series, step }: PlannedModel,
  { uri, plugin }: Model,
  config: RunConfig,
  marks: CompletedModels,
): Promise<EarlierWork> {
  const mark = await marks.find(id);
  // A model from elsewhere is computed, whatever its bytes: tables name where their model was read from.
  if (mark === null || !samePlace(mark.entry.uri, uri)) return "new";
  for (const { path, bytes } of mark.entry.inputs) {
    // A generated model has no file; its seed is in the settings.
    const size = await stat(path).then((found) => found.size, () => bytes);
    if (size !== bytes) return "new";
  }
  const place = { ...series === undefined ? {} : { series }, ...step === undefined ? {} : { step } };
  return keyOf(mark.entry.inputs, topology, config, place, plugin) === mark.key &&
      !lacksNeurons(config, mark.report.layers)
    ? "done"
    : "other settings";
}
