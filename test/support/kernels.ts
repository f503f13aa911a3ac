/** The kernels that tests run with. Where OpenBLAS cannot be had, suites that need it are skipped, by name. */

import { describe } from "vitest";
import { describeUnless } from "./shared.ts";
import type { ComputingKernelName } from "../../src/kernels/in-thread.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openNativeLapack } from "../../src/kernels/native-lapack.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";

/** Why there is no OpenBLAS; null where there is. */
export const NO_BLAS: string | null = await openNativeLapack("f64").then(() => null, String);

/** A suite that needs OpenBLAS. */
export function describeWithBlas(name: string, body: () => void): void {
  describeUnless(NO_BLAS, name, body);
}

/** Every kernel, with a way to open it. */
export const KERNELS: ReadonlyMap<ComputingKernelName, () => Promise<Kernel>> = new Map([
  ["reference", () => Promise.resolve(openReferenceKernel())],
  ["wasm", () => openPool({ name: "wasm", precision: "f64", threads: 2 })],
  ["native", () => openPool({ name: "native", precision: "f64", threads: 2 })],
]);

/** A suite for a kernel; that for `native` needs OpenBLAS. */
export function describeKernel(kernel: ComputingKernelName, name: string, body: () => void): void {
  if (kernel === "native") describeWithBlas(name, body);
  else describe(name, body);
}
