/** Which kernel runs. */

import { availableParallelism } from "node:os";
import { messageOf } from "../model/errors.ts";
import type { Precision } from "./in-thread.ts";
import type { Kernel } from "./kernel.ts";
import { openPool } from "./pool.ts";
import { openReferenceKernel } from "./reference.ts";

/** The kernels that can be asked for; `auto` takes the fastest that works here. */
export const KERNEL_NAMES = ["auto", "wasm", "native", "reference"] as const;

/** A name in `KERNEL_NAMES`. */
export type KernelName = typeof KERNEL_NAMES[number];

/** A thread takes its own heap and the memory of its kernel; with less than this for each, fewer of them run. */
const BYTES_PER_THREAD = 128 * 2 ** 20;

/** How a kernel is furnished. */
export interface KernelOptions {
  /** Default `f64`. `f32` is for `native` only, and costs up to 0.2 % of the largest edge. */
  readonly precision?: Precision;
  /** Threads, one matrix each. Default: one per core, fewer where `memory` is small. */
  readonly threads?: number;
  /** Bytes that the run may use. */
  readonly memory?: number;
}

/** An open kernel, and why it is that one. */
export interface SelectedKernel {
  readonly kernel: Kernel;
  /** Why `auto` did not take a faster one; null where it did, or was not asked. */
  readonly because: string | null;
}

/**
 * Opens a kernel. `auto` opens `native` where OpenBLAS and a way to call it are there, else `wasm`.
 *
 * @throws {RangeError} when it does not compute in that precision
 * @throws {Error} when the kernel asked for cannot be had on this machine; says what was tried
 * @example
 * import { openKernel } from "svrflow";
 *
 * const { kernel } = await openKernel("wasm", { threads: 1 });
 * const { singularValues } = await kernel.svd({ rows: 2, cols: 3, data: Float64Array.of(3, 0, 0, 0, 4, 0) });
 * console.log(singularValues); // 4, 3
 * await kernel.dispose();
 */
export async function openKernel(
  name: KernelName,
  { precision = "f64", threads, memory = Infinity }: KernelOptions = {},
): Promise<SelectedKernel> {
  const furnished = {
    precision,
    threads: threads ?? Math.max(1, Math.min(availableParallelism(), Math.floor(memory / BYTES_PER_THREAD))),
  };
  switch (name) {
    case "reference":
      if (precision === "f32") throw new RangeError("kernel reference: found precision f32, required f64");
      return { kernel: openReferenceKernel(), because: null };
    case "wasm":
    case "native":
      return { kernel: await openPool({ name, ...furnished }), because: null };
    case "auto":
      try {
        return { kernel: await openPool({ name: "native", ...furnished }), because: null };
      } catch (failure) {
        return { kernel: await openPool({ name: "wasm", ...furnished }), because: messageOf(failure) };
      }
  }
}
