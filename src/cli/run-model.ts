/** One model of a run: opened, digested, sent through the pipeline, closed. */

import { firstValueFrom } from "rxjs";
import type { RunConfig } from "../../config/schema.ts";
import { type ModelReport, modelReport } from "../analysis/report.ts";
import { spectralGraph } from "../flow/pipeline.ts";
import type { Workshop } from "../flow/workshop.ts";
import type { InputFile, Sink } from "../model/ports.ts";
import { foldedTensors } from "../stages/fold.ts";
import { layerGraph } from "../stages/layers.ts";
import type { EdgeVariables } from "../stages/weight.ts";
import { layerSettings } from "./layer-settings.ts";
import type { PlannedModel } from "./models.ts";
import type { Progress } from "./progress.ts";
import type { RunRecord } from "./records.ts";
import { keyOf, testSettings } from "./settings.ts";

/** What every model of a run is done with. */
export interface ModelRun {
  readonly config: RunConfig;
  readonly weight: (edge: EdgeVariables) => number;
  readonly workshop: Workshop;
  readonly sinks: readonly Sink[];
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  /** Called when a model could be opened. */
  opened(): void;
}

/** A model that is done, for the record. */
export interface DoneModel {
  readonly entry: RunRecord["models"][number];
  readonly report: ModelReport;
}

/**
 * Runs one model.
 *
 * @throws whatever is wrong with it; nothing of it is left then
 */
export async function runModel(
  planned: PlannedModel,
  { config, weight, workshop, sinks, progress, signal, opened }: ModelRun,
): Promise<DoneModel> {
  const before = Date.now();
  const model = await planned.open(signal);
  opened();
  try {
    const { id, uri, format } = model;
    const layers = { ...layerSettings(config), topology: planned.topology };
    const read = layerGraph(model, layers).layers.flatMap((layer) => [
      layer.weight.tensor,
      ...foldedTensors(layer),
    ]);
    const inputs: readonly InputFile[] = await model.inputs(signal, new Set(read));
    const key = keyOf(inputs, planned.topology, config);
    const result = await firstValueFrom(spectralGraph(model, {
      layers,
      unfolding: config.unfolding,
      test: testSettings(config),
      weight,
      workshop,
      sinks,
      header: { id, uri, format, key },
      nearKernel: config.nearKernel.relative,
      progress: (step) => progress({ event: "step", ...step }),
    }));
    for (const warning of [...result.graph.warnings, ...result.approximations]) {
      progress({ event: "warning", model: id, warning });
    }
    const seconds = (Date.now() - before) / 1000;
    progress({ event: "model-done", model: id, edges: result.rows.edges, seconds });
    const { files, skipped } = result;
    return {
      entry: { id, uri, key, inputs, files, skipped },
      report: modelReport({ id, uri, format }, result),
    };
  } finally {
    await model.close();
  }
}
