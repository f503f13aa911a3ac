/* What the files of this folder share. Integers are Fortran's, 32 bits wide on wasm32, as f2c.h has them. */

#ifndef SVRFLOW_BLAS_H
#define SVRFLOW_BLAS_H

#include <stddef.h>
#include <wasm_simd128.h>

typedef long integer;
typedef long ftnlen;

static inline integer min(integer a, integer b) { return a < b ? a : b; }
static inline int is(const char *letter, char wanted) { return (*letter & ~32) == wanted; }
static inline int transposed(const char *letter) { return !is(letter, 'N'); }

/* a * b + c; fused where the build allows it, in which case the product is not rounded. */
static inline v128_t madd(v128_t a, v128_t b, v128_t c) {
#ifdef __wasm_relaxed_simd__
  return wasm_f64x2_relaxed_madd(a, b, c);
#else
  return wasm_f64x2_add(c, wasm_f64x2_mul(a, b));
#endif
}

static inline double lanes(v128_t v) { return wasm_f64x2_extract_lane(v, 0) + wasm_f64x2_extract_lane(v, 1); }

/* That many doubles; traps where memory is at its end, which the caller reports as such. */
double *allocate(size_t doubles);

/* Which part of C is wanted: all of it, or (C square) its lower triangle. */
enum part { WHOLE, LOWER };

/* C += alpha A B for any strides: row i, step p of A is `a[i * a_row + p * a_step]`, step p, column j of B likewise. */
void product(enum part part, integer m, integer n, integer k, double alpha, const double *a, integer a_row,
             integer a_step, const double *b, integer b_step, integer b_col, double *c, integer ldc);

#endif
