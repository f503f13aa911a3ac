/* Levels 1 and 2 of the BLAS for 128-bit SIMD, as far as LAPACK's SVD and symmetric eigensolver spend time in them. */

#include "blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fortran counts a negative stride from the far end. */
static inline const double *start(const double *x, integer n, integer stride) {
  return stride < 0 ? x - (n - 1) * stride : x;
}

/* A strided vector, in order: itself where it is already, else in `copy`. */
static const double *gathered(const double *x, integer n, integer stride, double *copy) {
  if (stride == 1) return x;
  x = start(x, n, stride);
  for (integer i = 0; i < n; i++) copy[i] = x[i * stride];
  return copy;
}

/* Room for the vectors of one call; grown when needed and kept. */
static double *scratch(size_t doubles) {
  static double *room;
  static size_t size;
  if (doubles > size) {
    free(room);
    room = allocate(doubles);
    size = doubles;
  }
  return room;
}

static double dot(integer n, const double *x, const double *y) {
  v128_t a = wasm_f64x2_const(0, 0), b = a, c = a, d = a;
  integer i = 0;
  for (; i + 8 <= n; i += 8) {
    a = madd(wasm_v128_load(x + i), wasm_v128_load(y + i), a);
    b = madd(wasm_v128_load(x + i + 2), wasm_v128_load(y + i + 2), b);
    c = madd(wasm_v128_load(x + i + 4), wasm_v128_load(y + i + 4), c);
    d = madd(wasm_v128_load(x + i + 6), wasm_v128_load(y + i + 6), d);
  }
  double sum = lanes(wasm_f64x2_add(wasm_f64x2_add(a, b), wasm_f64x2_add(c, d)));
  for (; i < n; i++) sum += x[i] * y[i];
  return sum;
}

double ddot_(const integer *n, const double *x, const integer *incx, const double *y, const integer *incy) {
  if (*n <= 0) return 0;
  if (*incx == 1 && *incy == 1) return dot(*n, x, y);
  const double *p = start(x, *n, *incx), *q = start(y, *n, *incy);
  double sum = 0;
  for (integer i = 0; i < *n; i++) sum += p[i * *incx] * q[i * *incy];
  return sum;
}

/* y += x0 a0 + x1 a1 + x2 a2 + x3 a3 */
static void add4(integer n, const double *const a[4], const double x[4], double *y) {
  const v128_t x0 = wasm_f64x2_splat(x[0]), x1 = wasm_f64x2_splat(x[1]);
  const v128_t x2 = wasm_f64x2_splat(x[2]), x3 = wasm_f64x2_splat(x[3]);
  integer i = 0;
  for (; i + 2 <= n; i += 2) {
    v128_t sum = wasm_v128_load(y + i);
    sum = madd(wasm_v128_load(a[0] + i), x0, sum);
    sum = madd(wasm_v128_load(a[1] + i), x1, sum);
    sum = madd(wasm_v128_load(a[2] + i), x2, sum);
    sum = madd(wasm_v128_load(a[3] + i), x3, sum);
    wasm_v128_store(y + i, sum);
  }
  for (; i < n; i++) y[i] += a[0][i] * x[0] + a[1][i] * x[1] + a[2][i] * x[2] + a[3][i] * x[3];
}

/* The inner products of four columns with x */
static void dot4(integer n, const double *const a[4], const double *x, double sums[4]) {
  v128_t s0 = wasm_f64x2_const(0, 0), s1 = s0, s2 = s0, s3 = s0;
  integer i = 0;
  for (; i + 2 <= n; i += 2) {
    const v128_t xi = wasm_v128_load(x + i);
    s0 = madd(wasm_v128_load(a[0] + i), xi, s0);
    s1 = madd(wasm_v128_load(a[1] + i), xi, s1);
    s2 = madd(wasm_v128_load(a[2] + i), xi, s2);
    s3 = madd(wasm_v128_load(a[3] + i), xi, s3);
  }
  sums[0] = lanes(s0), sums[1] = lanes(s1), sums[2] = lanes(s2), sums[3] = lanes(s3);
  for (; i < n; i++) for (int c = 0; c < 4; c++) sums[c] += a[c][i] * x[i];
}

