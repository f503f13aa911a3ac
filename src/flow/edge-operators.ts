/** From spectra to weighted edges, as RxJS operators: `spectra.pipe(overlap(…), significance(…), weight(…))`. */

import { concatMap, defer, from, map, mergeMap, type Observable, of, type OperatorFunction } from "rxjs";
import type { EdgeColumns, NearKernels } from "../model/graph.ts";
import { release } from "../model/tensor.ts";
import type { MeasureOverlap, ModelMeasurer } from "../model/ports.ts";
import { overlapBlocks } from "../stages/overlap.ts";
import { isDirect, overlapGeometry } from "../stages/overlap-geometry.ts";
import { nearKernels, nearKernelTests } from "../stages/near-kernels.ts";
import {
  candidateCollector,
  type Candidates,
  chosen,
  decide,
  linking,
  sigmas,
  type TestSettings,
  type Verdicts,
} from "../stages/significance.ts";
import type { EdgeVariables } from "../stages/weight.ts";
import type {
  ConnectionEdges,
  ConnectionJob,
  EdgeJob,
  OverlapResult,
  SkippedConnection,
  SpectrumJob,
} from "./jobs.ts";
import { ConnectionQueue } from "./connection-queue.ts";
import type { SpectrumStore } from "./spectrum-store.ts";
import type { Workshop } from "./workshop.ts";

/** Overlap blocks are this large at most: enough rows for the kernel to be efficient. */
const BLOCK_BYTES = 32 * 2 ** 20;

/**
 * Spectrum -> itself, and each connection as soon as both its ends have come by and all connections into its source that are in the order
 * of flow have been passed on: so that figures of whole ways can be gathered as connections go by.
 */
export function overlap(
  { store, signal }: Workshop,
): OperatorFunction<SpectrumJob, SpectrumJob | SkippedConnection | ConnectionJob> {
  return (spectra) =>
    defer(() => {
      const seen = new Map<number, SpectrumJob>();
      let queue: ConnectionQueue | null = null;
      return spectra.pipe(mergeMap((job) => {
        seen.set(job.layer.index, job);
        queue ??= new ConnectionQueue(job.graph);
        const ready = queue.arrived(job.layer.index).map((connection) =>
          joined(connection, seen.get(connection.source)!, seen.get(connection.target)!, store, signal)
        );
        return of(job, ...ready);
      }));
    });
}

function joined(
  connection: ConnectionJob["connection"],
  source: SpectrumJob,
  target: SpectrumJob,
  store: SpectrumStore,
  signal?: AbortSignal,
): ConnectionJob | SkippedConnection {
  const a = source.spectrum;
  const b = target.spectrum;
  if ("skipped" in a || "skipped" in b) {
    for (const end of [a, b]) if (!("skipped" in end)) store.skipUse(end);
    const end = "skipped" in a ? source : target;
    return {
      kind: "skipped",
      connection,
      name: `${source.layer.name} -> ${target.layer.name}`,
      reason: `layer ${end.layer.name} was skipped`,
    };
  }
  store.announce(a);
  // One block of inner products with its operands and results, and the candidates of a whole matrix at the worst.
  const workspace = Math.min(
    3 * BLOCK_BYTES,
    64 * a.singularValues.length * b.singularValues.length * target.layer.positions,
  ) + 2 ** 20;
  return {
    kind: "connection",
    connection,
    source: source.layer,
    target: target.layer,
    sourceValues: a.singularValues,
    targetValues: b.singularValues,
    withSpectra: (work) => store.use(a, b, workspace, work, signal),
  };
}

/** What the significance stage needs to know. */
export interface SignificanceSettings extends TestSettings {
  /** Whether all connections of a model are one family of tests. */
  readonly over: "connection" | "model";
  readonly measure: MeasureOverlap;
  /** Neurons with `s_j <= nearKernel * s_1` are near-kernels. */
  readonly nearKernel: number;
}

