/** The stage between spectra and tests: `spectra.pipe(overlap(engine, settings))`. */

import { defer, mergeMap, of, type OperatorFunction } from "rxjs";
import type { Connection, LayerGraph } from "../../model/layer.ts";
import type { MeasureOverlap, ModelMeasurer, WantedProducts } from "../../model/ports.ts";
import type { TestSettings } from "../../stages/candidates.ts";
import { connectionWorkspace, turningBytes } from "../../stages/memory-needs.ts";
import { readingLayer, readingSide } from "../../stages/circuits/compositions.ts";
import { nearKernels } from "../../stages/near-kernels.ts";
import { turnedEnds } from "../../stages/null-control.ts";
import { scanOverlaps } from "../../stages/overlap-parts.ts";
import { ConnectionQueue } from "../connection-queue.ts";
import {
  type ConnectionEnds,
  type ConnectionJob,
  type ConnectionKind,
  once,
  type SkippedConnection,
  type SpectrumJob,
} from "../jobs.ts";
import type { SpectrumHandle } from "../spectra/spectrum-store.ts";
import type { Engine } from "../engine.ts";

/** What is computed of a connection's overlaps while they go by. */
export interface OverlapSettings extends TestSettings {
  readonly measure: MeasureOverlap;
  /** Neurons with `s_j <= nearKernel * s_1` are near-kernels. */
  readonly nearKernel: number;
  /** The seeds of the null controls that are made of each connection. Default: none. */
  readonly controlSeeds?: readonly number[];
  /** Products with the overlap matrix that somebody asks for. Default: none. */
  readonly products?: ((ends: ConnectionEnds<ConnectionKind>) => WantedProducts | null) | undefined;
}

/** The same settings, with the products that a model's measurer asks for; those of a control by its own. */
export function measuredBy<T extends OverlapSettings>(
  settings: T,
  model: ModelMeasurer,
  controls: readonly ModelMeasurer[] = [],
): T {
  return {
    ...settings,
    products: ({ control, connection, sourceValues, targetValues }) =>
      (control === null ? model : controls[control])?.connection(connection, sourceValues, targetValues) ??
        null,
  };
}

/** Of a control nothing is written but counts: it keeps no more candidates than these need. */
export function settingsFor<T extends TestSettings>(
  { kind }: { readonly kind: ConnectionKind },
  settings: T,
): T {
  return kind === "control" ? { ...settings, edges: "significant" } : settings;
}

/**
 * Spectrum -> itself, and behind it each connection (and its null controls, where some are wanted) as soon as both its ends have come
 * by. Connections follow the flow, so that figures of whole ways can be gathered as they go by. A connection's overlaps are computed when its
 * job is asked for them, once: what is kept are the pairs that may become edges, and figures of the whole matrix.
 *
 * Models may come one behind the other, or side by side.
 *
 * @example
 * import {
 *   layers, logSurvivalOfSigma, measureOverlap, openEngine, openModel, overlap, type OverlapSettings, svd, unfold,
 * } from "svrflow";
 * import { concatMap, filter, lastValueFrom, of } from "rxjs";
 *
 * const model = await openModel("model.safetensors");
 * const engine = await openEngine();
 * const settings: OverlapSettings = {
 *   null: "rotation",
 *   logAlpha: logSurvivalOfSigma(3),
 *   correction: "bh",
 *   edges: "significant",
 *   measure: measureOverlap,
 *   nearKernel: 0.1,
 * };
 * const overlaps = of(model).pipe(
 *   layers(),
 *   unfold("svr"),
 *   svd(engine, "svr"),
 *   overlap(engine, settings),
 *   filter((item) => item.kind === "connection"),
 *   concatMap((connection) => connection.overlaps()),
 * );
 * console.log((await lastValueFrom(overlaps)).measures.total);
 * await engine.dispose();
 */
