/**
 * Moments of an assignment statistic over all relabellings: of `T(p) = sum over i of M[i, p(i)]`, where `M = sum over k of a_k b_k'` pairs numbers per
 * channel of one port (`a_k`) with those of another (`b_k`).
 *
 * With row and column sums 0 the mean is 0, and the moments up to the fourth are sums over `M` that take `n^2` steps: of a relabelling, distinct
 * channels have distinct partners, so that each moment is a mean over distinct rows and columns, and sums over distinct ones follow from sums over all by
 * inclusion and exclusion.
 */

/** Central moments of an assignment statistic. */
export interface AssignmentMoments {
  /** `E T^2` */
  readonly variance: number;
  /** `E T^3` */
  readonly thirdMoment: number;
  /** `E T^4` */
  readonly fourthMoment: number;
}

/** `n (n-1) ... (n-k+1)`. */
export function fallingFactorial(n: number, k: number): number {
  let product = 1;
  for (let i = 0; i < k; i++) product *= n - i;
  return product;
}

/**
 * The exact moments of `sum over k, i of a_k[i] b_k[p(i)]` over all `n!` relabellings `p`.
 *
 * @param left vectors `a_k` of `n` numbers, each with sum 0
 * @param right as many vectors `b_k`, likewise
 * @throws {RangeError} when there are fewer than 4 channels
 * @throws {TypeError} when the vectors are not as many on both sides, or not as long
 * @example
 * const a = Float64Array.of(-1, 0, 0, 1);
 * assignmentMoments([a], [a]) // variance 4/3: |a|^2 |b|^2 / (n - 1)
 */
export function assignmentMoments(
  left: readonly Float64Array[],
  right: readonly Float64Array[],
): AssignmentMoments {
  const n = left[0]?.length ?? 0;
  if (n < 4) throw new RangeError(`moments of an assignment: found ${n} channels, required at least 4`);
  if (left.length !== right.length || [...left, ...right].some((each) => each.length !== n)) {
    throw new TypeError(
      `moments of an assignment: found ${left.length} and ${right.length} vectors, required as many on both sides, of ${n} numbers each`,
    );
  }
  const [columns, entries] = [new Float64Array(n), new Float64Array(n)];
  let [squares, cubes, fourths, rowSquares] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    let row = 0;
    entries.fill(0);
    left.forEach((a, k) => addScaled(a[i]!, right[k]!, entries));
    for (let j = 0; j < n; j++) {
      const entry = entries[j]!;
      const square = entry * entry;
      row += square;
      columns[j]! += square;
      cubes += square * entry;
      fourths += square * square;
    }
    squares += row;
    rowSquares += row * row;
  }
  const lines = columns.reduce((sum, column) => sum + column * column, rowSquares);
  const products = productSquare(left, right);
  const [f2, f3, f4] = [fallingFactorial(n, 2), fallingFactorial(n, 3), fallingFactorial(n, 4)];
  return {
    variance: squares / (n - 1),
    thirdMoment: n * n / f3 * cubes,
    fourthMoment: fourths / n + (7 * fourths + 3 * (squares * squares - lines)) / f2 +
      6 * (4 * fourths - 2 * lines + squares * squares) / f3 +
      (36 * fourths - 18 * lines + 3 * squares * squares + 6 * products) / f4,
  };
}

/** `to += factor * vector`. */
function addScaled(factor: number, vector: Float64Array, to: Float64Array): void {
  for (let j = 0; j < to.length; j++) to[j]! += factor * vector[j]!;
}

/** `|M M'|^2 = tr(A'A B'B A'A B'B)`, by the small Gram matrices of the vectors. */
function productSquare(left: readonly Float64Array[], right: readonly Float64Array[]): number {
  const gram = (vectors: readonly Float64Array[]) => vectors.map((a) => vectors.map((b) => dot(a, b)));
  const [a, b] = [gram(left), gram(right)];
  const both = a.map((row) => b[0]!.map((_, l) => row.reduce((sum, value, k) => sum + value * b[k]![l]!, 0)));
  let sum = 0;
  both.forEach((row, i) => row.forEach((value, j) => sum += value * both[j]![i]!));
  return sum;
}

/** The inner product of two vectors of one length. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