/**
 * Connection -> its edges, still uncomputed. With `over: model` a model's connections are tested before any is passed on.
 *
 * @param model is shown the overlaps as they go by
 */
export function significance<T extends { readonly kind: "layer" | "skipped" }>(
  workshop: Workshop,
  settings: SignificanceSettings,
  model?: ModelMeasurer,
): OperatorFunction<T | ConnectionJob, T | EdgeJob> {
  if (settings.over === "connection") {
    return map((item) =>
      isConnection(item)
        ? edgeJob(item, settings, async () => {
          const result = await overlapsOf(item, workshop, settings, model);
          return { result, verdicts: decide([result.candidates], settings)[0]! };
        })
        : item
    );
  }
  return (items) => new FamilyOfModel(items, workshop, settings, model).tested();
}

/** All connections of a model, tested together: their candidates are kept until the last has been seen. */
class FamilyOfModel<T extends { readonly kind: "layer" | "skipped" }> {
  readonly #items: Observable<T | ConnectionJob>;
  readonly #workshop: Workshop;
  readonly #settings: SignificanceSettings;
  readonly #model: ModelMeasurer | undefined;

  constructor(
    items: Observable<T | ConnectionJob>,
    workshop: Workshop,
    settings: SignificanceSettings,
    model?: ModelMeasurer,
  ) {
    this.#items = items;
    this.#workshop = workshop;
    this.#settings = settings;
    this.#model = model;
  }

