/** The routines that a kernel is made of, whoever computes them: LAPACK and BLAS on blocks of memory that is theirs. */

import type { KernelInfo } from "./kernel.ts";

/** Numbers in the memory of a `Lapack`; single precision where `info.precision` says so. */
export type Numbers = Float64Array | Float32Array;

/** A piece of that memory. */
export interface Block {
  readonly length: number;
  /** The numbers themselves; the view is good until the next allocation. */
  data(): Numbers;
  /** A part of it, which shares its numbers. */
  part(from: number, length: number): Block;
}

/** A row-major matrix in a block. */
export interface Dense {
  readonly block: Block;
  readonly rows: number;
  readonly cols: number;
}

/** How a product is added to what is there. */
export interface ProductOptions {
  /** Take `y` as its transpose. */
  readonly transposeY?: boolean;
  /** Subtract the product from what is in `out`, instead of putting it there. */
  readonly subtract?: boolean;
}

/** All matrices are row-major. Calls are synchronous: kernels run in threads of their own. */
export interface Lapack {
  readonly info: KernelInfo;
  /** Bytes that can be addressed at all. */
  readonly mostBytes: number;
  /** What to use instead, when that is too little. */
  readonly instead: string;
  /** Runs `work`; what it allocates is freed when it ends. One may be within another. */
  scoped<T>(work: () => T): T;
  /**
   * Uninitialized numbers.
   *
   * @throws {RangeError} when the memory is at its end
   */
  allocate(length: number): Block;
  /** Numbers of JavaScript's as a block: in place where that is possible, so they may be overwritten; else a copy. */
  hold(data: Float64Array): Block;
  /** The numbers of a block as JavaScript's own, to be kept; the block is not used afterwards. */
  take(block: Block): Float64Array;
  /** `out = x y` (or `x y'`): `x.rows x y.cols` (or `x.rows x y.rows`). */
  multiply(x: Dense, y: Dense, out: Dense, options?: ProductOptions): void;
  /** The Gram matrix of the rows, `A A'`, or of the columns, `A' A`; its lower triangle need not be filled. */
  gram(a: Dense, of: "rows" | "cols"): Dense;
  /**
   * The eigenvalues of what `gram` returned, ascending; the rows of the matrix become its orthonormal eigenvectors (`dsyevd`).
   *
   * @throws {Error} when it does not converge
   */
  eigen(gram: Dense): Float64Array;
  /**
   * The thin SVD (`dgesdd`). Overwrites `a`.
   *
   * @returns `left`: `rows x r`, columns `u_j`; `right`: `r x cols`, rows `v_j`; singular values descend
   * @throws {Error} when it does not converge
   */
  decompose(a: Dense): { readonly left: Dense; readonly singularValues: Numbers; readonly right: Dense };
  /** Replaces the rows, at most as many as columns, by an orthonormal basis: the first j rows keep their span (`dgeqrf`, `dorgqr`). */
  orthonormalize(a: Dense): void;
  /** `out[i, j] = sum_k ( sum_c tested[i, c, k] other[j, c] )^2`. */
  overlap(tested: Dense, other: Dense, positions: number, out: Dense): void;
}

/** A new matrix. */
export function allocateDense(lapack: Lapack, rows: number, cols: number): Dense {
  return { block: lapack.allocate(rows * cols), rows, cols };
}

/** Consecutive rows of a matrix, sharing its numbers. */
export function rowsOf({ block, cols }: Dense, from: number, count: number): Dense {
  return { block: block.part(from * cols, count * cols), rows: count, cols };
}
