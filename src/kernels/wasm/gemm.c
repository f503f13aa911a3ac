/*
 * Level 3 of the BLAS for 128-bit SIMD, column-major, as LAPACK calls it.
 *
 * The matrix product is blocked as Goto and van de Geijn describe (ACM TOMS 34:3, 2008): panels of B and blocks of A are packed so
 * that the innermost loop, an MR x NR tile of C in registers, reads both in order. The other routines reduce to it.
 */

#include "blas.h"

#include <stdlib.h>
#include <string.h>

/* Rows and columns of the tile: 4 x 4 takes 8 accumulators of 16 registers; a fused multiply-add leaves room for 4 x 6. */
enum { MR = 4 };
#ifdef __wasm_relaxed_simd__
enum { NR = 6 };
#else
enum { NR = 4 };
#endif
/* A block of A (MC x KC) stays in the second-level cache, a panel of B (KC x NR) in the first. NC is a multiple of NR. */
enum { KC = 256, MC = 96, NC = 1008 };

static double packed_a[MC * KC] __attribute__((aligned(64)));
static double packed_b[KC * NC] __attribute__((aligned(64)));

/*
 * C[MR x NR] += alpha * A B, of packed panels with k steps. Only mr x nr of the tile exist in C, and of those only entries
 * (i, j) with i >= j + diagonal are wanted.
 */
static void tile(integer k, double alpha, const double *a, const double *b, double *c, integer ldc, integer mr,
                 integer nr, integer diagonal) {
  v128_t low[NR], high[NR];
#pragma clang loop unroll(full)
  for (int j = 0; j < NR; j++) low[j] = high[j] = wasm_f64x2_const(0, 0);
  for (integer p = 0; p < k; p++, a += MR, b += NR) {
    const v128_t a0 = wasm_v128_load(a), a1 = wasm_v128_load(a + 2);
#pragma clang loop unroll(full)
    for (int j = 0; j < NR; j++) {
      const v128_t bj = wasm_v128_load64_splat(b + j);
      low[j] = madd(a0, bj, low[j]);
      high[j] = madd(a1, bj, high[j]);
    }
  }
  const v128_t scale = wasm_f64x2_splat(alpha);
  if (mr == MR && nr == NR && diagonal <= 1 - NR) {
#pragma clang loop unroll(full)
    for (int j = 0; j < NR; j++) {
      double *column = c + j * ldc;
      wasm_v128_store(column, madd(scale, low[j], wasm_v128_load(column)));
      wasm_v128_store(column + 2, madd(scale, high[j], wasm_v128_load(column + 2)));
    }
    return;
  }
  for (int j = 0; j < NR; j++) {
    if (j >= nr) return;
    double part[MR];
    wasm_v128_store(part, low[j]);
    wasm_v128_store(part + 2, high[j]);
    for (integer i = j + diagonal > 0 ? j + diagonal : 0; i < mr; i++) c[i + j * ldc] += alpha * part[i];
  }
}

/* Packs the rows of op(A), `mc x kc`, into panels of MR rows; row i, step p is at `a[i * row + p * step]`. */
static void pack_a(const double *a, integer row, integer step, integer mc, integer kc) {
  for (integer i = 0; i < mc; i += MR) {
    double *to = packed_a + i * kc;
    const double *from = a + i * row;
    const integer mr = min(MR, mc - i);
    if (mr == MR && row == 1) {
      for (integer p = 0; p < kc; p++, to += MR, from += step) {
        wasm_v128_store(to, wasm_v128_load(from));
        wasm_v128_store(to + 2, wasm_v128_load(from + 2));
      }
      continue;
    }
    for (integer p = 0; p < kc; p++, to += MR, from += step) {
      for (integer ii = 0; ii < mr; ii++) to[ii] = from[ii * row];
      for (integer ii = mr; ii < MR; ii++) to[ii] = 0;
    }
  }
}

/* Packs the columns of op(B), `kc x nc`, into panels of NR columns; step p, column j is at `b[p * step + j * col]`. */
static void pack_b(const double *b, integer step, integer col, integer kc, integer nc) {
  for (integer j = 0; j < nc; j += NR) {
    double *to = packed_b + j * kc;
    const double *from = b + j * col;
    const integer nr = min(NR, nc - j);
    for (integer p = 0; p < kc; p++, to += NR, from += step) {
      for (integer jj = 0; jj < nr; jj++) to[jj] = from[jj * col];
      for (integer jj = nr; jj < NR; jj++) to[jj] = 0;
    }
  }
}

