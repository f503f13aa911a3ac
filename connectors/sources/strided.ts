/** Elements of a tensor picked out of a storage by strides, as PyTorch and NumPy lay them out. */

/** Where a tensor's elements lie within a storage. Counts are of elements, not bytes. */
export interface Strided {
  readonly shape: readonly number[];
  /** As long as the shape; 0 repeats. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Strides of a row-major tensor without gaps. */
export function rowMajor(shape: readonly number[]): number[] {
  return strided([...shape].reverse()).reverse();
}

/** Strides of a column-major tensor without gaps, as Fortran has them. */
export function columnMajor(shape: readonly number[]): number[] {
  return strided(shape);
}

function strided(shape: readonly number[]): number[] {
  let stride = 1;
  return shape.map((extent) => {
    const own = stride;
    stride *= Math.max(extent, 1);
    return own;
  });
}

/** The elements `[first, end)` of the storage between which the tensor lies; strides are not negative. */
export function spanOf(
  { shape, strides, offset }: Strided,
): { readonly first: number; readonly end: number } {
  if (shape.includes(0)) return { first: offset, end: offset };
  const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset);
  return { first: offset, end: last + 1 };
}

/** Whether the elements of the span are the tensor's, in order and each once. */
export function isRowMajor({ shape, strides }: Strided): boolean {
  if (shape.includes(0)) return true;
  const plain = rowMajor(shape);
  return shape.every((extent, axis) => extent === 1 || strides[axis] === plain[axis]);
}

/**
 * Copies a tensor's elements out of its span, row-major.
 *
 * @param span the bytes of `spanOf`
 * @param size bytes per element
 */
export function gather(span: Uint8Array, { shape, strides }: Strided, size: number): Uint8Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const out = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  for (let to = 0, from = 0; to < out.length; to += size) {
    for (let byte = 0; byte < size; byte++) out[to + byte] = span[from * size + byte]!;
    // The next index, and what it changes, from the innermost axis on.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Reverses the bytes of every element in place: from one machine's byte order to the other's. */
export function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  if (size > 1) { for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse(); }
  return bytes;
}
