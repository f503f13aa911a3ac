/** The singular value decomposition of a product that is never multiplied out. */

import type { CallOptions, Kernel } from "../../kernels/kernel.ts";
import { fixSigns } from "../../model/signs.ts";
import type { Svd } from "../../model/spectrum.ts";
import { type Matrix, matrix, transposed } from "../../model/tensor.ts";

/**
 * Decomposes `A' B`: both factors by orthonormal bases of their rows, `A = R_A Q_A` and `B = R_B Q_B`, then the small core `R_A' R_B`,
 * whose vectors the bases take back.
 *
 * @param left `A`, `width x m`
 * @param right `B`, `width x n`
 * @returns `min(width, m, n)` triplets: all but those whose singular value is 0 whatever the numbers
 * @throws {RangeError} when an entry is NaN or infinite
 */
export async function factoredSvd(
  left: Matrix,
  right: Matrix,
  kernel: Kernel,
  options: CallOptions = {},
): Promise<Svd> {
  // The product of such factors is no larger than one of them.
  if (left.rows > Math.min(left.cols, right.cols)) {
    return await kernel.svd(await kernel.multiply(transposed(left), right, options), options);
  }
  const a = await basisOf(left, kernel, options);
  const b = await basisOf(right, kernel, options);
  const core = await kernel.svd(
    await kernel.multiply(transposed(a.along), b.along, options),
    options,
  );
  const found = {
    left: await kernel.multiply(core.left, a.basis, options),
    singularValues: core.singularValues,
    right: await kernel.multiply(core.right, b.basis, options),
  };
  fixSigns(found.left, found.right);
  return found;
}

/** Rows as `along * basis`, the basis with orthonormal rows. */
async function basisOf(rows: Matrix, kernel: Kernel, options: CallOptions) {
  const copy = () => matrix(rows.rows, rows.cols, rows.data.slice());
  const quick = await kernel.orthonormalize(copy(), options);
  // Of rows that depend on each other that need not be a basis: right vectors always are one.
  const basis = await isOrthonormal(quick, kernel, options)
    ? quick
    : (await kernel.svd(copy(), options)).right;
  const along = await kernel.multiply(rows, basis, { transposeB: true, ...options });
  return { basis, along };
}

/** Inner products of a basis are this near to those of an orthonormal one, relative to the precision's epsilon and the length of its rows. */
const NEAR = 64;

async function isOrthonormal(basis: Matrix, kernel: Kernel, options: CallOptions): Promise<boolean> {
  const { data, cols: side } = await kernel.multiply(basis, basis, { transposeB: true, ...options });
  const near = NEAR * Math.sqrt(basis.cols) * (kernel.info.precision === "f64" ? 2 ** -52 : 2 ** -23);
  return data.every((value, at) => Math.abs(value - Number(at % (side + 1) === 0)) <= near);
}
