/** What the computing stages share: who computes, with how much memory. */

import type { Kernel } from "../kernels/kernel.ts";
import type { ByteBudget } from "./budget.ts";
import type { SpectrumStore } from "./spectrum-store.ts";

/** What the computing stages share. */
export interface Workshop {
  readonly kernel: Kernel;
  readonly budget: ByteBudget;
  readonly store: SpectrumStore;
  readonly signal?: AbortSignal;
  /** Only about so many leading triplets of each matrix, by a randomized method. Default: all, exactly. */
  readonly rank?: number;
}
