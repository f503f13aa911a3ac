/** The work of a run, as its record and its progress tell of it. */

/** A decomposition and how long it took. */
export interface LayerTime {
  readonly model: string;
  readonly layer: string;
  readonly flops: number;
  /** Of one thread, all groups together. */
  readonly seconds: number;
  readonly gflops: number;
}

/** The work of a run when it is over. */
export interface WorkSummary {
  readonly flops: number;
  /** From the kernel's first call to its last, by the clock. */
  readonly seconds: number;
  readonly gflops: number;
  readonly slowest: readonly LayerTime[];
}