void product(enum part part, integer m, integer n, integer k, double alpha, const double *a, integer a_row,
             integer a_step, const double *b, integer b_step, integer b_col, double *c, integer ldc) {
  for (integer jc = 0; jc < n; jc += NC) {
    const integer nc = min(NC, n - jc);
    for (integer pc = 0; pc < k; pc += KC) {
      const integer kc = min(KC, k - pc);
      pack_b(b + pc * b_step + jc * b_col, b_step, b_col, kc, nc);
      for (integer ic = 0; ic < m; ic += MC) {
        const integer mc = min(MC, m - ic);
        if (part == LOWER && ic + mc <= jc) continue;
        pack_a(a + ic * a_row + pc * a_step, a_row, a_step, mc, kc);
        for (integer j = 0; j < nc; j += NR) {
          if (part == LOWER && jc + j >= ic + mc) break;
          for (integer i = 0; i < mc; i += MR) {
            const integer diagonal = part == LOWER ? jc + j - ic - i : -NR;
            if (diagonal >= MR) continue;
            tile(kc, alpha, packed_a + i * kc, packed_b + j * kc, c + ic + i + (jc + j) * ldc, ldc, min(MR, mc - i),
                 min(NR, nc - j), diagonal);
          }
        }
      }
    }
  }
}

static void scale_columns(integer m, integer n, double beta, double *c, integer ldc) {
  if (beta == 1) return;
  for (integer j = 0; j < n; j++, c += ldc) {
    if (beta == 0) memset(c, 0, m * sizeof(double));
    else for (integer i = 0; i < m; i++) c[i] *= beta;
  }
}

/* C = alpha op(A) op(B) + beta C */
int dgemm_(const char *trans_a, const char *trans_b, const integer *m, const integer *n, const integer *k,
           const double *alpha, const double *a, const integer *lda, const double *b, const integer *ldb,
           const double *beta, double *c, const integer *ldc, ftnlen la, ftnlen lb) {
  scale_columns(*m, *n, *beta, c, *ldc);
  if (*alpha == 0 || *k <= 0) return 0;
  const int ta = transposed(trans_a), tb = transposed(trans_b);
  product(WHOLE, *m, *n, *k, *alpha, a, ta ? *lda : 1, ta ? 1 : *lda, b, tb ? *ldb : 1, tb ? 1 : *ldb, c, *ldc);
  return 0;
}

/*
 * The lower triangle of C = alpha (A B' + B A') + beta C, A and B n x k: as one product of twice the depth, (A B) (B A)', which
 * goes over C once.
 */
int dsyr2k_(const char *uplo, const char *trans, const integer *n, const integer *k, const double *alpha,
            const double *a, const integer *lda, const double *b, const integer *ldb, const double *beta, double *c,
            const integer *ldc, ftnlen lu, ftnlen lt) {
  /* dsytrd, for a lower triangle, is the only caller in the module. */
  if (is(uplo, 'U') || transposed(trans)) __builtin_trap();
  for (integer j = 0; j < *n; j++) scale_columns(*n - j, 1, *beta, c + j + j * *ldc, *ldc);
  if (*n <= 0 || *k <= 0 || *alpha == 0) return 0;
  const size_t half = (size_t)*n * *k;
  double *both = allocate(3 * half);
  for (integer p = 0; p < *k; p++) {
    memcpy(both + p * *n, a + p * *lda, *n * sizeof(double));
    memcpy(both + half + p * *n, b + p * *ldb, *n * sizeof(double));
  }
  memcpy(both + 2 * half, both, half * sizeof(double));
  product(LOWER, *n, *n, 2 * *k, *alpha, both, 1, *n, both + half, *n, 1, c, *ldc);
  free(both);
  return 0;
}

/* The Gram matrix: C = A' A (`transposed`, A is k x n) or A A' (A is n x k); the lower triangle only. */
void gram(int transpose, integer n, integer k, const double *a, integer lda, double *c) {
  memset(c, 0, (size_t)n * n * sizeof(double));
  const integer row = transpose ? lda : 1, step = transpose ? 1 : lda;
  product(LOWER, n, n, k, 1, a, row, step, a, step, row, c, n);
}