  tested(): Observable<T | EdgeJob> {
    return defer(() => {
      const held: { job: ConnectionJob; result: OverlapResult }[] = [];
      const passed = this.#items.pipe(
        concatMap(async (item): Promise<T[]> => {
          if (!isConnection(item)) return [item];
          const result = await overlapsOf(item, this.#workshop, this.#settings, this.#model);
          held.push({ job: item, result });
          return [];
        }),
        mergeMap((each) => each),
      );
      return concatenated<T | EdgeJob>(passed, () => {
        const verdicts = decide(held.map(({ result }) => result.candidates), this.#settings);
        return held.map(({ job, result }, i) =>
          edgeJob(job, this.#settings, () => Promise.resolve({ result, verdicts: verdicts[i]! }))
        );
      });
    });
  }
}

function concatenated<T>(first: Observable<T>, rest: () => T[]): Observable<T> {
  return from([() => first, () => from(rest())]).pipe(concatMap((next) => next()));
}

function isConnection(item: { readonly kind: string }): item is ConnectionJob {
  return item.kind === "connection";
}

async function overlapsOf(
  job: ConnectionJob,
  { kernel, signal }: Workshop,
  settings: SignificanceSettings,
  model?: ModelMeasurer,
): Promise<OverlapResult> {
  return await job.withSpectra(async (source, target) => {
    const geometry = overlapGeometry(job.connection, source, target);
    const near = nearKernelsOf(job, settings);
    const collector = candidateCollector(geometry, settings, near);
    const measurer = settings.measure({
      connection: job.connection,
      unfolding: source.unfolding,
      ...geometry,
      direct: isDirect(job.connection, job.source, job.target),
      sourceNearKernel: near.source,
      targetNearKernel: near.target,
    });
    const ways = model?.connection(job.connection, job.sourceValues, job.targetValues);
    for await (const block of overlapBlocks(job.connection, source, target, kernel, BLOCK_BYTES, signal)) {
      collector.add(block);
      measurer.block(block.rows, block.overlap, block.rho);
      ways?.block(block.rows, block.overlap);
      // A transformer has thousands of these; left to the garbage collector they keep it busier than the kernel.
      release(block.overlap, ...[block.cosine, block.rho].filter((each) => each !== null));
    }
    return { geometry, candidates: collector.finish(), measures: measurer.finish() };
  });
}

function nearKernelsOf(
  job: Pick<ConnectionJob, "sourceValues" | "targetValues">,
  { nearKernel }: SignificanceSettings,
): NearKernels {
  return {
    source: nearKernels(job.sourceValues, nearKernel),
    target: nearKernels(job.targetValues, nearKernel),
  };
}

function edgeJob(
  job: ConnectionJob,
  settings: SignificanceSettings,
  test: () => Promise<{ result: OverlapResult; verdicts: Verdicts }>,
): EdgeJob {
  const { kind, connection, source, target, sourceValues, targetValues } = job;
  const edges = async () => edgesOf(job, settings, await test());
  return { kind, connection, source, target, sourceValues, targetValues, edges };
}

function edgesOf(
  job: ConnectionJob,
  settings: SignificanceSettings,
  { result, verdicts }: { result: OverlapResult; verdicts: Verdicts },
): ConnectionEdges {
  const { candidates, geometry, measures } = result;
  const at = chosen(candidates, verdicts, settings.edges);
  const written = new Uint8Array(candidates.overlap.length);
  for (const i of at) written[i] = 1;
  const links = linking(candidates, settings.logAlpha);
  return {
    edges: columnsAt(at, candidates, verdicts),
    links: {
      ...columnsAt(links, candidates, verdicts),
      written: Uint8Array.from(links, (i) => written[i]!),
    },
    summary: {
      connection: job.connection,
      sharedChannels: geometry.sharedChannels,
      testedChannels: geometry.testedChannels,
      positions: geometry.positions,
      tests: candidates.tests,
      threshold: verdicts.threshold,
      significant: verdicts.significantCount,
      expectedByChance: verdicts.expectedByChance,
      nominal: verdicts.nominal,
      nearKernel: nearKernelTests(candidates, verdicts, nearKernelsOf(job, settings), settings.logAlpha),
      measures,
    },
  };
}

/** Some candidates as edges, without their weight. */
function columnsAt(at: Uint32Array, candidates: Candidates, verdicts: Verdicts): EdgeColumns {
  const pick = (values: Float64Array) => Float64Array.from(at, (i) => values[i]!);
  const logP = pick(candidates.logP);
  return {
    count: at.length,
    sourceNeuron: Int32Array.from(at, (i) => candidates.sourceNeuron[i]!),
    targetNeuron: Int32Array.from(at, (i) => candidates.targetNeuron[i]!),
    overlap: pick(candidates.overlap),
    cosine: candidates.cosine === null ? null : pick(candidates.cosine),
    logP,
    qValue: pick(verdicts.logQ).map(Math.exp),
    sigma: sigmas(logP),
    weight: new Float64Array(at.length),
    significant: Uint8Array.from(at, (i) => verdicts.significant[i]!),
  };
}

/** Edges -> the same with the run's weight on each. */
export function weight<T extends { readonly kind: "layer" | "skipped" }>(
  expression: (edge: EdgeVariables) => number,
): OperatorFunction<T | EdgeJob, T | EdgeJob> {
  return map((item) =>
    isEdgeJob(item) ? { ...item, edges: async () => weighed(item, await item.edges(), expression) } : item
  );
}

function isEdgeJob(item: { readonly kind: string }): item is EdgeJob {
  return item.kind === "connection";
}

function weighed(
  job: EdgeJob,
  { edges, links, summary }: ConnectionEdges,
  expression: (edge: EdgeVariables) => number,
): ConnectionEdges {
  const weights = (edges: EdgeColumns) =>
    Float64Array.from({ length: edges.count }, (_, i) =>
      expression({
        overlap: edges.overlap[i]!,
        cosine: edges.cosine?.[i] ?? NaN,
        sourceSingularValue: job.sourceValues[edges.sourceNeuron[i]!]!,
        targetSingularValue: job.targetValues[edges.targetNeuron[i]!]!,
        channels: summary.sharedChannels,
        positions: summary.positions,
        p: Math.exp(edges.logP[i]!),
        logP: edges.logP[i]!,
        q: edges.qValue[i]!,
        sigma: edges.sigma[i]!,
      }));
  return {
    edges: { ...edges, weight: weights(edges) },
    links: { ...links, weight: weights(links) },
    summary,
  };
}
