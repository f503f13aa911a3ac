/** The settings of a pipeline, for tests to change what they are about. */

import { measureModel } from "../../src/analysis/model-measures.ts";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import type { PipelineSettings } from "../../src/flow/pipeline.ts";

/** Significant edges by the rotation null at a level, adjusted by `bh` over each connection; one chain; nothing is written. */
export function pipelineSettings(engine: PipelineSettings["engine"], logAlpha: number): PipelineSettings {
  return {
    unfolding: "svr",
    test: {
      null: "rotation",
      logAlpha,
      correction: "bh",
      over: "connection",
      edges: "significant",
      measure: measureOverlap,
      nearKernel: 0.1,
    },
    weight: ({ overlap }) => overlap,
    measureModel,
    dominant: 1,
    engine,
    sinks: [],
    header: { id: "model", uri: "here", format: "synthetic", key: "0123456789abcdef" },
    nearKernel: 0.1,
  };
}