/* y = alpha op(A) x + beta y, four columns of A at a time */
int dgemv_(const char *trans, const integer *m, const integer *n, const double *alpha, const double *a,
           const integer *lda, const double *x, const integer *incx, const double *beta, double *y,
           const integer *incy, ftnlen lt) {
  if (*m <= 0 || *n <= 0) return 0;
  const int t = transposed(trans);
  const integer from = t ? *m : *n, to = t ? *n : *m;
  double *out = y == NULL ? y : (double *)start(y, to, *incy);
  if (*beta != 1) for (integer i = 0; i < to; i++) out[i * *incy] = *beta == 0 ? 0 : *beta * out[i * *incy];
  if (*alpha == 0) return 0;
  double *room = scratch(from + to + 4);
  const double *in = gathered(x, from, *incx, room);
  double *sums = *incy == 1 && !t ? out : room + from;
  if (sums != out) memset(sums, 0, to * sizeof(double));
  integer j = 0;
  for (; j + 4 <= *n; j += 4) {
    const double *const columns[4] = {a + j * *lda, a + (j + 1) * *lda, a + (j + 2) * *lda, a + (j + 3) * *lda};
    if (t) {
      dot4(*m, columns, in, sums + j);
    } else {
      const double factors[4] = {*alpha * in[j], *alpha * in[j + 1], *alpha * in[j + 2], *alpha * in[j + 3]};
      add4(*m, columns, factors, sums);
    }
  }
  for (; j < *n; j++) {
    const double *column = a + j * *lda;
    if (t) sums[j] = dot(*m, column, in);
    else for (integer i = 0; i < *m; i++) sums[i] += column[i] * (*alpha * in[j]);
  }
  if (sums != out) for (integer i = 0; i < to; i++) out[i * *incy] += t ? *alpha * sums[i] : sums[i];
  return 0;
}

/* y = alpha A x + beta y, A symmetric. Every entry of its triangle is read once, for its row and for its column. */
int dsymv_(const char *uplo, const integer *n, const double *alpha, const double *a, const integer *lda,
           const double *x, const integer *incx, const double *beta, double *y, const integer *incy, ftnlen lu) {
  const integer order = *n;
  if (order <= 0) return 0;
  double *out = (double *)start(y, order, *incy);
  if (*beta != 1) for (integer i = 0; i < order; i++) out[i * *incy] = *beta == 0 ? 0 : *beta * out[i * *incy];
  if (*alpha == 0) return 0;
  double *room = scratch(2 * order);
  const double *in = gathered(x, order, *incx, room);
  double *sums = room + order;
  memset(sums, 0, order * sizeof(double));
  const int upper = is(uplo, 'U');
  integer j = 0;
  for (; j + 4 <= order; j += 4) {
    const double *const columns[4] = {a + j * *lda, a + (j + 1) * *lda, a + (j + 2) * *lda, a + (j + 3) * *lda};
    /* The square on the diagonal, then the rows on its far side. */
    for (int c = 0; c < 4; c++) {
      for (int r = 0; r < 4; r++) {
        const double value = (upper ? r <= c : r >= c) ? columns[c][j + r] : columns[r][j + c];
        sums[j + r] += value * in[j + c];
      }
    }
    const integer first = upper ? 0 : j + 4, rows = upper ? j : order - j - 4;
    const double *const far[4] = {columns[0] + first, columns[1] + first, columns[2] + first, columns[3] + first};
    const v128_t x0 = wasm_f64x2_splat(in[j]), x1 = wasm_f64x2_splat(in[j + 1]);
    const v128_t x2 = wasm_f64x2_splat(in[j + 2]), x3 = wasm_f64x2_splat(in[j + 3]);
    v128_t s0 = wasm_f64x2_const(0, 0), s1 = s0, s2 = s0, s3 = s0;
    const double *xi = in + first;
    double *yi = sums + first;
    integer i = 0;
    for (; i + 2 <= rows; i += 2) {
      const v128_t a0 = wasm_v128_load(far[0] + i), a1 = wasm_v128_load(far[1] + i);
      const v128_t a2 = wasm_v128_load(far[2] + i), a3 = wasm_v128_load(far[3] + i);
      const v128_t xv = wasm_v128_load(xi + i);
      v128_t sum = wasm_v128_load(yi + i);
      sum = madd(a1, x1, madd(a0, x0, sum));
      sum = madd(a3, x3, madd(a2, x2, sum));
      wasm_v128_store(yi + i, sum);
      s0 = madd(a0, xv, s0);
      s1 = madd(a1, xv, s1);
      s2 = madd(a2, xv, s2);
      s3 = madd(a3, xv, s3);
    }
    double tail[4] = {lanes(s0), lanes(s1), lanes(s2), lanes(s3)};
    for (; i < rows; i++) {
      for (int c = 0; c < 4; c++) {
        yi[i] += far[c][i] * in[j + c];
        tail[c] += far[c][i] * xi[i];
      }
    }
    for (int c = 0; c < 4; c++) sums[j + c] += tail[c];
  }
  for (; j < order; j++) {
    const double *column = a + j * *lda;
    const integer first = upper ? 0 : j + 1, last = upper ? j : order;
    double sum = column[j] * in[j];
    for (integer i = first; i < last; i++) {
      sums[i] += column[i] * in[j];
      sum += column[i] * in[i];
    }
    sums[j] += sum;
  }
  for (integer i = 0; i < order; i++) out[i * *incy] += *alpha * sums[i];
  return 0;
}

