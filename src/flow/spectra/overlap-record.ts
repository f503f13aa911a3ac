/**
 * What the overlaps of a model have shown: enough to test its connections again, at another level, with another correction or
 * weight, without its weights, spectra or overlaps.
 */

import { map, type MonoTypeOperatorFunction } from "rxjs";
import type { KernelInfo } from "../../kernels/kernel.ts";
import type { NearKernels, OverlapMeasures } from "../../model/graph.ts";
import type { LayerMetrics } from "../../model/layer-metrics.ts";
import type { Connection, LayerGraph } from "../../model/layer.ts";
import type { ModelMeasures } from "../../model/measures.ts";
import {
  type KeptCandidates,
  keptLevel,
  retestedCandidates,
  type TestSettings,
} from "../../stages/candidates.ts";
import type { OverlapGeometry } from "../../stages/overlap-geometry.ts";
import {
  type ConnectionEnds,
  type ConnectionJob,
  type ConnectionKind,
  type LayerResult,
  once,
  type OverlapResult,
  type SkippedConnection,
} from "../jobs.ts";
import { type OverlapSettings, settingsFor } from "../operators/overlap.ts";
import { type SpectrumValues, valuesOf } from "./spectrum-store.ts";

/** A model's record, as plain data. Layers and connections are named by their places in its layer graph. */
export interface OverlapRecord {
  readonly graph: LayerGraph;
  readonly kernel: KernelInfo;
  readonly layers: readonly {
    readonly layer: number;
    readonly spectrum: SpectrumValues | { readonly skipped: string };
    readonly metrics?: LayerMetrics;
  }[];
  readonly skipped: readonly (Pick<SkippedConnection, "name" | "reason"> & { readonly connection: number })[];
  /** In the order in which they were computed. */
  readonly connections: readonly RecordedConnection[];
  readonly pathMetric: ModelMeasures["pathMetric"];
  /** Those of the null controls. */
  readonly controlPathMetrics: readonly ModelMeasures["pathMetric"][];
}

interface RecordedConnection {
  /** Which null control it is of; null for a connection of the model. */
  readonly control: number | null;
  readonly connection: number;
  /** `ln p` up to which its candidates are complete. */
  readonly level: number;
  readonly geometry: OverlapGeometry;
  readonly measures: OverlapMeasures;
  /** Those whose tests count as tests between near-kernels. */
  readonly near: NearKernels;
  readonly sharedLogP: number | null;
  readonly sparse: boolean;
  readonly compositionScore?: number;
  readonly candidates: KeptCandidates;
}

/** A record holds this much at most; what is larger is computed again. It lies beside the byte budget. */
const LARGEST_RECORD = 64 * 2 ** 20;

type Item = LayerResult | SkippedConnection | ConnectionJob | ConnectionJob<"control">;

/** Gathers a model's record while its layers and connections go by. */
export class OverlapRecorder {
  /** Connections by their ends and part: those that come by are equal to the graph's, not the same. */
  readonly #places: ReadonlyMap<string, number>;
  readonly #graph: LayerGraph;
  readonly #settings: OverlapSettings;
  readonly #layers: OverlapRecord["layers"][number][] = [];
  readonly #skipped: OverlapRecord["skipped"][number][] = [];
  readonly #connections: RecordedConnection[] = [];
  #bytes = 0;

  constructor(graph: LayerGraph, settings: OverlapSettings) {
    this.#places = new Map(graph.connections.map((each, at) => [nameOf(each), at]));
    this.#graph = graph;
    this.#settings = settings;
  }

