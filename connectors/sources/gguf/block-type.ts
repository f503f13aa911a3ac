/** A number type that holds a row in blocks. */
export interface BlockType {
  readonly name: string;
  /** Numbers in a block. */
  readonly count: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Writes the numbers of the block at a byte. @param out as long as a block */
  decode(view: DataView, at: number, out: Float32Array): void;
}

/** The float16 at a byte: most scales are. */
export function half(view: DataView, at: number): number {
  return view.getFloat16(at, true);
}
