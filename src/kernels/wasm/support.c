/* What LAPACK expects around itself: machine parameters, block sizes, and the part of f2c's runtime that it uses. */

#include "blas.h"

#include <math.h>
#include <stdlib.h>

double *allocate(size_t doubles) {
  double *room = aligned_alloc(16, (doubles * sizeof(double) + 15) & ~(size_t)15);
  if (room == NULL) __builtin_trap();
  return room;
}

/* IEEE double precision; `eps` is half a unit in the last place, as rounding is to nearest. */
double dlamch_(const char *what, ftnlen length) {
  switch (*what & ~32) {
    case 'E': return 0x1p-53;
    case 'S': return 0x1p-1022;
    case 'B': return 2;
    case 'P': return 0x1p-52;
    case 'N': return 53;
    case 'R': return 1;
    case 'M': return -1021;
    case 'U': return 0x1p-1022;
    case 'L': return 1024;
    case 'O': return 0x1.fffffffffffffp1023;
    default: return 0;
  }
}

/* A sum that is rounded; its caller compares it with its parts. */
double dlamc3_(const double *a, const double *b) {
  volatile double sum = *a + *b;
  return sum;
}

integer disnan_(const double *x) { return isnan(*x); }
integer dlaisnan_(const double *x, const double *y) { return *x != *y; }

/* The plane rotation with c f + s g = r, -s f + c g = 0, as LAPACK 3.10's la_xlartg: safe for all finite f and g. */
int dlartg_(const double *f, const double *g, double *c, double *s, double *r) {
  static const double safe_min = 0x1p-1022, safe_max = 0x1p1022;
  const double root_min = 0x1p-511, root_max = 0x1p510;
  const double f1 = fabs(*f), g1 = fabs(*g);
  if (*g == 0) {
    *c = 1, *s = 0, *r = *f;
  } else if (*f == 0) {
    *c = 0, *s = copysign(1, *g), *r = g1;
  } else if (f1 > root_min && f1 < root_max && g1 > root_min && g1 < root_max) {
    const double d = sqrt(*f * *f + *g * *g);
    *c = f1 / d;
    *r = copysign(d, *f);
    *s = *g / *r;
  } else {
    const double u = fmin(safe_max, fmax(safe_min, fmax(f1, g1)));
    const double fs = *f / u, gs = *g / u, d = sqrt(fs * fs + gs * gs);
    *c = fabs(fs) / d;
    const double turned = copysign(d, *f);
    *s = gs / turned;
    *r = turned * u;
  }
  return 0;
}

/* Block sizes. 32 columns amortize the packing of a product and still fit a panel in the first-level cache. */
integer ilaenv_(const integer *what, const char *name, const char *options, const integer *n1, const integer *n2,
                const integer *n3, const integer *n4, ftnlen ln, ftnlen lo) {
  switch (*what) {
    case 1: return name[1] == 'O' ? 64 : 32;  /* block size; products of reflections (dorm??, dorg??) take wider ones */
    case 2: return 2;   /* smallest block size */
    case 3: return 64;  /* below this order: unblocked */
    case 9: return 25;  /* subproblems of divide and conquer up to this order by QR iteration */
    case 10:
    case 11: return 1;  /* NaN and infinity arithmetic works */
    default: return 0;
  }
}

/* The size of a workspace as a floating-point number: doubles hold every one exactly. */
double droundup_lwork__(const integer *size) { return (double)*size; }

/* LAPACK was called with an argument that it refuses: an error of ours, nothing that input can cause. */
int xerbla_(const char *routine, const integer *argument, ftnlen length) { __builtin_trap(); }

/* The runtime of f2c. */
double d_sign(const double *a, const double *b) { return copysign(*a, *b); }
double d_nint(const double *x) { return round(*x); }
double d_lg10(const double *x) { return log10(*x); }
integer i_nint(const float *x) { return (integer)roundf(*x); }
integer i_dnnt(const double *x) { return (integer)round(*x); }
double pow_dd(const double *a, const double *b) { return pow(*a, *b); }
double pow_di(const double *a, const integer *b) { return pow(*a, (double)*b); }
integer pow_ii(const integer *a, const integer *b) {
  integer power = 1;
  for (integer i = 0; i < *b; i++) power *= *a;
  return power;
}
void s_copy(char *to, const char *from, ftnlen lt, ftnlen lf) {
  for (ftnlen i = 0; i < lt; i++) to[i] = i < lf ? from[i] : ' ';
}
integer s_cmp(const char *a, const char *b, ftnlen la, ftnlen lb) {
  for (ftnlen i = 0; i < la || i < lb; i++) {
    const int x = i < la ? a[i] : ' ', y = i < lb ? b[i] : ' ';
    if (x != y) return x - y;
  }
  return 0;
}
int s_cat(char *to, char **parts, const integer *lengths, const integer *count, ftnlen lt) {
  ftnlen at = 0;
  for (integer i = 0; i < *count; i++) for (integer j = 0; j < lengths[i] && at < lt; j++) to[at++] = parts[i][j];
  while (at < lt) to[at++] = ' ';
  return 0;
}
