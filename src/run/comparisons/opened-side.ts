/** A model opened for comparisons. */

import type { RunConfig } from "../../../config/schema.ts";
import { adaptedModel, isAdapter } from "../../../connectors/sources/adapter.ts";
import { show } from "../../model/errors.ts";
import type { InputFile, Model } from "../../model/ports.ts";
import type { PlannedModel } from "../collection/models.ts";
import { preliminaryLayers, tensorsWanted } from "../inferred-layers.ts";
import { layerSettings } from "../layer-settings.ts";
import { FileDigests } from "../records/file-digests.ts";
import type { CompletedModel } from "../records/completed-models.ts";
import type { NamedSide } from "./pair-report.ts";
import { layersByName } from "./placed-layers.ts";

/** A model that is open. */
export interface OpenSide extends NamedSide {
  readonly model: Model;
  readonly warnings: readonly string[];
  /** The files behind it, digested; what the run has digested is not read again. */
  inputs(): Promise<readonly InputFile[]>;
  close(): Promise<void>;
}

/**
 * Opens a model for comparisons.
 *
 * @param mark what a run into the folder knows of it; null where there is none
 * @param root the model that an adapter is read with; null where adapters are none
 */
export async function openedSide(
  planned: PlannedModel,
  config: RunConfig,
  mark: CompletedModel | null,
  root: Pick<OpenSide, "model"> | null,
  signal?: AbortSignal,
): Promise<OpenSide> {
  const file = await planned.open(signal);
  try {
    if (isAdapter(file) && mark !== null) {
      throw new RangeError(
        `comparing ${
          show(mark.entry.id)
        }: found tables of an adapter's factors in the run, required another output folder for ` +
          "the comparison of its base with it",
      );
    }
    const model = root !== null && isAdapter(file) ? adaptedModel(root.model, file) : file;
    // Circuits come behind all other layers, which are the same without them.
    const compared = { ...config, unfolding: "svr", circuits: false } as const;
    const settings = { ...layerSettings(compared), topology: planned.topology };
    const { graph } = preliminaryLayers(model, settings, config.infer);
    return {
      id: mark?.entry.id ?? planned.id,
      uri: file.uri,
      model,
      graph,
      warnings: graph.warnings,
      tables: mark === null ? null : layersByName(mark.report.layers),
      inputs: () => model.inputs(signal, tensorsWanted(model, graph), new FileDigests(mark?.digests)),
      close: () => file.close(),
    };
  } catch (failure) {
    await file.close();
    throw failure;
  }
}
