/** What a spectrum depends on, as one digest. */

import { createHash, type Hash } from "node:crypto";
import type { KernelInfo } from "../../kernels/kernel.ts";
import type { Unfolding } from "../../model/layer.ts";
import type { Matrix } from "../../model/tensor.ts";
import { ZeroCount } from "../../stages/sparse-layers.ts";
import type { TallMatrix } from "../../stages/tall/tall-matrix.ts";
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
  kernel: KernelInfo,
  leading: Leading,
  isProduct = false,
): string {
  const hash = hashOf(blocks, unfolding, kernel, leading, isProduct ? { isProduct } : {});
  for (const { data } of blocks) hash.update(bytesOf(data));
  return hash.digest("hex");
}

/** The same of a matrix that is read by rows, and whether it is sparse; what is so decomposed is never taken for what was decomposed whole. */
export async function tallSpectrumKey(
  tall: TallMatrix,
  unfolding: Unfolding,
  kernel: KernelInfo,
  leading: Leading,
  signal?: AbortSignal,
): Promise<{ readonly key: string; readonly sparse: boolean }> {
  const zeros = new ZeroCount(tall.cols);
  const hash = hashOf([tall], unfolding, kernel, leading, { byRows: tall.isTurned ? "turned" : "as stored" });
  for await (const block of tall.blocks(signal)) {
    zeros.take(block);
    hash.update(bytesOf(block.data));
  }
  return { key: hash.digest("hex"), sparse: zeros.isSparse };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float64Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

function hashOf(
  blocks: readonly Pick<Matrix, "rows" | "cols">[],
  unfolding: Unfolding,
  { name, version, precision }: KernelInfo,
  leading: Leading,
  how: { readonly byRows?: string; readonly isProduct?: true },
): Hash {
  const shapes = blocks.map(({ rows, cols }) => [rows, cols]);
  const hash = createHash("sha256");
  hash.update(
    JSON.stringify({
      algorithm: ALGORITHM,
      kernel: { name, version, precision },
      unfolding,
      rank: leading.rank === undefined ? null : leading,
      shapes,
      ...how,
    }),
  );
  return hash;
}
