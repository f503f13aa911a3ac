/** What a picture shows. */

import type { Chain } from "../model/measures.ts";
import type { StrongestEdges } from "./strongest-edges.ts";

/** Neurons take 17 bytes each: with more, a picture would take memory that runs do not. Models of today have a few million. */
export const MOST_NEURONS = 2 ** 25;

/** As many layers as a picture of four thousand pixels can tell apart. */
export const MOST_LAYERS = 4000;

/** The most edges that a picture can show: more would pass 2 MB, and are a grey area to any eye. */
export const MOST_EDGES = 8_000;

/**
 * The most edges that are drawn where nobody says how many. Edges over several layers cross each other, and there are more of them in deeper
 * models: so 350 for three layers, 150 for 16, 100 for 36 and more.
 */
export function edgesFor(layers: number): number {
  return Math.max(100, 10 * Math.round(60 / Math.sqrt(Math.max(1, layers))));
}

/** A layer and its spectral neurons; the arrays have one entry per neuron and are empty where the layer was skipped. */
export interface PicturedLayer {
  readonly name: string;
  readonly kind: string;
  /** Descending, at least 0. */
  readonly singularValues: Float64Array;
  /** In [0, 1]. */
  readonly intensity: Float64Array;
  /** 1 for a near-kernel neuron. */
  readonly nearKernel: Uint8Array;
}

/** How the edges were tested and weighed. */
export interface PicturedTest {
  readonly null: string;
  readonly alpha: number;
  readonly sigma: number;
  readonly correction: string;
  readonly correctionOver: string;
  /** The run's weight, as its config spells it. */
  readonly weight: string;
  /** Share of the largest singular value up to which a neuron is a near-kernel. */
  readonly nearKernel: number;
}

/** One model of a run. */
export interface PictureData {
  readonly model: string;
  readonly layers: readonly PicturedLayer[];
  readonly edges: StrongestEdges;
  /** How many of the model's connections are guessed from names and shapes; absent where none is. */
  readonly guessed?: { readonly connections: number; readonly of: number };
  /** Null where the run's record is not at hand. */
  readonly test: PicturedTest | null;
  /** The dominant connection; `none` where there is none beyond chance, `unknown` where no report of its run is at hand. */
  readonly chain: Chain | "none" | "unknown";
}

/** How it is drawn. */
export interface PictureSettings {
  readonly scale: "linear" | "log";
  /** Whether singular values are shares of their layer's largest. */
  readonly normalize?: boolean;
  /** Whether what stands above the frame, head and legend, is left out. */
  readonly bare?: boolean;
}
