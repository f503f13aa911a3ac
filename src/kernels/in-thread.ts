/** Kernels that compute in the thread that opens them. */

import type { Kernel } from "./kernel.ts";
import { lapackKernel } from "./lapack-kernel.ts";
import { openNativeLapack } from "./native-lapack.ts";
import { openReferenceKernel } from "./reference.ts";
import { openWasmLapack } from "./wasm-lapack.ts";

/** Kernels by name. */
export type ComputingKernelName = "wasm" | "native" | "reference";

/** Precisions in which a kernel may compute; results are always stored in double precision. */
export type Precision = "f64" | "f32";

/**
 * Opens a kernel in this thread.
 *
 * @throws {RangeError} when it does not compute in that precision
 * @throws {Error} when it cannot be had on this machine; says what was tried
 */
export async function openInThread(name: ComputingKernelName, precision: Precision): Promise<Kernel> {
  if (precision === "f32" && name !== "native") {
    throw new RangeError(`kernel ${name}: found precision f32, required f64; only native computes in f32`);
  }
  switch (name) {
    case "wasm":
      return lapackKernel(await openWasmLapack());
    case "native":
      return precision === "f64"
        ? lapackKernel(await openNativeLapack(precision))
        : lapackKernel(await openNativeLapack(precision), await openNativeLapack("f64"));
    case "reference":
      return openReferenceKernel();
  }
}
