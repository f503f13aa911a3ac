/* The overlap of two spectra as matrix products, squared and summed as they come. */

#include "blas.h"

#include <stdlib.h>
#include <string.h>

/* Entries of the product for one position that exist at a time: 4 MiB. */
enum { MOST = 1 << 19 };

/*
 * out[i, j] = sum over k of ( sum over c of t[i, c, k] w[j, c] )^2: out is rows x others, t is rows x channels x positions,
 * w is others x channels, all row by row as JavaScript has them.
 *
 * Row by row is column by column for the transposes: out' = sum over k of (W T_k')^2, entry by entry.
 */
void overlap(integer rows, integer others, integer channels, integer positions, const double *t, const double *w,
             double *out) {
  const integer width = channels * positions;
  const integer most = MOST / others, block_rows = min(rows, most < 48 ? 48 : most);
  double *inner = allocate((size_t)block_rows * others);
  memset(out, 0, (size_t)rows * others * sizeof(double));
  for (integer i = 0; i < rows; i += block_rows) {
    const integer count = min(block_rows, rows - i);
    const size_t entries = (size_t)count * others;
    double *sums = out + (size_t)i * others;
    for (integer k = 0; k < positions; k++) {
      memset(inner, 0, entries * sizeof(double));
      product(WHOLE, others, count, channels, 1, w, channels, 1, t + (size_t)i * width + k, positions, width, inner,
              others);
      for (size_t at = 0; at < entries; at++) sums[at] += inner[at] * inner[at];
    }
  }
  free(inner);
}
