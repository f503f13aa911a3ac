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

/** How a call may be stopped. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Called when the call's turn has come; a kernel on which no call waits need not. */
  readonly started?: () => void;
}

/** Whose matrix is decomposed. */
export interface Subject {
  readonly model: string;
  readonly layer: string;
}

/** What is wanted of a decomposition. */
export interface SvdOptions extends CallOptions {
  /**
   * Only the leading `rank` triplets, each with its residual, and whether it converged. Without effect where the matrix has no more than that.
   */
  readonly rank?: number;
  /** Of leading triplets only those above the noise edge, at least one. */
  readonly noise?: boolean;
  /** The matrix is `W' W` of a `W` with so many rows: it is `W` whose singular values are compared with noise. */
  readonly gramOf?: number;
  /** Largest residual of a triplet that is called converged, relative to `s_1`. Default 1e-8. */
  readonly tolerance?: number;
  /** For those who watch; kernels take no notice of it. */
  readonly subject?: Subject;
}

/** How a product reads its second factor. */
export interface MultiplyOptions extends CallOptions {
  /** Multiply by the transpose of `b`: `C = A B'`, `b` is `cols x inner`. */
  readonly transposeB?: boolean;
}

/** An argument or an answer that goes from thread to thread. */
export interface Handed<T> {
  /** Plain data. */
  readonly value: T;
  /** Memory within it that is handed over, not copied: afterwards it is gone where it was. */
  readonly given: readonly ArrayBufferLike[];
}

/** Work that is done where a kernel computes; the default export of a module. */
export type ThreadWork<Argument, Answer> = (argument: Argument, kernel: Kernel) => Promise<Handed<Answer>>;

/** How a thread's work is watched and stopped. */
export interface WithinOptions extends CallOptions {
  /** Default true: it goes before decompositions that wait, because it ends the life of vectors and they begin it. */
  readonly urgent?: boolean;
  /** What it takes, and whose decomposition it is, if it is one; for those who watch, kernels take no notice of them. */
  readonly flops?: number;
  readonly subject?: Subject;
}

/** A kernel must pass the contract suite in `test/contract/kernel`. Calls may overlap. */
export interface Kernel {
  readonly info: KernelInfo;
  /** How many calls proceed at the same time; more of them wait. */
  readonly concurrency: number;
  /**
   * The thin SVD of a `rows x cols` matrix, all `r = min(rows, cols)` triplets (or the leading ones), signs as `Svd` says.
   * `matrix` may be overwritten, and its memory may be given away.
   *
   * Reconstruction and orthogonality residuals are under `50 * eps * max(rows, cols)`, relative to `s_1`.
   *
   * @throws {RangeError} when an entry is NaN or infinite, or a side is 0; names the row and column
   * @throws {RangeError} when the matrix is too large for this kernel; names what to use instead
   * @throws {KernelCrash} when the thread that computed it died; the matrix is lost
   * @throws the signal's reason when it is aborted
   */
  svd(matrix: Matrix, options?: SvdOptions): Promise<Svd>;
  /**
   * The product `A B`, `a.rows x b.cols` (or `A B'`, `a.rows x b.rows`). Of one matrix with its own transpose, `a === b`, kernels may compute half.
   *
   * @throws {RangeError} when the inner sizes differ
   */
  multiply(a: Matrix, b: Matrix, options?: MultiplyOptions): Promise<Matrix>;
  /**
   * The overlap of every vector of `tested` with every vector of `other`, `tested.rows x other.rows`:
   * `out[i, j] = sum_k ( sum_c tested[i, c * positions + k] other[j, c] )^2`.
   *
   * @throws {RangeError} when `tested.cols` is not `other.cols * positions`
   */
  overlap(tested: Matrix, other: Matrix, positions: number, options?: CallOptions): Promise<Matrix>;
  /**
   * An orthonormal basis of the span of linearly independent rows, at most as many as there are columns: Gram and Schmidt's, so that the first
   * `j` rows keep their span and each has a positive inner product with the row that it was. `rows` may be overwritten.
   *
   * @throws {RangeError} when there are more rows than columns
   */
  orthonormalize(rows: Matrix, options?: CallOptions): Promise<Matrix>;
  /**
   * The eigenvalues of a symmetric matrix without negative ones, ascending, right to rounding relative to the largest. `matrix` may be
   * overwritten.
   *
   * @throws {RangeError} when the matrix is not square
   */
  eigenvalues(matrix: Matrix, options?: CallOptions): Promise<Float64Array>;
  /**
   * Does a module's work in one of the kernel's threads, with the kernel of that thread: so that what is made of a product need not be
   * carried out of it. Absent where the kernel computes in the thread that calls it: there the work can be called itself.
   *
   * @param module address of a module whose default export is a `ThreadWork`
   * @param argument makes the argument; is asked once more where a thread died with it
   * @throws {RangeError|TypeError|Error} what the work throws; the error's name and message come across, nothing else of it
   */
  readonly within?: <Argument, Answer>(
    module: string,
    argument: () => Handed<Argument> | Promise<Handed<Argument>>,
    options?: WithinOptions,
  ) => Promise<Answer>;
  /** Bytes of working memory that `svd` needs beside the matrix and its result, for a matrix of this shape. @param rank as for `svd` */
  workspace(rows: number, cols: number, rank?: number): number;
  /** Releases threads and memory. The kernel is not used afterwards. */
  dispose(): Promise<void>;
}

/** The thread that computed died: out of memory, or an error in a library. What it was given is lost. */
export class KernelCrash extends Error {
  override readonly name = "KernelCrash";
}

/** @throws {RangeError} when the factors of a product do not fit; see `Kernel.multiply` */
export function checkProduct(a: Matrix, b: Matrix, transposeB: boolean): void {
  const inner = transposeB ? b.cols : b.rows;
  if (a.cols !== inner) {
    throw new RangeError(`multiply: found inner sizes ${a.cols} and ${inner}, required equal ones`);
  }
}

/** @throws {RangeError} when there are more rows than columns; see `Kernel.orthonormalize` */
export function checkRows({ rows, cols }: Matrix): void {
  if (rows > cols) {
    throw new RangeError(`orthonormalize: found ${rows} rows of ${cols} numbers, required at most ${cols}`);
  }
}

/** @throws {RangeError} when the matrix is not square; see `Kernel.eigenvalues` */
export function checkSquare({ rows, cols }: Matrix): void {
  if (rows !== cols) {
    throw new RangeError(`eigenvalues: found a ${rows} x ${cols} matrix, required a square one`);
  }
}

/** @throws {RangeError} when the vectors do not fit; see `Kernel.overlap` */
export function checkOverlap(tested: Matrix, other: Matrix, positions: number): void {
  if (!(Number.isInteger(positions) && positions > 0 && tested.cols === other.cols * positions)) {
    throw new RangeError(
      `overlap: found vectors of ${tested.cols} and ${other.cols} entries and ${positions} positions, ` +
        `required ${other.cols} times the positions`,
    );
  }
}
