/** Matrices whose rank is less than their number of rows and columns, exactly: what dead, duplicated and tied channels make of a weight. */

import { type Matrix, matrix } from "../../../src/model/tensor.ts";
import { normalMatrix } from "../../support/matrices.ts";

/** A matrix and its rank; null where that depends on what one calls small. */
export interface DeficientMatrix {
  readonly name: string;
  readonly a: Matrix;
  readonly rank: number | null;
}

/** Every number of a matrix from its row and column. */
function filled(rows: number, cols: number, entry: (row: number, col: number) => number): Matrix {
  return matrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, (_, at) => entry(Math.floor(at / cols), at % cols)),
  );
}

/** Products of two thin matrices; of whole numbers they are exact. */
function product(rows: number, cols: number, rank: number, whole: boolean): Matrix {
  const [a, b] = [normalMatrix(rows, rank, 51), normalMatrix(rank, cols, 52)].map(({ data }) =>
    whole ? data.map((x) => Math.round(2 * x)) : data
  ) as [Float64Array, Float64Array];
  return filled(rows, cols, (i, j) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += a[i * rank + k]! * b[k * cols + j]!;
    return sum;
  });
}

/** Some columns of random numbers, the others zero: a convolution all of whose kernels live on one tap. */
function fewColumns(rows: number, cols: number, rank: number): Matrix {
  const { data } = normalMatrix(rows, cols, 53);
  const step = Math.floor(cols / rank);
  return filled(
    rows,
    cols,
    (i, j) => j % step === 0 && j / step < rank ? data[i * cols + j]! : 0,
  );
}

/** Zero but for every third row and every second column. */
function deadChannels(rows: number, cols: number): Matrix {
  const { data } = normalMatrix(rows, cols, 54);
  return filled(rows, cols, (i, j) => i % 3 === 0 && j % 2 === 0 ? data[i * cols + j]! : 0);
}

/** A few rows over and over, or a few columns. */
function repeated(rows: number, cols: number, rank: number, side: "rows" | "columns"): Matrix {
  const { data } = normalMatrix(rows, cols, 55);
  return filled(
    rows,
    cols,
    (i, j) => side === "rows" ? data[i % rank * cols + j]! : data[i * cols + j % rank]!,
  );
}

/** Rows taken down to 1e-300 of the first, by more and more: among them those whose squares vanish, or nearly. */
function graded({ rows, cols, data }: Matrix): Matrix {
  return filled(rows, cols, (i, j) => data[i * cols + j]! * 10 ** (-300 * (i / rows) ** 2));
}

/** Shapes in which to look at them: square, wide and tall; small, and large enough for the Gram matrix. */
export const DEFICIENT_SHAPES = [[16, 16], [16, 27], [27, 16], [45, 45], [40, 70], [70, 40]] as const;

/** Every kind in a shape. */
export function deficientMatrices(rows: number, cols: number): readonly DeficientMatrix[] {
  return [
    { name: "zero", a: matrix(rows, cols), rank: 0 },
    { name: "three columns", a: fewColumns(rows, cols, 3), rank: 3 },
    { name: "a product of thin matrices", a: product(rows, cols, 3, false), rank: 3 },
    { name: "a product of whole numbers", a: product(rows, cols, 5, true), rank: 5 },
    { name: "equal rows", a: repeated(rows, cols, 4, "rows"), rank: 4 },
    { name: "equal columns", a: repeated(rows, cols, 4, "columns"), rank: 4 },
    {
      name: "zero rows and columns",
      a: deadChannels(rows, cols),
      rank: Math.min(Math.ceil(rows / 3), Math.ceil(cols / 2)),
    },
    { name: "equal rows of all sizes", a: graded(repeated(rows, cols, 1, "rows")), rank: 1 },
    { name: "rows of all sizes", a: graded(normalMatrix(rows, cols, 56)), rank: null },
  ];
}
