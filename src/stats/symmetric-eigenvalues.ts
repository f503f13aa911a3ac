/** Eigenvalues of a small symmetric matrix: by Householder's tridiagonal form and the implicit QL iteration (EISPACK's `tred1` and `tql1`). */

/** Iterations per eigenvalue; two or three are usual. */
const MOST_ITERATIONS = 60;

/**
 * All eigenvalues, ascending, right to rounding relative to the largest.
 *
 * @param matrix `n x n`, row-major, symmetric; overwritten. Only its lower triangle is read
 * @throws {RangeError} when the iteration does not converge, as with a NaN among the numbers
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  tridiagonalize(matrix, n, diagonal, beside);
  iterate(diagonal, beside);
  return diagonal.sort();
}

/** `beside[i]` stands between `diagonal[i]` and `diagonal[i + 1]`. */
function tridiagonalize(a: Float64Array, n: number, diagonal: Float64Array, beside: Float64Array): void {
  const p = new Float64Array(n);
  for (let i = n - 1; i >= 2; i--) {
    // The reflection that leaves of row i, left of the diagonal, only the last number.
    const row = a.subarray(i * n, i * n + i);
    let scale = 0;
    for (let k = 0; k < i; k++) scale += Math.abs(row[k]!);
    beside[i - 1] = row[i - 1]!;
    if (scale === 0) continue;
    // Only its direction matters; as a share of the whole no square of it vanishes that counts.
    let square = 0;
    for (let k = 0; k < i; k++) row[k]! /= scale;
    for (let k = 0; k < i - 1; k++) square += row[k]! * row[k]!;
    if (square === 0) continue;
    const last = row[i - 1]!;
    const length = Math.sqrt(square + last * last) * (last > 0 ? -1 : 1);
    beside[i - 1] = scale * length;
    row[i - 1] = last - length;
    const half = length * length - last * length;
    reflect(a, n, i, row, half, p);
  }
  if (n > 1) beside[0] = a[n]!;
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i]!;
}

/** `A <- H A H` on the leading `size` rows, `H = I - v v' / half`; the lower triangle. */
function reflect(
  a: Float64Array,
  n: number,
  size: number,
  v: Float64Array,
  half: number,
  p: Float64Array,
): void {
  p.fill(0, 0, size);
  for (let j = 0; j < size; j++) {
    const at = j * n;
    const weight = v[j]!;
    let sum = 0;
    for (let k = 0; k < j; k++) {
      sum += a[at + k]! * v[k]!;
      p[k]! += a[at + k]! * weight;
    }
    p[j]! += sum + a[at + j]! * weight;
  }
  let inner = 0;
  for (let j = 0; j < size; j++) {
    p[j]! /= half;
    inner += p[j]! * v[j]!;
  }
  const shift = inner / (2 * half);
  for (let j = 0; j < size; j++) p[j]! -= shift * v[j]!;
  for (let j = 0; j < size; j++) {
    const [at, weight, along] = [j * n, v[j]!, p[j]!];
    for (let k = 0; k <= j; k++) a[at + k]! -= weight * p[k]! + along * v[k]!;
  }
}

function iterate(d: Float64Array, e: Float64Array): void {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let step = 0;; step++) {
      let m = l;
      // Said so that NaN is never small.
      while (m < n - 1 && !(Math.abs(e[m]!) <= Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!)))) m++;
      if (m === l) break;
      if (step === MOST_ITERATIONS) {
        throw new RangeError(
          `eigenvalues: found no convergence after ${step} steps, required finite numbers`,
        );
      }
      sweep(d, e, l, m);
    }
  }
}

/** One implicit QL step with Wilkinson's shift on the rows from `l` to `m`. */
function sweep(d: Float64Array, e: Float64Array, l: number, m: number): void {
  const ratio = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const root = Math.hypot(ratio, 1);
  let g = d[m]! - d[l]! + e[l]! / (ratio + (ratio < 0 ? -root : root));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    const shifted = d[i + 1]! - p;
    const twice = (d[i]! - shifted) * s + 2 * c * b;
    p = s * twice;
    d[i + 1] = shifted + p;
    g = c * twice - b;
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}
