/** What a run computes with: its engine, what it keeps of earlier work, and who watches it. */

import { randomBytes } from "node:crypto";
import type { RunConfig } from "../../../config/schema.ts";
import type { SpectraCount, SpectrumEvent } from "../../flow/engine.ts";
import type { FarFiles } from "../../flow/spectra/archive-cache.ts";
import { openOverlapCache, type OverlapCache } from "../../flow/spectra/overlap-cache.ts";
import { LazyEngine } from "./lazy-engine.ts";
import type { Progress } from "../progress/progress.ts";
import { RunWork } from "../progress/run-work.ts";
import { cacheOf, memoryOf, rankChoice } from "../settings.ts";

/** Where a run computes, and who hears of it. */
export interface EnginePlace {
  /** The output folder, absolute. */
  readonly out: string;
  /** A folder for what does not fit the memory. */
  readonly spill: string;
  /** Whether other processes keep their spectra in the output folder too. */
  readonly shared: boolean;
  /** Where spectra meet with those of other machines. Default: nowhere but in the cache's folder. */
  readonly beyond?: FarFiles | undefined;
  readonly heard: Progress;
  readonly signal: AbortSignal | undefined;
}

/** The engine of a run. */
export interface RunEngine {
  readonly work: RunWork;
  /** Tells whoever listens to the run. */
  readonly progress: Progress;
  readonly engine: LazyEngine;
  /** How many were computed and reused so far. */
  readonly spectra: { -readonly [key in keyof SpectraCount]: SpectraCount[key] };
  readonly spectrumDone: (spectrum: SpectrumEvent) => void;
  /** Opens what is kept of the overlaps of earlier runs; null where nothing is. */
  overlaps(): Promise<OverlapCache | null>;
}

/** The engine of a run; its kernel is loaded when the first model needs it. */
export function runEngine(config: RunConfig, place: EnginePlace): RunEngine {
  const { out, spill, shared, beyond, heard, signal } = place;
  const kept = cacheOf(config, out);
  const cache = kept === null ? null : { ...kept, alone: kept.alone && !shared };
  const work: RunWork = new RunWork(heard, memoryOf(config), () => engine.held);
  const progress = work.tell;
  const spectra = { computed: 0, reused: 0 };
  const spectrumDone = (spectrum: SpectrumEvent) => {
    spectra[spectrum.from === "kernel" ? "computed" : "reused"]++;
    progress({ event: "spectrum", ...spectrum, ...work.decomposed(spectrum) });
  };
  const engine = new LazyEngine({
    kernel: config.kernel,
    precision: config.precision,
    ...config.threads === undefined ? {} : { threads: config.threads },
    rank: rankChoice(config),
    tolerance: config.tolerance,
    memory: memoryOf(config),
    spill,
    ...cache === null ? {} : {
      cache: {
        ...cache.spectra,
        alone: cache.alone,
        ...beyond === undefined ? {} : { beyond },
        full: (reason: string) => progress({ event: "cache-off", reason }),
      },
    },
    spectrumDone,
    watch: work,
    ...signal === undefined ? {} : { signal },
  }, (kernel) => progress({ event: "kernel", ...kernel }));
  return {
    work,
    progress,
    engine,
    spectra,
    spectrumDone,
    overlaps: async () =>
      cache === null ? null : await openOverlapCache({ ...cache.overlaps, alone: cache.alone }),
  };
}

/** The id of a run that starts now: when, and a number that no other has. */
export function newRunId(started: Date): string {
  const digits = started.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${digits}-${randomBytes(4).toString("hex")}`;
}
