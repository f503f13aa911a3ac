/** The stage that tests: `connections.pipe(test(settings))`. */

import { concatMap, defer, from, map, mergeMap, type Observable, type OperatorFunction } from "rxjs";
import type { EdgeColumns } from "../../model/graph.ts";
import { type Candidates, correctedForChoice, type TestSettings } from "../../stages/candidates.ts";
import { nearKernelTests } from "../../stages/near-kernels.ts";
import { gateSparse } from "../../stages/sparse-layers.ts";
import { chosen, decide, linking, sigmas, type Verdicts } from "../../stages/significance.ts";
import { type ConnectionEdges, type ConnectionJob, type EdgeJob, once, type OverlapResult } from "../jobs.ts";
import { type OverlapSettings, settingsFor } from "./overlap.ts";

type AnyConnection = ConnectionJob | ConnectionJob<"control">;
type AnyEdges = EdgeJob | EdgeJob<"control">;

/** How edges are tested. */
export interface EdgeTestSettings extends TestSettings {
  /** Whether all connections of a model are one family of tests; those of each of its null controls are another. */
  readonly over: "connection" | "model";
}

/** Settings of `overlap` and `test` together. */
export interface EdgeSettings extends EdgeTestSettings, OverlapSettings {}

/**
 * Connection -> its edges: which of its overlaps are more than chance. Nothing is computed before a job's edges are asked for; with
 * `over: model` the overlaps of a model's connections are, before any of its edges is passed on.
 *
 * @example
 * import {
 *   type EdgeSettings, layers, logSurvivalOfSigma, measureOverlap, openEngine, openModel, overlap, svd,
 *   test, unfold,
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
 *   filter((item) => item.kind === "connection"),
 *   concatMap((connection) => connection.edges()),
 * );
 * console.log((await lastValueFrom(edges)).summary.significant);
 * await engine.dispose();
 */
export function test<T extends { readonly kind: "layer" | "skipped" }>(
  settings: EdgeTestSettings,
): OperatorFunction<T | AnyConnection, T | AnyEdges> {
  if (settings.over === "model") return (items) => testedByModel(items, settings);
  return map((item) =>
    isConnection(item)
      ? edgeJob(item, settings, async () => {
        const result = await gatedOverlaps(item, settings);
        return { result, verdicts: decide([result.candidates], settings)[0]! };
      })
      : item
  );
}

/** Layers pass; connections are held until the last has been seen, and then tested together, those of each model and control. */
function testedByModel<T extends { readonly kind: "layer" | "skipped" }>(
  items: Observable<T | AnyConnection>,
  settings: EdgeTestSettings,
): Observable<T | AnyEdges> {
  return defer(() => {
    const held: { job: AnyConnection; result: OverlapResult }[] = [];
    const passed = items.pipe(
      concatMap(async (item): Promise<T[]> => {
        if (!isConnection(item)) return [item];
        held.push({ job: item, result: await gatedOverlaps(item, settings) });
        return [];
      }),
      mergeMap((each) => each),
    );
    return concatenated<T | AnyEdges>(
      passed,
      () =>
        [...Map.groupBy(held, ({ job }) => job.graph).values()].flatMap((model) =>
          [...Map.groupBy(model, ({ job }) => job.control).values()].flatMap((family) => {
            const verdicts = decide(family.map(({ result }) => result.candidates), settings);
            return family.map(({ job, result }, i) =>
              edgeJob(job, settings, () => Promise.resolve({ result, verdicts: verdicts[i]! }))
            );
          })
        ),
    );
  });
}

async function gatedOverlaps(job: AnyConnection, settings: EdgeTestSettings): Promise<OverlapResult> {
  const { looked } = job.connection;
  const seen = gateSparse(await job.overlaps(), settings, job.kind, job.graph.connections.length, looked);
  return { ...seen, candidates: correctedForChoice(seen.candidates, looked) };
}

function concatenated<T>(first: Observable<T>, rest: () => T[]): Observable<T> {
  return from([() => first, () => from(rest())]).pipe(concatMap((next) => next()));
}

function isConnection(item: { readonly kind: string }): item is AnyConnection {
  return item.kind === "connection" || item.kind === "control";
}

function edgeJob(
  job: AnyConnection,
  settings: EdgeTestSettings,
  tested: () => Promise<{ result: OverlapResult; verdicts: Verdicts }>,
): AnyEdges {
  const { overlaps: _, ...ends } = job;
  return { ...ends, edges: once(async () => edgesOf(job, settings, await tested())) };
}

function edgesOf(
  job: AnyConnection,
  all: EdgeTestSettings,
  { result, verdicts }: { result: OverlapResult; verdicts: Verdicts },
): ConnectionEdges {
  const { candidates, geometry, measures, sharedLogP, sparse, compositionScore } = result;
  const settings = settingsFor(job, all);
  const at = chosen(candidates, verdicts, settings.edges);
  const written = new Uint8Array(candidates.overlap.length);
  for (const i of at) written[i] = 1;
  const links = linking(candidates, settings.logAlpha);
  return {
    edges: columnsAt(at, candidates, verdicts),
    links: {
      ...columnsAt(links, candidates, verdicts),
      written: picked(written, links, new Uint8Array(links.length)),
    },
    summary: {
      connection: job.connection,
      sharedChannels: geometry.sharedChannels,
      testedChannels: settings.null === "rotation" ? geometry.turnedChannels : geometry.testedChannels,
      positions: geometry.positions,
      tests: candidates.tests,
      threshold: verdicts.threshold,
      significant: verdicts.significantCount,
      expectedByChance: verdicts.expectedByChance,
      nominal: verdicts.nominal,
      nearKernel: nearKernelTests(candidates, verdicts, result.near, settings.logAlpha),
      measures,
      sharedLogP,
      sparse,
      ...compositionScore === undefined ? {} : { compositionScore },
    },
  };
}

/** Some of the values, in `into`. */
function picked<T extends Float64Array | Int32Array | Uint8Array>(values: T, at: Uint32Array, into: T): T {
  for (let i = 0; i < at.length; i++) into[i] = values[at[i]!]!;
  return into;
}

/** Some candidates as edges, without their weight. */
function columnsAt(at: Uint32Array, candidates: Candidates, verdicts: Verdicts): EdgeColumns {
  const pick = (values: Float64Array) => picked(values, at, new Float64Array(at.length));
  const logP = pick(candidates.logP);
  return {
    count: at.length,
    sourceNeuron: picked(candidates.sourceNeuron, at, new Int32Array(at.length)),
    targetNeuron: picked(candidates.targetNeuron, at, new Int32Array(at.length)),
    overlap: pick(candidates.overlap),
    cosine: candidates.cosine === null ? null : pick(candidates.cosine),
    logP,
    logQ: pick(verdicts.logQ),
    sigma: sigmas(logP),
    weight: new Float64Array(at.length),
    significant: picked(verdicts.significant, at, new Uint8Array(at.length)),
  };
}
