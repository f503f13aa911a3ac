/** The linear algebra that the engine needs, small enough that any library can be put behind it. */

import type { Svd } from "../model/spectrum.ts";
import type { Matrix } from "../model/tensor.ts";

/** Which kernel this is; recorded by every run. */
export interface KernelInfo {
  /** `reference`, `wasm`, `native`, … */
  readonly name: string;
  readonly version: string;
  readonly precision: "f64" | "f32";
}

/** How a decomposition may be stopped. */
export interface SvdOptions {
  readonly signal?: AbortSignal;
}

/** How a product reads its second factor, and may be stopped. */
export interface MultiplyOptions {
  /** Multiply by the transpose of `b`: `C = A B'`, `b` is `cols x inner`. */
  readonly transposeB?: boolean;
  readonly signal?: AbortSignal;
}

/** A kernel must pass the contract suite in `test/contract/kernel`. Calls may overlap. */
export interface Kernel {
  readonly info: KernelInfo;
  /**
   * The thin SVD of a `rows x cols` matrix, all `r = min(rows, cols)` triplets, signs as `Svd` says. `matrix` may be overwritten.
   *
   * Reconstruction and orthogonality residuals are under `50 * eps * max(rows, cols)`, relative to `s_1`.
   *
   * @throws {RangeError} when an entry is NaN or infinite, or a side is 0; names the row and column
   * @throws the signal's reason when it is aborted
   */
  svd(matrix: Matrix, options?: SvdOptions): Promise<Svd>;
  /**
   * The product `A B`, `a.rows x b.cols` (or `A B'`, `a.rows x b.rows`).
   *
   * @throws {RangeError} when the inner sizes differ
   */
  multiply(a: Matrix, b: Matrix, options?: MultiplyOptions): Promise<Matrix>;
  /** Bytes of working memory that `svd` needs beside the matrix and its result, for a matrix of this shape. */
  workspace(rows: number, cols: number): number;
  /** Releases threads and memory. The kernel is not used afterwards. */
  dispose(): Promise<void>;
}
