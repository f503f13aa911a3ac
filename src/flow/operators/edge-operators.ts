/** From connections to weighted edges, as RxJS operators: `spectra.pipe(overlap(…), significance(…), weight(…))`. */

import { concatMap, defer, from, map, mergeMap, type Observable, type OperatorFunction } from "rxjs";
import type { EdgeColumns, NearKernels } from "../../model/graph.ts";
import type { MeasureOverlap, ModelMeasurer } from "../../model/ports.ts";
import { release } from "../../model/tensor.ts";
import { seeOverlaps } from "../../stages/overlap-parts.ts";
import { nearKernels, nearKernelTests } from "../../stages/near-kernels.ts";
import { type Candidates, releaseCandidates, type TestSettings } from "../../stages/candidates.ts";
import { chosen, decide, linking, sigmas, type Verdicts } from "../../stages/significance.ts";
import type { EdgeWeight } from "../../stages/weight.ts";
import type {
  ConnectionEdges,
  ConnectionEnds,
  ConnectionJob,
  EdgeJob,
  OverlapResult,
  SeenConnection,
} from "../jobs.ts";
import type { Workshop } from "../workshop.ts";

type AnyConnection =
  | ConnectionJob
  | ConnectionJob<"control">
  | SeenConnection
  | SeenConnection<"control">;
type AnyEdges = EdgeJob | EdgeJob<"control">;

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
 * @param workshop null where all connections have been seen before
 * @param model is shown the overlaps as they go by
 * @param control is shown those of the null control, whose connections are a family of their own
 * @param seen told what was seen of each connection; answers whether it keeps the candidates. Those that nobody keeps are gone once a
 *   connection's edges have been taken, which they can be once
 */
export function significance<T extends { readonly kind: "layer" | "skipped" }>(
  workshop: Pick<Workshop, "kernel" | "signal"> | null,
  settings: SignificanceSettings,
  model?: ModelMeasurer,
  control?: ModelMeasurer,
  seen: (job: AnyConnection, result: OverlapResult) => boolean = () => false,
): OperatorFunction<T | AnyConnection, T | AnyEdges> {
  const computed = async (job: AnyConnection): Promise<Seen> => {
    const measurer = job.kind === "control" ? control : model;
    const result = await overlapsOf(job, workshop, settingsFor(job, settings), measurer);
    return { ...result, kept: seen(job, result) };
  };
  if (settings.over === "connection") {
    return map((item) =>
      isConnection(item)
        ? edgeJob(item, settings, async () => {
          const result = await computed(item);
          return { result, verdicts: decide([result.candidates], settings)[0]! };
        })
        : item
    );
  }
  return (items) => new FamilyOfModel(items, settings, computed).tested();
}

/** What was seen of a connection, and whether somebody keeps its candidates. */
type Seen = OverlapResult & { readonly kept: boolean };

/** Of a control nothing is written but counts: it keeps no more candidates than these need. */
export function settingsFor(
  { kind }: Pick<AnyConnection, "kind">,
  settings: SignificanceSettings,
): SignificanceSettings {
  return kind === "control" ? { ...settings, edges: "significant" } : settings;
}

/** All connections of a model, tested together: their candidates are kept until the last has been seen. */
class FamilyOfModel<T extends { readonly kind: "layer" | "skipped" }> {
  readonly #items: Observable<T | AnyConnection>;
  readonly #settings: SignificanceSettings;
  readonly #computed: (job: AnyConnection) => Promise<Seen>;

  constructor(
    items: Observable<T | AnyConnection>,
    settings: SignificanceSettings,
    computed: (job: AnyConnection) => Promise<Seen>,
  ) {
    this.#items = items;
    this.#settings = settings;
    this.#computed = computed;
  }

