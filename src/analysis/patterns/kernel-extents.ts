/** How wide and how high a kernel is. */

import type { Layer } from "../../model/layer.ts";

/**
 * Rows and columns of a layer's kernel, as its tensor has them; of a kernel in three dimensions its planes stand one below the other. A kernel
 * along time, and a flattened map whose extents nothing says, is one row.
 */
export function kernelExtents(
  { positions, weight: { shape, strides } }: Pick<Layer, "positions" | "weight">,
): { readonly rows: number; readonly columns: number } {
  const row = { rows: 1, columns: positions };
  if (positions === 1) return row;
  // Which axes are the kernel's: neighbours that make up all positions, the last of them with the stride of a position.
  let stride = 1;
  for (let last = shape.length - 1; last >= 0; stride *= shape[last--]!) {
    if (stride !== strides.position || shape[last]! <= 1) continue;
    let [product, first] = [shape[last]!, last];
    while (product < positions && first > 0) product *= shape[--first]!;
    return product === positions ? { rows: positions / shape[last]!, columns: shape[last]! } : row;
  }
  return row;
}
