/**
 * What flows through the pipeline: small descriptors that say what is to be done. Bytes are read and vectors computed
 * inside the job, when the sink asks for it, so that nothing queues up between stages.
 */

import type { ConnectionSummary, EdgeColumns } from "../model/graph.ts";
import type { LayerMetrics } from "../model/layer-metrics.ts";
import type { Connection, Layer, LayerGraph } from "../model/layer.ts";
import type { ChainLinks, Model } from "../model/ports.ts";
import type { Matrix } from "../model/tensor.ts";
import type { OverlapScan } from "../stages/overlap-parts.ts";
import type { SpectrumHandle, SpectrumValues } from "./spectra/spectrum-store.ts";

/** A layer of a model, about to be read. */
export interface LayerJob {
  readonly model: Model;
  readonly graph: LayerGraph;
  readonly layer: Layer;
}

/** A layer whose unfolded weight can be read, one matrix per group; of a circuit its two factors. */
export interface MatrixJob extends LayerJob {
  /** Rows and columns of each group's matrix; of a circuit those of the product. */
  readonly shape: { readonly rows: number; readonly cols: number };
  read(): Promise<Matrix[]>;
}

/** A layer that has been decomposed, or could not be. */
export interface SpectrumJob extends LayerJob {
  readonly kind: "layer";
  readonly spectrum: SpectrumHandle | { readonly skipped: string };
  /** Figures of the layer. Absent where it was skipped; where nobody measured it they are null in the tables. */
  readonly metrics?: LayerMetrics;
}

/** A layer whose vectors are not needed any more, or could not be had. */
export interface LayerResult extends Omit<LayerJob, "model"> {
  readonly kind: "layer";
  readonly spectrum: SpectrumValues | { readonly skipped: string };
  /** As in `SpectrumJob`. */
  readonly metrics?: LayerMetrics;
}

/** A connection that cannot be computed, because one of its ends was skipped. */
export interface SkippedConnection {
  readonly kind: "skipped";
  readonly connection: Connection;
  readonly name: string;
  readonly reason: string;
}

/** A connection of the model, or a null control of one. */
export type ConnectionKind = "connection" | "control";

/** Connections of the model are of no null control. */
export type ControlOf<Kind extends ConnectionKind> = Kind extends "control" ? number : null;

/** A connection, or a null control of it, and what is known of its two ends. */
export interface ConnectionEnds<Kind extends ConnectionKind = "connection"> {
  readonly kind: Kind;
  /** Which of the model's null controls it belongs to, from 0; null for a connection of the model. */
  readonly control: ControlOf<Kind>;
  readonly connection: Connection;
  /** Of its model: connections of the same graph are one model's. */
  readonly graph: LayerGraph;
  readonly source: Layer;
  readonly target: Layer;
  readonly sourceValues: Float64Array;
  readonly targetValues: Float64Array;
}

/** A connection whose overlaps can be had; or a null control of it, with the channels of one end turned at random. */
export interface ConnectionJob<Kind extends ConnectionKind = "connection"> extends ConnectionEnds<Kind> {
  /** Computes the overlaps when it is first called, within the byte budget; afterwards it answers the same. */
  overlaps(): Promise<OverlapResult>;
}

/** A connection with its overlaps seen: candidates for edges, and figures of the whole matrix. */
export type OverlapResult = OverlapScan;

/** A connection, or a null control of it, whose edges can be had; `weight` is 0 until the weight stage has been. */
export interface EdgeJob<Kind extends ConnectionKind = "connection"> extends ConnectionEnds<Kind> {
  /** Tests the overlaps when it is first called; afterwards it answers the same. */
  edges(): Promise<ConnectionEdges>;
}

/** The edges of a connection and its summary. */
export interface ConnectionEdges {
  readonly edges: EdgeColumns;
  readonly summary: ConnectionSummary;
  /** What a chain may be made of, written or not. */
  readonly links: ChainLinks;
}

/** The same work, done when it is first asked for; once more where that has failed. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () =>
    answer ??= work().catch((failure: unknown) => {
      answer = null;
      throw failure;
    });
}
