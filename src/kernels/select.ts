/** Which kernel runs. */

import { openReferenceKernel } from "./reference.ts";
import type { Kernel } from "./kernel.ts";

/** The kernels that can be asked for; `auto` takes the fastest that works here. */
export const KERNEL_NAMES = ["auto", "reference"] as const;

/** A name in `KERNEL_NAMES`. */
export type KernelName = typeof KERNEL_NAMES[number];

/**
 * Opens a kernel.
 *
 * @param name `auto` opens `reference`, the only kernel so far
 */
export function openKernel(name: KernelName): Promise<Kernel> {
  switch (name) {
    case "auto":
    case "reference":
      return Promise.resolve(openReferenceKernel());
  }
}
