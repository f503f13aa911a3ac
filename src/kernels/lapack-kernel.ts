/** A kernel that computes in the thread that calls it, with a `Lapack`; `pool.ts` gives it threads of its own. */

import { TOLERANCE } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import {
  type CallOptions,
  checkOverlap,
  checkProduct,
  checkRows,
  checkSquare,
  type Kernel,
  type MultiplyOptions,
  type SvdOptions,
} from "./kernel.ts";
import { allocateDense, type Dense, type Lapack } from "./lapack.ts";
import { leadingSvd } from "./leading-svd.ts";
import { svdBytes } from "./svd-bytes.ts";
import { alignRows } from "../model/signs.ts";
import { hold, thinSvd } from "./thin-svd.ts";

/**
 * Makes a kernel of a `Lapack`. Signals are looked at before the work, which cannot be stopped within.
 *
 * @param double the same in double precision: in single precision no residual becomes small, so that leading triplets are sought there
 */
export function lapackKernel(lapack: Lapack, double: Lapack = lapack): Kernel {
  const result = ({ block, rows, cols }: Dense) => matrix(rows, cols, lapack.take(block));
  const computed = <T>(signal: AbortSignal | undefined, work: () => T): Promise<T> =>
    new Promise((resolve) => {
      signal?.throwIfAborted();
      resolve(work());
    });
  return {
    info: lapack.info,
    concurrency: 1,
    svd: (input: Matrix, { signal, rank, noise = false, tolerance = TOLERANCE, gramOf }: SvdOptions = {}) =>
      computed(
        signal,
        () =>
          rank !== undefined && rank < Math.min(input.rows, input.cols)
            ? leadingSvd(double, input, { rank, noise, tolerance, ...gramOf === undefined ? {} : { gramOf } })
            : thinSvd(lapack, input),
      ),
    multiply: (a: Matrix, b: Matrix, { transposeB = false, signal }: MultiplyOptions = {}) =>
      computed(signal, () => {
        checkProduct(a, b, transposeB);
        return lapack.scoped(() => {
          const held = hold(lapack, a);
          // Half the work, as the product is symmetric.
          if (a === b && transposeB) return mirrored(result(lapack.gram(held, "rows")));
          const out = allocateDense(lapack, a.rows, transposeB ? b.rows : b.cols);
          lapack.multiply(held, a === b ? held : hold(lapack, b), out, { transposeY: transposeB });
          return result(out);
        });
      }),
    overlap: (tested: Matrix, other: Matrix, positions: number, { signal }: CallOptions = {}) =>
      computed(signal, () => {
        checkOverlap(tested, other, positions);
        return lapack.scoped(() => {
          const out = allocateDense(lapack, tested.rows, other.rows);
          lapack.overlap(hold(lapack, tested), hold(lapack, other), positions, out);
          return result(out);
        });
      }),
    orthonormalize: (rows: Matrix, { signal }: CallOptions = {}) =>
      computed(signal, () => {
        checkRows(rows);
        return lapack.scoped(() => {
          const held = hold(lapack, rows);
          const before = held.block.data().slice();
          lapack.orthonormalize(held);
          const out = result(held);
          alignRows(out.data, before, out.cols);
          return out;
        });
      }),
    eigenvalues: (input: Matrix, { signal }: CallOptions = {}) =>
      computed(signal, () => {
        checkSquare(input);
        return lapack.scoped(() => Float64Array.from(lapack.eigen(hold(lapack, input))));
      }),
    workspace: (rows: number, cols: number, rank?: number) =>
      svdBytes(rows, cols, lapack.info.precision, rank),
    dispose: () => Promise.resolve(),
  };
}

/** Fills the lower triangle of a symmetric matrix, of which the upper one is there; in place. */
function mirrored(symmetric: Matrix): Matrix {
  const { rows: n, data } = symmetric;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) data[i * n + j] = data[j * n + i]!;
  return symmetric;
}
