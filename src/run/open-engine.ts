/** What the computing stages share, opened and closed together. */

import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ByteBudget } from "../flow/budget.ts";
import type { CacheOptions } from "../flow/spectra/archive-cache.ts";
import { SpectrumCache } from "../flow/spectra/spectrum-cache.ts";
import { SpectrumStore } from "../flow/spectra/spectrum-store.ts";
import type { RankChoice } from "../flow/leading.ts";
import type { Engine, SpectrumEvent } from "../flow/engine.ts";
import type { Precision } from "../kernels/in-thread.ts";
import { automaticMemory } from "./automatic-memory.ts";
import { instrumentedKernel, type KernelObserver } from "./instrumented-kernel.ts";
import { type KernelName, openKernel } from "../kernels/select.ts";

/** How an engine is opened. */
export interface EngineOptions {
  /** Default `auto`. */
  readonly kernel?: KernelName;
  /** Default `f64`; `f32` with the native kernel only. */
  readonly precision?: Precision;
  /** Matrices at a time. Default: one per core, fewer where `memory` is small. */
  readonly threads?: number;
  /** Only so many leading triplets of each matrix; `auto`: what matters of matrices that are too large for all. Default: `all`. */
  readonly rank?: RankChoice;
  /** Residual up to which a leading triplet has converged, relative to `s_1`. Default 1e-8. */
  readonly tolerance?: number;
  /** Bytes for weights and spectra. Default: half of what is free, 1 to 16 GiB. */
  readonly memory?: number;
  /** Folder for spectra that do not fit; made when needed, removed by `dispose`. Default: in the system's temporary folder. */
  readonly spill?: string;
  /** Where spectra of earlier runs are, and new ones go. Default: nowhere. */
  readonly cache?: CacheOptions;
  readonly spectrumDone?: (spectrum: SpectrumEvent) => void;
  /** Told of every call of the kernel. */
  readonly watch?: KernelObserver;
  readonly signal?: AbortSignal;
}

/** An engine that must be disposed of. */
export interface OpenEngine extends Engine {
  /** Why `auto` took no faster kernel; null where it did, or was not asked. */
  readonly because: string | null;
  /** Frees the kernel and every spectrum, and removes the spill folder. */
  dispose(): Promise<void>;
}

/**
 * Opens the kernel, the byte budget and the spectrum store that the operators need.
 *
 * @throws {RangeError} when `memory` is not above 0, or the kernel does not compute in that precision
 * @throws {Error} when the kernel asked for cannot be had on this machine
 * @example
 * import { openEngine } from "svrflow";
 *
 * const engine = await openEngine({ kernel: "wasm", memory: 512 * 2 ** 20 });
 * console.log(engine.kernel.info.name, engine.kernel.concurrency);
 * await engine.dispose();
 */
export async function openEngine(options: EngineOptions = {}): Promise<OpenEngine> {
  const { kernel: name = "auto", precision, threads, rank, tolerance, memory = automaticMemory() } = options;
  const { spill, cache, spectrumDone, watch, signal } = options;
  const budget = new ByteBudget(memory);
  const { kernel: opened, because } = await openKernel(name, {
    memory,
    ...precision === undefined ? {} : { precision },
    ...threads === undefined ? {} : { threads },
  });
  const kernel = watch === undefined ? opened : instrumentedKernel(opened, watch);
  const store = new SpectrumStore(
    budget,
    spill ?? join(tmpdir(), `svrflow-${randomBytes(8).toString("hex")}`),
  );
  return {
    kernel,
    budget,
    store,
    because,
    ...rank === undefined ? {} : { rank },
    ...tolerance === undefined ? {} : { tolerance },
    ...cache === undefined ? {} : { cache: await SpectrumCache.open(cache) },
    ...spectrumDone === undefined ? {} : { spectrumDone },
    ...signal === undefined ? {} : { signal },
    async dispose() {
      await store.dispose();
      await kernel.dispose();
    },
  };
}
