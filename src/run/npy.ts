/** NumPy's `.npy` files, as far as we write them. */

import { writeWhole } from "../../connectors/whole-files.ts";

/** Data begins at a multiple of this. */
const ALIGNMENT = 64;

/** The header of a `.npy` file, version 1.0, of little-endian float64 in row-major order. */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape.join(", ")}${
    shape.length === 1 ? "," : ""
  }), }`;
  const prefix = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];
  // Two bytes for the length, one for the line's end.
  const unpadded = prefix.length + 2 + text.length + 1;
  const length = text.length + 1 + (ALIGNMENT - unpadded % ALIGNMENT) % ALIGNMENT;
  const line = `${text.padEnd(length - 1)}\n`;
  return Uint8Array.of(...prefix, length & 0xff, length >> 8, ...new TextEncoder().encode(line));
}

/**
 * Writes an array in pieces; the file appears whole or not at all.
 *
 * @param parts the numbers, row-major: as many as the shape says
 */
export async function writeNpy(
  path: string,
  shape: readonly number[],
  parts: Iterable<Float64Array>,
): Promise<void> {
  await writeWhole([path, pieces(shape, parts)]);
}

function* pieces(shape: readonly number[], parts: Iterable<Float64Array>): Generator<Uint8Array> {
  yield npyHeader(shape);
  for (const { buffer, byteOffset, byteLength } of parts) {
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}