  /** An operator that notes layers and skipped connections as they go by, and what the overlaps of the others show when they are computed. */
  record<T extends { readonly kind: string }>(): MonoTypeOperatorFunction<T | Item> {
    return map((item) => {
      if (isLayer(item)) {
        const { layer, spectrum, metrics } = item;
        const values = "skipped" in spectrum ? spectrum : valuesOf(spectrum);
        this.#layers.push({
          layer: layer.index,
          spectrum: values,
          ...metrics === undefined ? {} : { metrics },
        });
      } else if (isSkipped(item)) {
        const { name, reason, connection } = item;
        this.#skipped.push({ name, reason, connection: this.#places.get(nameOf(connection))! });
      } else if (isConnection(item)) {
        return {
          ...item,
          overlaps: once(async () => {
            const result = await item.overlaps();
            this.#note(item, result);
            return result;
          }),
        };
      }
      return item;
    });
  }

  #note(
    job: Pick<ConnectionEnds<ConnectionKind>, "kind" | "control" | "connection">,
    { geometry, candidates, measures, near, sharedLogP, sparse, compositionScore }: OverlapResult,
  ): void {
    const { geometry: _, ...kept } = candidates;
    this.#bytes += 8 * measures.sourceIntensity.length + 32 * kept.logP.length + near.source.length +
      near.target.length;
    if (this.#bytes > LARGEST_RECORD) {
      this.#connections.length = 0;
      return;
    }
    this.#connections.push({
      control: job.control,
      connection: this.#places.get(nameOf(job.connection))!,
      level: keptLevel(geometry, settingsFor(job, this.#settings)),
      geometry,
      measures,
      near,
      sharedLogP,
      sparse,
      ...compositionScore === undefined ? {} : { compositionScore },
      candidates: kept,
    });
  }

  /** @returns null where there was too much of it */
  finish(
    kernel: KernelInfo,
    measures: ModelMeasures,
    controls: readonly ModelMeasures[],
  ): OverlapRecord | null {
    if (this.#bytes > LARGEST_RECORD) return null;
    return {
      graph: this.#graph,
      kernel,
      layers: this.#layers,
      skipped: this.#skipped,
      connections: this.#connections,
      pathMetric: measures.pathMetric,
      controlPathMetrics: controls.map(({ pathMetric }) => pathMetric),
    };
  }
}

/** Whether all that a run with these settings asks of the overlaps is in the record. */
export function covers(record: OverlapRecord, settings: OverlapSettings): boolean {
  return record.connections.every(({ control, level, geometry }) =>
    level >= keptLevel(geometry, { ...settingsFor({ kind: kindOf(control) }, settings), keep: -Infinity })
  );
}

/** The layers and connections of a record, as the pipeline passes them on. */
export function recordedItems(
  record: OverlapRecord,
  settings: OverlapSettings,
): readonly Item[] {
  const { graph } = record;
  const spectra = new Map(record.layers.map(({ layer, spectrum }) => [layer, spectrum]));
  const layers = record.layers.map(({ layer, ...measured }): LayerResult => ({
    kind: "layer",
    graph,
    layer: graph.layers[layer]!,
    ...measured,
  }));
  const skipped = record.skipped.map(({ connection, ...why }): SkippedConnection => ({
    kind: "skipped",
    connection: graph.connections[connection]!,
    ...why,
  }));
  const valuesAt = (layer: number) => {
    const spectrum = spectra.get(layer);
    return spectrum === undefined || "skipped" in spectrum ? new Float64Array() : spectrum.singularValues;
  };
  const connections = record.connections.map((each): Item => {
    const connection = graph.connections[each.connection]!;
    const [sourceValues, targetValues] = [valuesAt(connection.source), valuesAt(connection.target)];
    const [source, target] = [graph.layers[connection.source]!, graph.layers[connection.target]!];
    const layers = { connection, graph, source, target, sourceValues, targetValues };
    const ends = each.control === null
      ? { ...layers, kind: "connection" as const, control: null }
      : { ...layers, kind: "control" as const, control: each.control };
    const { geometry, measures, near, sharedLogP, sparse, compositionScore } = each;
    const { products } = settings;
    return {
      ...ends,
      overlaps: once(() => {
        // They do not go by again: whoever asks for products is told of the connection.
        products?.(ends);
        return Promise.resolve({
          geometry,
          measures,
          sharedLogP,
          sparse,
          near,
          ...compositionScore === undefined ? {} : { compositionScore },
          candidates: retestedCandidates(each.candidates, geometry, settingsFor(ends, settings)),
        });
      }),
    };
  });
  return [...layers, ...skipped, ...connections];
}

function kindOf(control: number | null): ConnectionKind {
  return control === null ? "connection" : "control";
}

function nameOf({ source, target, part }: Connection): string {
  return `${source}/${target}/${part}`;
}

function isLayer(item: { readonly kind: string }): item is LayerResult {
  return item.kind === "layer";
}

function isSkipped(item: { readonly kind: string }): item is SkippedConnection {
  return item.kind === "skipped";
}

function isConnection(item: { readonly kind: string }): item is ConnectionJob | ConnectionJob<"control"> {
  return item.kind === "connection" || item.kind === "control";
}

/** `ln p` down to which records are kept: a run at 2 sigma or more is told by the record of any other. */
export const RECORDED_LEVEL: NonNullable<TestSettings["keep"]> = Math.log(0.02275013194817921);
