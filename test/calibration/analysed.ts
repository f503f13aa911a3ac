/** A model through the whole pipeline, and what its report says. */

import { lastValueFrom } from "rxjs";
import { type ModelReport, modelReport } from "../../src/analysis/report.ts";
import type { ModelResult } from "../../src/flow/operators/sinks.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { OpenEngine } from "../../src/run/open-engine.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";
import { THREE_SIGMA } from "../support/three-sigma.ts";

export const ALPHA = THREE_SIGMA;

/** The result at 3 sigma, `bh` over each connection. */
export function analysed(
  model: Model,
  engine: OpenEngine,
  controlSeeds: readonly number[] = [],
  unfolding: Unfolding = "svr",
): Promise<ModelResult> {
  const settings = pipelineSettings(engine, logSurvivalOfSigma(3));
  return lastValueFrom(spectralGraph(model, { ...settings, controlSeeds, unfolding }));
}

/** What a report says of a result; or of its first null control, as if that were a model. */
export function reported(
  { id, uri, format }: Model,
  result: ModelResult,
  control = false,
  unfolding: Unfolding = "svr",
): ModelReport {
  const test = {
    null: "rotation",
    alpha: ALPHA,
    sigma: 3,
    correction: "bh",
    correction_over: "connection",
    unfolding,
    weight: "overlap",
    near_kernel: 0.1,
    spike_alpha: 0.001,
  };
  const found = control ? { ...result, ...result.controls[0], controls: [] } : result;
  return modelReport({ id, uri, format, runId: "run" }, found, test, "model");
}