  tested(): Observable<T | AnyEdges> {
    return defer(() => {
      const held: { job: AnyConnection; result: Seen }[] = [];
      const passed = this.#items.pipe(
        concatMap(async (item): Promise<T[]> => {
          if (!isConnection(item)) return [item];
          held.push({ job: item, result: await this.#computed(item) });
          return [];
        }),
        mergeMap((each) => each),
      );
      return concatenated<T | AnyEdges>(passed, () => {
        return [...Map.groupBy(held, ({ job }) => job.kind).values()].flatMap((family) => {
          const verdicts = decide(family.map(({ result }) => result.candidates), this.#settings);
          return family.map(({ job, result }, i) =>
            edgeJob(job, this.#settings, () => Promise.resolve({ result, verdicts: verdicts[i]! }))
          );
        });
      });
    });
  }
}

function concatenated<T>(first: Observable<T>, rest: () => T[]): Observable<T> {
  return from([() => first, () => from(rest())]).pipe(concatMap((next) => next()));
}

function isConnection(item: { readonly kind: string }): item is AnyConnection {
  return item.kind === "connection" || item.kind === "control";
}

async function overlapsOf(
  job: AnyConnection,
  workshop: Pick<Workshop, "kernel" | "signal"> | null,
  settings: SignificanceSettings,
  model?: ModelMeasurer,
): Promise<OverlapResult> {
  if ("overlaps" in job) {
    model?.connection(job.connection, job.sourceValues, job.targetValues);
    return job.overlaps;
  }
  if (workshop === null) throw new TypeError("significance: found a connection to compute, and no workshop");
  const { kernel, signal } = workshop;
  return await job.withSpectra(async (source, target) => {
    const { connection, sourceValues, targetValues } = job;
    const question = {
      ...{ connection, source, target, test: settings, measure: settings.measure },
      near: nearKernelsOf(job, settings),
      products: model?.connection(connection, sourceValues, targetValues) ?? null,
    };
    return await seeOverlaps(question, kernel, signal);
  });
}

function nearKernelsOf(
  job: Pick<ConnectionEnds, "sourceValues" | "targetValues">,
  { nearKernel }: SignificanceSettings,
): NearKernels {
  return {
    source: nearKernels(job.sourceValues, nearKernel),
    target: nearKernels(job.targetValues, nearKernel),
  };
}

function edgeJob(
  job: AnyConnection,
  settings: SignificanceSettings,
  test: () => Promise<{ result: Seen; verdicts: Verdicts }>,
): AnyEdges {
  const { kind, connection, source, target, sourceValues, targetValues } = job;
  let taken = false;
  const edges = async () => {
    if (taken) throw new TypeError("edges: found them taken already, required one who takes them");
    taken = true;
    const { result, verdicts } = await test().catch((failure: unknown) => {
      taken = false;
      throw failure;
    });
    const found = edgesOf(job, settings, { result, verdicts });
    release(verdicts.logQ, verdicts.significant);
    if (!result.kept) releaseCandidates(result.candidates);
    return found;
  };
  return { kind, connection, source, target, sourceValues, targetValues, edges };
}

function edgesOf(
  job: AnyConnection,
  all: SignificanceSettings,
  { result, verdicts }: { result: OverlapResult; verdicts: Verdicts },
): ConnectionEdges {
  const { candidates, geometry, measures, sharedLogP } = result;
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
      nearKernel: nearKernelTests(candidates, verdicts, nearKernelsOf(job, settings), settings.logAlpha),
      measures,
      sharedLogP,
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
    qValue: pick(verdicts.logQ).map(Math.exp),
    sigma: sigmas(logP),
    weight: new Float64Array(at.length),
    significant: picked(verdicts.significant, at, new Uint8Array(at.length)),
  };
}

/** Edges -> the same with the run's weight on each; those of a null control have none. */
export function weight<T extends { readonly kind: "layer" | "skipped" }>(
  expression: EdgeWeight,
): OperatorFunction<T | AnyEdges, T | AnyEdges> {
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
        q: edges.qValue[i]!,
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
