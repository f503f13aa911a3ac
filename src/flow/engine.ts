/** What the computing stages share: who computes, with how much memory. */

import type { Kernel } from "../kernels/kernel.ts";
import type { RankChoice } from "./leading.ts";
import type { ByteBudget } from "./budget.ts";
import type { SpectrumCache } from "./spectra/spectrum-cache.ts";
import type { SpectrumStore } from "./spectra/spectrum-store.ts";

/** A spectrum that is there, and where it comes from. */
export interface SpectrumEvent {
  readonly model: string;
  readonly layer: string;
  /** What it is kept under; null where nothing is kept. */
  readonly key: string | null;
  readonly from: "kernel" | "cache";
}

/** How many spectra a run has decomposed weights for, and how many it had from earlier runs. */
export interface SpectraCount {
  readonly computed: number;
  readonly reused: number;
}

/** What the computing stages share. */
export interface Engine {
  readonly kernel: Kernel;
  readonly budget: ByteBudget;
  readonly store: SpectrumStore;
  readonly signal?: AbortSignal;
  /** Only so many leading triplets of each matrix, or what matters of large ones. Default: all. */
  readonly rank?: RankChoice;
  /** See `SvdOptions`. */
  readonly tolerance?: number;
  /** Spectra of earlier runs. Default: every weight is decomposed. */
  readonly cache?: SpectrumCache;
  /** Told of every spectrum; of a new one once it is in the cache. */
  readonly spectrumDone?: (spectrum: SpectrumEvent) => void;
}
