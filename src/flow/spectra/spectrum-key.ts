/** What a spectrum depends on, as one digest. */

import { createHash } from "node:crypto";
import type { KernelInfo } from "../../kernels/kernel.ts";
import type { Unfolding } from "../../model/layer.ts";
import type { Matrix } from "../../model/tensor.ts";
import type { Leading } from "../decomposition.ts";

/** Raised when the decomposition of a matrix, the merging of groups, the signs or the choice of arbitrary vectors change. */
const ALGORITHM = 3;

/**
 * Digests the matrices that are decomposed: the weight as it is after unfolding and folding, so that nothing that shapes it can be
 * forgotten, and how it is decomposed. Kernels differ by rounding, and freely within clusters of equal singular values: what one
 * has computed is never taken for another's.
 *
 * @param blocks a layer's matrices, one per group
 * @param leading which triplets are wanted; empty for all
 * @param isProduct whether the product of two matrices is decomposed, and not each
 * @returns 64 hex digits
 */
export function spectrumKey(
  blocks: readonly Matrix[],
  unfolding: Unfolding,
  { name, version, precision }: KernelInfo,
  leading: Leading,
  isProduct = false,
): string {
  const shapes = blocks.map(({ rows, cols }) => [rows, cols]);
  const hash = createHash("sha256");
  hash.update(
    JSON.stringify({
      algorithm: ALGORITHM,
      kernel: { name, version, precision },
      unfolding,
      rank: leading.rank === undefined ? null : leading,
      shapes,
      ...isProduct ? { isProduct } : {},
    }),
  );
  for (const { data } of blocks) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest("hex");
}
