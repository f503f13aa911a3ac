/** A kernel that says what it has computed, and how long that took. */

import type { CallOptions, Kernel, Subject } from "../kernels/kernel.ts";
import { productFlops, svdFlops } from "../stages/flops.ts";

/** A call that has ended well. */
export interface KernelCall {
  readonly flops: number;
  /** From its turn to its end; waiting for a thread does not count. */
  readonly seconds: number;
  /** Whose decomposition it was; absent for products. */
  readonly subject?: Subject;
}

/** Told of calls; must not throw. */
export interface KernelObserver {
  /** A decomposition has its turn. */
  begun(subject: Subject): void;
  ended(call: KernelCall): void;
}

/** The same kernel, watched. */
export function instrumentedKernel(kernel: Kernel, watch: KernelObserver): Kernel {
  const timed = async <T>(
    flops: number,
    options: CallOptions | undefined,
    subject: Subject | undefined,
    call: (options: CallOptions) => Promise<T>,
  ): Promise<T> => {
    let since = performance.now();
    const started = () => {
      since = performance.now();
      if (subject !== undefined) watch.begun(subject);
    };
    const answer = await call({ ...options, started });
    const seconds = (performance.now() - since) / 1000;
    watch.ended({ flops, seconds, ...subject === undefined ? {} : { subject } });
    return answer;
  };
  const { within } = kernel;
  return {
    get info() {
      return kernel.info;
    },
    concurrency: kernel.concurrency,
    // The shape is read first: the matrix may be given away.
    svd: (matrix, options) =>
      timed(
        svdFlops(matrix.rows, matrix.cols, options?.rank),
        options,
        options?.subject,
        (told) => kernel.svd(matrix, told),
      ),
    multiply: (a, b, options) =>
      timed(
        productFlops(a.rows, a.cols, options?.transposeB === true ? b.rows : b.cols),
        options,
        undefined,
        (told) => kernel.multiply(a, b, told),
      ),
    overlap: (tested, other, positions, options) =>
      timed(
        productFlops(tested.rows, tested.cols, other.rows),
        options,
        undefined,
        (told) => kernel.overlap(tested, other, positions, told),
      ),
    orthonormalize: (rows, options) =>
      timed(
        2 * productFlops(rows.rows, rows.cols, rows.rows),
        options,
        undefined,
        (told) => kernel.orthonormalize(rows, told),
      ),
    eigenvalues: (matrix, options) =>
      timed(
        2 * productFlops(matrix.rows, matrix.rows, matrix.rows),
        options,
        undefined,
        (told) => kernel.eigenvalues(matrix, told),
      ),
    ...within === undefined ? {} : {
      within: (module, argument, options) =>
        timed(options?.flops ?? 0, options, options?.subject, (told) => within(module, argument, told)),
    },
    workspace: (rows, cols, rank) => kernel.workspace(rows, cols, rank),
    dispose: () => kernel.dispose(),
  };
}