export function overlap(
  engine: Engine,
  settings: OverlapSettings,
): OperatorFunction<SpectrumJob, SpectrumJob | SkippedConnection | ConnectionJob | ConnectionJob<"control">> {
  return (spectra) =>
    defer(() => {
      const models = new Map<LayerGraph, { seen: Map<number, SpectrumJob>; queue: ConnectionQueue }>();
      return spectra.pipe(mergeMap((job) => {
        const { graph, layer } = job;
        const model = models.get(graph) ?? {
          seen: new Map<number, SpectrumJob>(),
          queue: new ConnectionQueue(graph),
        };
        models.set(graph, model);
        model.seen.set(layer.index, job);
        const ready = model.queue.arrived(layer.index).flatMap((connection) => {
          const [source, target] = [model.seen.get(connection.source)!, model.seen.get(connection.target)!];
          return joined(connection, source, target, engine, settings);
        });
        if (model.seen.size === graph.layers.length) models.delete(graph);
        return of(job, ...ready);
      }));
    });
}

/** A connection, and its null controls behind it. */
function joined(
  connection: Connection,
  source: SpectrumJob,
  target: SpectrumJob,
  engine: Engine,
  settings: OverlapSettings,
): (ConnectionJob | ConnectionJob<"control"> | SkippedConnection)[] {
  const a = source.spectrum;
  const b = target.spectrum;
  if ("skipped" in a || "skipped" in b) {
    for (const end of [a, b]) if (!("skipped" in end)) engine.store.skipUse(end);
    const end = "skipped" in a ? source : target;
    return [{
      kind: "skipped",
      connection,
      name: `${source.layer.name} -> ${target.layer.name}`,
      reason: `layer ${end.layer.name} was skipped`,
    }];
  }
  const ends = {
    connection,
    graph: source.graph,
    source: source.layer,
    target: target.layer,
    sourceValues: a.singularValues,
    targetValues: b.singularValues,
  };
  const { controlSeeds = [] } = settings;
  // A connection from a layer to itself uses its spectrum once.
  for (const end of a.entry === b.entry ? [a] : [a, b]) engine.store.useMore(end, controlSeeds.length);
  return [
    connectionJob({ ...ends, kind: "connection", control: null }, a, b, engine, settings),
    ...controlSeeds.map((_, control) =>
      connectionJob({ ...ends, kind: "control", control }, a, b, engine, settings)
    ),
  ];
}

function connectionJob<Kind extends ConnectionKind>(
  ends: ConnectionEnds<Kind>,
  a: SpectrumHandle,
  b: SpectrumHandle,
  { kernel, store, signal }: Engine,
  settings: OverlapSettings,
): ConnectionJob<Kind> {
  store.announce(a);
  const { kind, control, connection, source, target, sourceValues, targetValues } = ends;
  const near = {
    source: nearKernels(sourceValues, settings.nearKernel),
    target: nearKernels(targetValues, settings.nearKernel),
  };
  const seed = control === null ? null : settings.controlSeeds![control]!;
  const [sources, targets] = [sourceValues.length, targetValues.length];
  const workspace = connectionWorkspace(sources, targets, target.positions) +
    (seed === null
      ? 0
      : turningBytes(source, readingLayer(connection, target), a.unfolding, sources, targets));
  const options = signal === undefined ? {} : { signal };
  const overlaps = once(() =>
    store.use(a, b, workspace, async (own, stored) => {
      const other = readingSide(connection, stored);
      // Each control is turned anew for each connection: no more than one turned spectrum is in memory.
      const [from, to] = seed === null ? [own, other] : await turnedEnds(own, other, seed, kernel, options);
      const { measure, products, ...test } = settingsFor({ kind }, settings);
      const question = { connection, source: from, target: to, near, test, measure };
      return await scanOverlaps({ ...question, products: products?.(ends) ?? null }, kernel, signal);
    }, signal)
  );
  return { ...ends, overlaps };
}
