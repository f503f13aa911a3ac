/** Tensors as a file declares them, and matrices as the kernels take them. */

/**
 * How the axes of a weight tensor read; `k` stands for one axis per kernel extent, `g` for the number of groups.
 *
 * - `out-in`: `[m, n/g, ...k]`: PyTorch's and ONNX's linear maps and convolutions.
 * - `in-out`: `[n, m/g, ...k]`: Keras `Dense`, GPT-2 `Conv1D`, ONNX `MatMul`, transposed convolutions but Keras's.
 * - `kernel-in-out`: `[...k, n/g, m]`: Keras convolutions.
 * - `kernel-out-in`: `[...k, m, n]`: Keras transposed convolutions.
 * - `depthwise`: `[...k, n, q]`, Keras depthwise convolutions: `n` groups, `m = n*q`.
 */
export type WeightLayout = "out-in" | "in-out" | "kernel-in-out" | "kernel-out-in" | "depthwise";

/** A tensor's entry in a model file's header: everything that is known before a byte of its data is read. */
export interface TensorInfo {
  /** The tensor's name exactly as the file spells it; untrusted, may be any string (`__proto__` included). */
  readonly name: string;
  /** The element type as the file spells it, such as `F32` or `BF16`. */
  readonly dtype: string;
  /** Extents, outermost first (row-major); empty for a scalar. */
  readonly shape: readonly number[];
  /** Bytes of data in the file. */
  readonly byteLength: number;
  /** Why this tensor cannot be read as real numbers; absent where it can. */
  readonly unreadable?: string;
  /** How it is computed from codes and scales, and what says so; absent where its numbers are stored. */
  readonly rule?: string;
  /** How its axes read where it is a weight, as far as the format's conventions tell; absent where they do not. */
  readonly layout?: WeightLayout;
}

/** How `unreadable` begins of a tensor that is a copy of what is read: the name of that follows. */
export const COPY_OF = "of a copy of ";

/** What a file tells of its tensors together. */
export interface FileFacts {
  /** Whether tensors stand in the order in which the network makes its modules, which is mostly that of its dataflow. Default: false. */
  readonly moduleOrder?: boolean;
  /** Where a file holds several networks: how the names of each begin. */
  readonly networks?: readonly string[];
  /** What is amiss with its files, one line each: told with the warnings of its topology. */
  readonly warnings?: readonly string[];
}

/** A dense row-major matrix of float64. `data.length === rows * cols`. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;
}

/** The number of elements of a tensor of this shape: the product of the extents, 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * Wraps `data` as a row-major matrix without copying.
 *
 * @throws {RangeError} when `data` does not hold exactly `rows * cols` numbers
 */
export function matrix(
  rows: number,
  cols: number,
  data: Float64Array = new Float64Array(rows * cols),
): Matrix {
  if (data.length !== rows * cols) {
    throw new RangeError(`matrix: found ${data.length} numbers, required ${rows} x ${cols} = ${rows * cols}`);
  }
  return { rows, cols, data };
}

/** A matrix that is alone in its memory, which can then be given away: itself where it is. */
export function ownMatrix(block: Matrix): Matrix {
  const { rows, cols, data } = block;
  return data.byteLength === data.buffer.byteLength ? block : matrix(rows, cols, data.slice());
}

/** Side of the squares in which a matrix is transposed, so that both sides stay in the cache. */
const SQUARE = 32;

/** The transpose of a `rows x cols` matrix, in memory of its own. */
export function transposed({ rows, cols, data }: Matrix): Matrix {
  const out = matrix(cols, rows);
  for (let row0 = 0; row0 < rows; row0 += SQUARE) {
    for (let col0 = 0; col0 < cols; col0 += SQUARE) {
      for (let row = row0; row < Math.min(rows, row0 + SQUARE); row++) {
        for (let col = col0; col < Math.min(cols, col0 + SQUARE); col++) {
          out.data[col * rows + row] = data[row * cols + col]!;
        }
      }
    }
  }
  return out;
}