/* A += alpha x y' */
int dger_(const integer *m, const integer *n, const double *alpha, const double *x, const integer *incx,
          const double *y, const integer *incy, double *a, const integer *lda) {
  if (*m <= 0 || *n <= 0 || *alpha == 0) return 0;
  const double *in = gathered(x, *m, *incx, scratch(*m));
  const double *factors = start(y, *n, *incy);
  for (integer j = 0; j < *n; j++) {
    const double factor = *alpha * factors[j * *incy];
    if (factor == 0) continue;
    const v128_t f = wasm_f64x2_splat(factor);
    double *column = a + j * *lda;
    integer i = 0;
    for (; i + 2 <= *m; i += 2) {
      wasm_v128_store(column + i, madd(wasm_v128_load(in + i), f, wasm_v128_load(column + i)));
    }
    for (; i < *m; i++) column[i] += in[i] * factor;
  }
  return 0;
}

int daxpy_(const integer *n, const double *alpha, const double *x, const integer *incx, double *y,
           const integer *incy) {
  if (*n <= 0 || *alpha == 0) return 0;
  const double *p = start(x, *n, *incx);
  double *q = (double *)start(y, *n, *incy);
  if (*incx == 1 && *incy == 1) for (integer i = 0; i < *n; i++) q[i] += *alpha * p[i];
  else for (integer i = 0; i < *n; i++) q[i * *incy] += *alpha * p[i * *incx];
  return 0;
}

int dscal_(const integer *n, const double *alpha, double *x, const integer *incx) {
  if (*incx == 1) for (integer i = 0; i < *n; i++) x[i] *= *alpha;
  else for (integer i = 0; i < *n; i++) x[i * *incx] *= *alpha;
  return 0;
}

int drot_(const integer *n, double *x, const integer *incx, double *y, const integer *incy, const double *c,
          const double *s) {
  if (*n <= 0) return 0;
  double *p = (double *)start(x, *n, *incx), *q = (double *)start(y, *n, *incy);
  const double cosine = *c, sine = *s;
  for (integer i = 0; i < *n; i++, p += *incx, q += *incy) {
    const double turned = cosine * *p + sine * *q;
    *q = cosine * *q - sine * *p;
    *p = turned;
  }
  return 0;
}

/*
 * Blue's accumulators (ACM TOMS 4:1, 1978), as LAPACK 3.10 and later use them: squares of huge and of tiny numbers are
 * summed apart, scaled into range, so that neither overflows nor is lost. `scale^2 * sum` is added in.
 */
static void sum_squares(integer n, const double *x, integer stride, double *scale, double *sum) {
  static const double tiny = 0x1p-511, huge = 0x1p486, grow = 0x1p537, shrink = 0x1p-538;
  if (isnan(*scale) || isnan(*sum)) return;
  if (*sum == 0) *scale = 1;
  if (*scale == 0) *scale = 1, *sum = 0;
  double small = 0, medium = 0, big = 0;
  int any_big = 0;
  x = start(x, n, stride);
  for (integer i = 0; i < n; i++) {
    const double value = fabs(x[i * stride]);
    if (value > huge) big += (value * shrink) * (value * shrink), any_big = 1;
    else if (value < tiny) { if (!any_big) small += (value * grow) * (value * grow); }
    else medium += value * value;
  }
  if (*sum > 0) {
    const double before = *scale * sqrt(*sum);
    if (before > huge) {
      const double share = *scale > 1 ? *scale * shrink : *scale;
      big += *scale > 1 ? share * (share * *sum) : share * (share * (shrink * (shrink * *sum)));
      any_big = 1;
    } else if (before < tiny) {
      if (!any_big) {
        const double share = *scale < 1 ? *scale * grow : *scale;
        small += *scale < 1 ? share * (share * *sum) : share * (share * (grow * (grow * *sum)));
      }
    } else {
      medium += *scale * (*scale * *sum);
    }
  }
  if (big > 0) {
    if (medium > 0 || isnan(medium)) big += (medium * shrink) * shrink;
    *scale = 1 / shrink, *sum = big;
  } else if (small > 0) {
    if (medium > 0 || isnan(medium)) {
      const double m = sqrt(medium), s = sqrt(small) / grow;
      const double low = fmin(m, s), high = fmax(m, s);
      *scale = 1, *sum = high * high * (1 + (low / high) * (low / high));
    } else {
      *scale = 1 / grow, *sum = small;
    }
  } else {
    *scale = 1, *sum = medium;
  }
}

int dlassq_(const integer *n, const double *x, const integer *incx, double *scale, double *sum) {
  sum_squares(*n, x, *incx, scale, sum);
  return 0;
}

double dnrm2_(const integer *n, const double *x, const integer *incx) {
  if (*n <= 0) return 0;
  if (*incx == 1) {
    /* Nearly always in range; otherwise once more, with care. */
    const double square = dot(*n, x, x);
    if (square > 0x1p-900 && square < 0x1p1000) return sqrt(square);
  }
  double scale = 0, sum = 0;
  sum_squares(*n, x, *incx, &scale, &sum);
  return scale * sqrt(sum);
}
