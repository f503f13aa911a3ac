/** The stage behind the test: `edges.pipe(weight(expression))`. */

import { map, type OperatorFunction } from "rxjs";
import type { EdgeColumns } from "../../model/graph.ts";
import type { EdgeWeight } from "../../stages/weight.ts";
import { type ConnectionEdges, type EdgeJob, once } from "../jobs.ts";

type AnyEdges = EdgeJob | EdgeJob<"control">;

/**
 * Edges -> the same with the run's weight on each; those of a null control have none.
 *
 * @example
 * import {
 *   compileWeight, type EdgeSettings, layers, logSurvivalOfSigma, measureOverlap, openEngine, openModel, overlap, svd,
 *   test, unfold, weight,
 * } from "svrflow";
 * import { concatMap, filter, lastValueFrom, of } from "rxjs";
 *
 * const model = await openModel("model.safetensors");
 * const engine = await openEngine();
 * const settings: EdgeSettings = {
 *   null: "rotation",
 *   logAlpha: logSurvivalOfSigma(3),
 *   correction: "bh",
 *   over: "connection",
 *   edges: "significant",
 *   measure: measureOverlap,
 *   nearKernel: 0.1,
 * };
 * const edges = of(model).pipe(
 *   layers(),
 *   unfold("svr"),
 *   svd(engine, "svr"),
 *   overlap(engine, settings),
 *   test(settings),
 *   weight(await compileWeight("gain")),
 *   filter((item) => item.kind === "connection"),
 *   concatMap((connection) => connection.edges()),
 * );
 * console.log((await lastValueFrom(edges)).edges.weight);
 * await engine.dispose();
 */
export function weight<T extends { readonly kind: "layer" | "skipped" }>(
  expression: EdgeWeight,
): OperatorFunction<T | AnyEdges, T | AnyEdges> {
  return map((item) =>
    isEdgeJob(item)
      ? { ...item, edges: once(async () => weighed(item, await item.edges(), expression)) }
      : item
  );
}

/** Those of the model; a null control's have no weight. */
function isEdgeJob(item: { readonly kind: string }): item is EdgeJob {
  return item.kind === "connection";
}

function weighed(
  job: EdgeJob,
  { edges, links, summary }: ConnectionEdges,
  expression: EdgeWeight,
): ConnectionEdges {
  const weights = (edges: EdgeColumns) => {
    const values = new Float64Array(edges.count);
    for (let i = 0; i < values.length; i++) {
      values[i] = expression({
        overlap: edges.overlap[i]!,
        cosine: edges.cosine?.[i] ?? NaN,
        sourceSingularValue: job.sourceValues[edges.sourceNeuron[i]!]!,
        targetSingularValue: job.targetValues[edges.targetNeuron[i]!]!,
        channels: summary.sharedChannels,
        positions: summary.positions,
        p: Math.exp(edges.logP[i]!),
        logP: edges.logP[i]!,
        q: Math.exp(edges.logQ[i]!),
        sigma: edges.sigma[i]!,
      });
    }
    return values;
  };
  return {
    edges: { ...edges, weight: weights(edges) },
    links: { ...links, weight: weights(links) },
    summary,
  };
}
