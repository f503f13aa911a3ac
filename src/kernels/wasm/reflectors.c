/* LAPACK's block of reflections, as two matrix products: its own takes the triangles at the ends of V apart. */

#include "blas.h"

#include <stdlib.h>
#include <string.h>

/*
 * C = op(H) C or C op(H), with H = I - V T V' a product of k reflections, C m x n.
 *
 * V is `order x k` (or its transpose, by rows), unit lower trapezoidal; what lies above is not V's. It is copied once, with its
 * ones and zeros, so that nothing needs a product with a triangle.
 */
int dlarfb_(const char *side, const char *trans, const char *direct, const char *storev, const integer *m,
            const integer *n, const integer *k, const double *v, const integer *ldv, const double *t,
            const integer *ldt, double *c, const integer *ldc, double *work, const integer *ldwork, ftnlen ls,
            ftnlen lt, ftnlen ld, ftnlen lv) {
  /* Reflections from the first to the last are the only ones in the module. */
  if (!is(direct, 'F')) __builtin_trap();
  if (*m <= 0 || *n <= 0 || *k <= 0) return 0;
  const int left = is(side, 'L'), by_rows = is(storev, 'R');
  const integer order = left ? *m : *n, others = left ? *n : *m, count = *k;
  double *dense = allocate((size_t)order * count + (size_t)count * count + 2 * (size_t)others * count);
  double *factor = dense + (size_t)order * count, *along = factor + (size_t)count * count;
  double *turned = along + (size_t)others * count;
  for (integer j = 0; j < count; j++) {
    double *column = dense + j * order;
    memset(column, 0, j * sizeof(double));
    column[j] = 1;
    for (integer i = j + 1; i < order; i++) column[i] = by_rows ? v[j + i * *ldv] : v[i + j * *ldv];
    for (integer i = 0; i < count; i++) factor[i + j * count] = i <= j ? t[i + j * *ldt] : 0;
  }
  memset(along, 0, 2 * (size_t)others * count * sizeof(double));
  /* H C = C - V (T (V' C)); C H = C - ((C V) T) V'. `along` is k x others, or others x k. */
  const int transpose = transposed(trans);
  const integer row = transpose ? count : 1, step = transpose ? 1 : count;
  if (left) {
    product(WHOLE, count, others, order, 1, dense, order, 1, c, 1, *ldc, along, count);
    product(WHOLE, count, others, count, 1, factor, row, step, along, 1, count, turned, count);
    product(WHOLE, order, others, count, -1, dense, 1, order, turned, 1, count, c, *ldc);
  } else {
    product(WHOLE, others, count, order, 1, c, 1, *ldc, dense, 1, order, along, others);
    product(WHOLE, others, count, count, 1, along, 1, others, factor, row, step, turned, others);
    product(WHOLE, others, order, count, -1, turned, 1, others, dense, order, 1, c, *ldc);
  }
  free(dense);
  return 0;
}
